"""A Ray cluster of two workers: the files of one process, also when a worker is killed on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from graphvtr.cli.main import main
from graphvtr.cluster import Cluster, cluster_of, connect, connected
from graphvtr.ending import interruptible
from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.tasks import CheckpointInfo, save_checkpoint
from graphvtr.text import Vocabulary
from graphvtr.video import FeatureStore, extract
from tests.clips import write_clip
from tests.cluster_work import Unreadable, squares
from tests.parsers import write_parser
from tests.video.conftest import MeanColour

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.usefixtures("two_workers")

ONCE = """
if caption == "dog 700 barks" and not os.path.exists({marker!r}):
    open({marker!r}, "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""
BACKBONE = """
from graphvtr.video import FEATURIZERS, PixelDescriptor

@FEATURIZERS.register("own")
class Own(PixelDescriptor):
    name = "own"

    def __init__(self, device="cpu"):
        super().__init__()
"""


def die(marker: Path) -> None:
    """The first time, end this process as the system does when memory is short."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_stop_is_still_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's driver takes SIGTERM over, and would exit with 15 instead of 143."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: signal.signal(signal.SIGTERM, lambda *args: None))
    with interruptible():
        before = signal.getsignal(signal.SIGTERM)
        connect()
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("there", [False, True])
def test_what_is_begun_for_one_piece_of_work_ends_with_it(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: there)
    for name in ("init", "shutdown"):
        monkeypatch.setattr(ray, name, lambda name=name, **options: told.append(name))
    with contextlib.suppress(KeyError), connected() as found:
        assert found is ray
        raise KeyError("an error ends it too")
    assert told == ([] if there else ["init", "shutdown"])


class KilledOnce(MeanColour):
    """Its first picture kills the process."""

    def __init__(self, marker: Path) -> None:
        super().__init__()
        self.marker = marker

    def __call__(self, frames: Tensor) -> Tensor:
        die(self.marker)
        return super().__call__(frames)


def test_tasks() -> None:
    cluster = Cluster(workers=2, retries=0)
    assert list(cluster.run(squares, range(8))) == [number**2 for number in range(8)]
    assert list(cluster.run(squares, [2, 100, 4], died=lambda item: -item)) == [4, -100, 16]
    with pytest.raises(DataError, match="number: is 50"):
        list(cluster.run(squares, [1, 50]))
    with pytest.raises(DataError, match="died again and again over the same piece of work"):
        list(cluster.run(squares, [100]))
    with pytest.raises(DataError, match="cannot be sent to other processes"):
        list(cluster.run(threading.Lock().acquire, []))
    with pytest.raises(DataError, match="cannot be read in a process of the cluster: ImportError: no such class here"):
        list(cluster.run(partial(squares, Unreadable()), [1]))


def test_extract_after_a_death(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for number in range(5):
        write_clip(tmp_path / "clips" / f"{number}.mp4", 4 + number)
    settings = {"num_frames": 4, "progress": False}
    plain = extract(tmp_path / "clips", tmp_path / "plain", MeanColour(), **settings)
    found = extract(tmp_path / "clips", tmp_path / "ray", KilledOnce(tmp_path / "died"), engine="ray", **settings)
    assert (tmp_path / "died").exists()
    assert (found.extracted, found.failures) == (plain.extracted, {})
    assert FeatureStore.open(tmp_path / "ray").checksum() == FeatureStore.open(tmp_path / "plain").checksum()
    flags = ["--frames", "4", "--engine", "ray"]
    assert main(["extract", str(tmp_path / "clips"), "--out", str(tmp_path / "pixels"), *flags]) == 0
    assert len(FeatureStore.open(tmp_path / "pixels")) == 5


def test_a_backbone_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BACKBONE)
    (tmp_path / "clips").mkdir()
    write_clip(tmp_path / "clips" / "one.mp4", 4)
    flags = ["--frames", "4", "--backbone", f"{tmp_path / 'mine.py'}:own", "--engine", "ray"]
    assert main(["extract", str(tmp_path / "clips"), "--out", str(tmp_path / "store"), *flags]) == 0
    store = FeatureStore.open(tmp_path / "store")
    assert (store.names, store.provenance.made_by) == (["one"], "own")


def test_parse_after_a_death(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = write_parser(tmp_path / "parser.py", "once", ONCE.format(marker=str(tmp_path / "died")))
    (tmp_path / "captions.txt").write_text("".join(f"dog {number} barks\n" for number in range(1200)))
    arguments = ["parse", str(tmp_path / "captions.txt"), "--parser", parser]
    assert main([*arguments, "--out", str(tmp_path / "ray"), "--engine", "ray", "--workers", "2"]) == 0
    assert (tmp_path / "died").exists()
    assert main([*arguments, "--out", str(tmp_path / "plain")]) == 0
    assert (tmp_path / "ray").read_bytes() == (tmp_path / "plain").read_bytes()
    assert main([*arguments, "--out", str(tmp_path / "x"), "--engine", "ray", "--workers", "0"]) == 2
    assert "workers: is 0" in capsys.readouterr().err


def test_encode_after_a_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphvtr.tasks.embedding_file.CHUNK", 3)
    write_parser(tmp_path / "parser.py", "once more", ONCE.format(marker=str(tmp_path / "died")))
    vocabulary = Vocabulary(["barks", "dog"])
    model = HGR(len(vocabulary), 6, hidden=8, word_dim=4)
    info = CheckpointInfo("hgr", video_dim=6, parser="once more")
    save_checkpoint(tmp_path / "model.ckpt", model, vocabulary, info)
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 6}, {"features": {"name": "x"}})
    for number in range(8):
        store.add(str(number), {"frame_x": torch.randn(3, 6), "frame_time": torch.arange(3.0)})
    (tmp_path / "captions").write_text("".join(f"dog {number} barks\n" for number in range(695, 703)))
    for source in ("store", "captions"):
        arguments = [
            "--use",
            str(tmp_path / "parser.py"),
            "encode",
            str(tmp_path / "model.ckpt"),
            str(tmp_path / source),
            "--out",
        ]
        assert main([*arguments, str(tmp_path / f"{source}.ray"), "--engine", "ray"]) == 0
        assert (tmp_path / "died").exists() == (source == "captions")
        assert main([*arguments, str(tmp_path / f"{source}.plain")]) == 0
        assert (tmp_path / f"{source}.ray").read_bytes() == (tmp_path / f"{source}.plain").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("spark", None, 1), "engine 'spark': unknown .known: processes, ray"),
        (("processes", "auto", 1), "address: is 'auto', and processes need none"),
        (("ray", None, 0), "workers: is 0"),
    ],
)
def test_who_works(arguments: tuple[str, str | None, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        cluster_of(*arguments)
    assert cluster_of("processes", None, 2) is None
