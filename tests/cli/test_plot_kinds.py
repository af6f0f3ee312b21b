"""The kinds of ``graphvtr plot`` that need a model, a run or scores, on a few clips of MovingScenes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.errors import DataError
from graphvtr.nn import HGR, VSE
from graphvtr.tasks import CheckpointInfo, make_vocabulary, save_checkpoint
from graphvtr.tasks.curves import read_curves


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An untrained HGR and VSE, the validation split of 40 clips, and the flags that name it."""
    folder = tmp_path_factory.mktemp("plots")
    scenes = MovingScenes(folder / "cache", "val", num_clips=40, workers=0, progress=False)
    vocabulary = make_vocabulary(scenes)
    torch.manual_seed(0)
    for name, kind in (("hgr", HGR), ("vse", VSE)):
        model = kind(len(vocabulary), scenes.video_dim, hidden=8, word_dim=4)
        save_checkpoint(folder / f"{name}.ckpt", model, vocabulary, CheckpointInfo(name, video_dim=scenes.video_dim))
    flags = [
        "--data",
        "moving_scenes",
        "--split",
        "val",
        "--option",
        "num_clips=40",
        "--option",
        "progress=false",
        "--cache",
        str(folder / "cache"),
    ]
    return SimpleNamespace(folder=folder, scenes=scenes, flags=flags)


def written(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
def test_gallery(setting: SimpleNamespace, tmp_path: Path, direction: str) -> None:
    out = tmp_path / "g.svg"
    args = [str(setting.folder / "hgr.ckpt"), *setting.flags, "--direction", direction, "--queries", "2", "--top", "2"]
    assert main(["plot", "gallery", *args, "--out", str(out)]) == 0
    assert "entity" in written(out)
    assert any(name in written(out) for name in setting.scenes.videos)


def test_frames(setting: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "f.svg"
    args = ["plot", "frames", str(setting.folder / "hgr.ckpt"), *setting.flags, "--out", str(out)]
    assert main([*args[:3], "a red ball chases a blue box", *args[3:], "--video", setting.scenes.videos[1]]) == 0
    assert "chases  [V]" in written(out).replace("&#160;", " ")
    assert setting.scenes.videos[1] in written(out)
    assert main(args) == 0
    assert main([*args, "--video", "none"]) == 2
    assert "video 'none': is not in moving_scenes/val" in capsys.readouterr().err
    assert main(["plot", "frames", str(setting.folder / "vse.ckpt"), *setting.flags, "--out", str(out)]) == 2
    assert "has no level that attends over frames" in capsys.readouterr().err


def test_attention_of_a_checkpoint(setting: SimpleNamespace, tmp_path: Path) -> None:
    args = ["plot", "role-graph", "a red ball chases a blue box", "--checkpoint", str(setting.folder / "hgr.ckpt")]
    assert main([*args, "--out", str(tmp_path / "a.svg"), "--words"]) == 0
    assert "1: 0." in written(tmp_path / "a.svg")
    assert main([*args, "--out", str(tmp_path / "a.html")]) == 0
    assert written(tmp_path / "a.html").count("<button") == 2


def test_ranks(setting: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = np.random.default_rng(0).random((len(setting.scenes.videos), len(setting.scenes)), dtype=np.float32)
    np.savez(tmp_path / "one.npz", scores=scores)
    np.savez(tmp_path / "two.npz", scores=scores[:1])
    args = [*setting.flags, "--out", str(tmp_path / "r.svg")]
    assert main(["plot", "ranks", str(tmp_path / "one.npz"), *args]) == 0
    assert "chance" in written(tmp_path / "r.svg")
    assert main(["plot", "ranks", str(tmp_path / "two.npz"), *args]) == 2
    assert "two.npz: has scores [1, 15] for [3, 15]" in capsys.readouterr().err
    (tmp_path / "bad.npz").write_bytes(b"x")
    assert main(["plot", "ranks", str(tmp_path / "bad.npz"), *args]) == 2
    assert "is not a whole, plain npz file" in capsys.readouterr().err


def test_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    run = tmp_path / "run"
    for part in ([1.0, 3.0], [9.0, 2.0]):  # resumed after step 0: step 1 was logged twice
        with tensorboard.SummaryWriter(str(run / "tensorboard")) as writer:
            for step, value in enumerate(part):
                writer.add_scalar("val/rsum", value, step + (part[0] == 9.0))
                writer.add_scalar("chance/rsum", 4.5, step + (part[0] == 9.0))
    assert read_curves(run) == {"val/rsum": [1.0, 9.0, 2.0], "chance/rsum": [4.5] * 3}
    assert main(["plot", "curves", str(run), "--out", str(tmp_path / "c.svg")]) == 0
    assert "val/rsum" in written(tmp_path / "c.svg")
    assert "chance" in written(tmp_path / "c.svg")
    assert main(["plot", "curves", str(run), "--value", "chance/rsum", "--out", str(tmp_path / "d.svg")]) == 0
    assert ">chance<" not in written(tmp_path / "d.svg")
    assert main(["plot", "curves", str(run), "--value", "loss", "--out", str(tmp_path / "c.svg")]) == 2
    assert "'loss': was not logged (known: chance/rsum, val/rsum)" in capsys.readouterr().err
    with pytest.raises(DataError, match="no such folder"):
        read_curves(tmp_path)
    (tmp_path / "empty" / "tensorboard").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no curves"):
        read_curves(tmp_path / "empty")
