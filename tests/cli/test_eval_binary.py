"""``graphvtr eval --binary``: a file of pairs, and the negatives of MovingScenes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.nn import HGR
from graphvtr.tasks import CheckpointInfo, make_vocabulary, save_checkpoint
from graphvtr.tasks.binary import binary_margins, own_pairs
from graphvtr.text.pairs import BinaryPair, write_pairs

CLIPS = 40


@pytest.fixture
def setting(tmp_path: Path) -> tuple[list[str], MovingScenes, HGR]:
    """Flags of the command, the split and the model."""
    scenes = MovingScenes(tmp_path / "cache", "val", num_clips=CLIPS, workers=0, progress=False)
    vocabulary = make_vocabulary(scenes)
    torch.manual_seed(0)
    model = HGR(len(vocabulary), scenes.video_dim, hidden=8, word_dim=4)
    save_checkpoint(tmp_path / "m.ckpt", model, vocabulary, CheckpointInfo("hgr", video_dim=scenes.video_dim))
    flags = [
        "eval",
        str(tmp_path / "m.ckpt"),
        "--data",
        "moving_scenes",
        "--split",
        "val",
        "--cache",
        str(tmp_path / "cache"),
        "--option",
        f"num_clips={CLIPS}",
        "--option",
        "progress=false",
        "--samples",
        "50",
    ]
    return flags, scenes, model.eval()


def test_own_negatives(setting, capsys: pytest.CaptureFixture[str]) -> None:
    flags, scenes, model = setting
    assert main([*flags, "--binary", "dataset", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    pairs, positives, negatives = own_pairs(scenes)
    assert [(pair.positive, pair.negative) for pair in pairs] == [
        (positives[i].caption, negatives[i].caption) for i in range(len(pairs))
    ]
    margins = binary_margins(
        model, scenes, [pair.video for pair in pairs], positives, negatives, make_vocabulary(scenes)
    )
    for kind, one in found["kinds"].items():
        chosen = [i for i, pair in enumerate(pairs) if pair.kind == kind]
        assert one["pairs"] == len(chosen)
        assert one["value"] == pytest.approx(100 * float((margins[chosen] > 0).float().mean()))


def test_a_file_is_parsed(setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags, scenes, _ = setting
    pairs = [
        BinaryPair(scenes.videos[0], "a red ball chases a blue box", "a blue box chases a red ball", "switch roles"),
        BinaryPair(scenes.videos[1], "a red ball chases a blue box", "a red ball", "incomplete events"),
        BinaryPair(scenes.videos[1], "the same words", "the same words", "nothing"),
    ]
    write_pairs(tmp_path / "p.jsonl", pairs)
    assert main([*flags, "--binary", str(tmp_path / "p.jsonl")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines[1:]] == [
        "switch roles",
        "incomplete events",
        "nothing",
        "average",
        "chance",
    ]
    assert "(1 equal scores count as wrong)" in lines[3]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--levels"], "--binary: ranks nothing"),
        (["--samples", "0"], "samples: is 0"),
    ],
)
def test_flags_that_do_not_go_together(setting, more: list[str], message: str, capsys) -> None:
    assert main([*setting[0], "--binary", "dataset", *more]) == 2
    assert message in capsys.readouterr().err
