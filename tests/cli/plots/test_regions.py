"""``graphvtr plot regions``: pictures at the times that were described, and errors that say what to give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.cli.plots.regions import pictures_at
from graphvtr.errors import DataError
from graphvtr.nn import VSE, ViSERN
from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint
from graphvtr.text import Vocabulary
from graphvtr.video import FeatureStore
from tests.clips import grey, write_clip

av = pytest.importorskip("av")

SMALL = {"hidden": 8, "word_dim": 4, "video_rnn": 4, "text_rnn": 4, "filters": 3}
VOCABULARY = Vocabulary.from_captions([["a", "dog"]])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames a second, frame i of grey 25 i."""
    return write_clip(tmp_path / "dog.mp4", 10, codec="mpeg4", width=48, height=32, picture=grey(25))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    out = FeatureStore.create(tmp_path / "store", {"frame_x": 2, "region_x": 6})
    frame = torch.tensor([0, 0, 1])
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.2, 0.2, 0.9, 0.9], [0.1, 0.1, 1.0, 1.0]])
    out.add(
        "dog",
        {
            "frame_x": torch.zeros(2, 2),
            "frame_time": torch.tensor([0.3, 0.7]),
            "region_x": torch.randn(3, 6),
            "region_box": box,
            "region_score": torch.ones(3),
            "region_frame": frame,
        },
    )
    return out.path


def checkpoint(path: Path, model: torch.nn.Module, name: str = "visern") -> Path:
    save_checkpoint(path, model, VOCABULARY, CheckpointInfo(name, video_dim=2))
    return path


def test_a_file_whose_regions_are_in_a_store(tmp_path: Path, clip: Path, store: Path, capsys) -> None:
    saved = checkpoint(tmp_path / "a.ckpt", ViSERN(len(VOCABULARY), region_dim=6, **SMALL))
    out = tmp_path / "a.svg"
    call = ["plot", "regions", str(saved), str(clip), "--store", str(store), "--out", str(out), "--frames", "2"]
    assert main([*call, "--caption", "a dog & a cat"]) == 0
    text = out.read_text()
    assert "a dog &amp; a cat" in text
    assert "0.3 s" in text
    assert "0.7 s" in text
    assert main([*call, "--name", "cat"]) == 2
    assert "cat" in capsys.readouterr().err


def test_a_clip_of_moving_scenes(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    saved = checkpoint(tmp_path / "a.ckpt", ViSERN(len(VOCABULARY), region_dim=198, **SMALL))
    out = tmp_path / "a.png"
    call = ["plot", "regions", str(saved), "1", "--data", "moving_scenes", "--option", "num_clips=20", "--out"]
    assert main([*call, str(out), "--frames", "2", "--dpi", "40"]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    call[3] = "99"
    assert main([*call, str(out)]) == 2
    assert "clip '99': is not in moving_scenes/test" in capsys.readouterr().err


def test_models_without_a_map_and_clips_without_regions(tmp_path: Path, clip: Path, store: Path, capsys) -> None:
    saved = checkpoint(tmp_path / "a.ckpt", VSE(len(VOCABULARY), 2, hidden=4, word_dim=3), "vse")
    out = ["--out", str(tmp_path / "a.png")]
    assert main(["plot", "regions", str(saved), str(clip), "--store", str(store), *out]) == 2
    assert "is a VSE, which has no map of regions" in capsys.readouterr().err
    assert main(["plot", "regions", str(saved), str(clip), *out]) == 2
    assert "needs one of --store and --data" in capsys.readouterr().err


def test_pictures_are_those_on_screen(clip: Path) -> None:
    pictures = pictures_at(clip, torch.tensor([0.0, 0.3, 0.7]).tolist())
    assert pictures.shape == (3, 32, 48, 3)
    np.testing.assert_allclose(pictures.mean(axis=(1, 2, 3)), [0, 75, 175], atol=6)
    with pytest.raises(DataError, match=r"has no picture at 2\.0 s"):
        pictures_at(clip, [2.0])
