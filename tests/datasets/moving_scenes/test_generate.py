from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import SPLITS, Script, generate
from graphvtr.datasets.moving_scenes.generate import (
    ClipData,
    default_workers,
    make_clip,
    make_clips,
    split_sizes,
    write_scripts,
)
from tests.processes import clean_context


def same(one: ClipData, other: ClipData) -> bool:
    arrays = all(
        np.array_equal(a, b)
        for a, b in (
            (one.frame_x, other.frame_x),
            (one.region_x, other.region_x),
            (one.regions.box, other.regions.box),
            (one.regions.track, other.regions.track),
            (one.regions.score, other.regions.score),
        )
    )
    return arrays and one.script == other.script and one.captions == other.captions and one.negatives == other.negatives


@pytest.mark.parametrize(("num_clips", "sizes"), [(2000, (1400, 150, 225, 225)), (20, (14, 2, 2, 2))])
def test_split_sizes(num_clips: int, sizes: tuple[int, ...]) -> None:
    assert tuple(split_sizes(num_clips)[split] for split in SPLITS) == sizes


def test_scripts_follow_from_the_seed(scripts: dict[str, list[Script]]) -> None:
    assert write_scripts(60, 3, None) == write_scripts(60, 3, None)
    assert write_scripts(60, 3, None) != write_scripts(60, 4, None)
    names = [script.name for split in scripts.values() for script in split]
    assert len(set(names)) == len(names) == 2000


def test_clips_do_not_depend_on_workers(scripts: dict[str, list[Script]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "CleanContext", clean_context)  # whose processes need not import torch
    few = scripts["val"][:12]
    alone = list(make_clips(few, num_frames=16, unseen=False, workers=0, progress=False))
    together = list(make_clips(few, num_frames=16, unseen=False, workers=2, progress=False))
    assert len(alone) == 12
    assert all(same(one, other) for one, other in zip(alone, together, strict=True))


def test_clips_do_not_depend_on_each_other(scripts: dict[str, list[Script]]) -> None:
    few = scripts["val"][:4]
    all_of_them = list(make_clips(few, num_frames=16, unseen=False, workers=0, progress=False))
    last = make_clip(few[-1], num_frames=16, unseen=False, keep_frames=True)
    assert same(all_of_them[-1], last)
    assert all_of_them[-1].frames is None
    assert last.frames is not None
    assert last.frames.shape == (16, 64, 64, 3)


def test_numbers_of_frames(scripts: dict[str, list[Script]]) -> None:
    clip = make_clip(scripts["val"][0], num_frames=12, unseen=False, keep_frames=False)
    assert clip.frame_x.shape[0] == 12
    assert clip.regions.frame.max() == 11


def test_default_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate.os, "cpu_count", lambda: 4)
    assert default_workers(1400) == 2
    assert default_workers(10) == 0
    monkeypatch.setattr(generate.multiprocessing, "current_process", lambda: SimpleNamespace(daemon=True))
    assert default_workers(1400) == 0  # a worker of a loader may have none
    monkeypatch.undo()
    monkeypatch.setattr(generate.os, "cpu_count", lambda: 1)
    assert default_workers(1400) == 0
