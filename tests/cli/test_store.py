from __future__ import annotations

import json

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.video import FeatureStore
from tests.processes import Command


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 2}, {"made": "by hand"})
    for name in ("a", "b"):
        store.add(name, {"frame_x": torch.ones(3, 2)}, source={"file": f"{name}.mp4"})
    return store


def test_info(store, capsys):
    assert main(["store", "info", str(store.path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "clips": 2,
        "frames": 6,
        "widths": {"frame_x": 2},
        "settings": {"made": "by hand"},
        "checksum": store.checksum(),
        "damaged files": {},
        "not whole": {},
        "values": "not read: graphvtr store verify reads them",
    }


def test_info_on_a_clip(store, capsys):
    assert main(["store", "info", str(store.path), "--clip", "b"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["shapes"], found["source"]) == ("b", {"frame_x": [3, 2]}, {"file": "b.mp4"})
    assert main(["store", "info", str(store.path), "--clip", "c"]) == 2
    assert "clip 'c': is not in the store" in capsys.readouterr().err


def test_whoever_reads_may_stop(tmp_path):
    """As in ``graphvtr store info STORE | head``, with more to print than a pipe holds."""
    FeatureStore.create(tmp_path / "store", widths={"frame_x": 2}, settings={"long": ["x"] * 20_000})
    with Command("store", "info", tmp_path / "store") as process:
        assert process.stdout.readline() == "{\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        process.process.join(60)
        assert process.poll() == 141


def test_verify(store, capsys):
    assert main(["store", "verify", str(store.path)]) == 0
    assert "2 clips, 0 problems" in capsys.readouterr().out
    file = next(store.path.glob("clips/a-*"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert main(["store", "verify", str(store.path)]) == 1
    assert "a: its checksum does not match" in capsys.readouterr().out


def test_no_store(tmp_path, capsys):
    assert main(["store", "verify", str(tmp_path)]) == 2
    assert "is not a feature store" in capsys.readouterr().err
