"""The judge of HGR's candidates: clips joined and cut into folds, ranks within folds, and the rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.datasets import DataSource, build_dataset
from graphvtr.metrics import both_directions

pytest.importorskip("pytorch_lightning")


@pytest.fixture
def presets(load_benchmark: Callable[[str], Any]) -> Any:
    return load_benchmark("accuracy.hgr_presets")


@pytest.fixture
def accuracy(load_benchmark: Callable[[str], Any]) -> Any:
    return load_benchmark("lib.runs")


def test_queries_are_ranked_within_their_fold(accuracy: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    folds = []
    for videos in (14, 12):
        owner = torch.arange(videos).repeat_interleave(3)
        folds.append((torch.rand(videos, len(owner), generator=generator), owner))
    found = accuracy.Runs.of_folds([folds])
    sizes = np.array([14, 12]) / 26
    alone = [both_directions(scores, owner) for scores, owner in folds]
    for side in ("t2v", "v2t"):
        for metric in ("R@1", "R@5", "R@10", "MnR"):
            wanted = sum(size * one[side][metric] for size, one in zip(sizes, alone, strict=True))
            assert found.values[f"{side} {metric}"] == pytest.approx([wanted])
    assert found.draws["rsum"].std() > 0


def test_one_fold_is_the_plain_table(accuracy: Any) -> None:
    scores = torch.rand(9, 20, generator=torch.Generator().manual_seed(1))
    owner = torch.arange(20) % 9
    found, wanted = accuracy.Runs.of([scores], owner), both_directions(scores, owner)
    assert found.values["rsum"] == pytest.approx([wanted["rsum"]])
    assert found.values["t2v MedR"] == pytest.approx([wanted["t2v"]["MedR"]])


def test_folds_hold_every_clip_once_with_its_captions(presets: Any, tmp_path: Path) -> None:
    source = DataSource(cache=tmp_path, options={"num_clips": 40, "progress": False, "workers": 0})
    one, two = (build_dataset("moving_scenes", split, source) for split in ("train", "val"))
    whole = presets.joined(one, two)
    assert whole.videos == [*one.videos, *two.videos]
    said = {video: [] for video in whole.videos}
    for caption, owner in zip(whole.captions, whole.video_of_caption.tolist(), strict=True):
        said[whole.videos[owner]].append(caption)
    assert said[two.videos[0]] == [two.captions[i] for i in (two.video_of_caption == 0).nonzero().flatten()]
    chosen = [3, 30, 0]
    cut = presets.part(whole, chosen, "fold")
    assert cut.videos == [whole.videos[index] for index in chosen]
    for place, graph in enumerate(cut.role_graphs):
        owner = cut.videos[int(cut.video_of_caption[place])]
        assert graph.caption == cut.captions[place]
        assert cut.captions[place] in said[owner]
    for place, name in enumerate(cut.videos):
        assert cut.video_graphs[place].name == name
        assert int((cut.video_of_caption == place).sum()) == len(said[name])


def compared(presets: Any, better: dict[str, float], noise: int = 0) -> dict[str, Any]:
    """The comparison of made-up runs: on each dataset InfoNCE's true pairs score ``better``, with noise of its own."""
    owner = torch.arange(60)

    def trials_of(data: str) -> Any:
        def result(trial: Any, seed: int) -> Any:
            other = trial.name == "InfoNCE"
            generator = torch.Generator().manual_seed(seed + other * noise)
            signal = 1.0 + other * better[data]
            return SimpleNamespace(scores={"val": torch.randn(60, 60, generator=generator) + signal * torch.eye(60)})

        val = SimpleNamespace(video_of_caption=owner)
        return SimpleNamespace(splits={"val": val}, result=result, finished=lambda trial, seeds: list(seeds))

    trials = {data: [trials_of(data)] for data in presets.DATASETS}
    rows = {data: presets.rows_of({}, {}) for data in presets.DATASETS}
    return presets.compare(trials, rows, range(2))  # type: ignore[no-any-return]


def test_only_a_candidate_ahead_on_both_wins(presets: Any) -> None:
    names = presets.DATASETS
    both = compared(presets, dict.fromkeys(names, 2.0))
    assert both["InfoNCE"]["wins"]
    assert not both[presets.PAPER]["wins"]
    assert not both["LayerNorm"]["wins"]  # level with the paper's
    assert both["LayerNorm"]["both"] == {"mean": 0.0, "interval": (0.0, 0.0)}
    one = compared(presets, {names[0]: 3.0, names[1]: -0.5})
    assert one["InfoNCE"]["both"]["mean"] > 0
    assert not one["InfoNCE"]["wins"]
    luck = compared(presets, dict.fromkeys(names, 0.0), noise=8)["InfoNCE"]
    assert min(luck[data]["less the paper's"]["mean"] for data in names) > 0
    assert luck["both"]["interval"][0] <= 0
    assert not luck["wins"]
