"""Clips from seeds: scripts of all splits, and everything a dataset stores of a clip."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from graphvtr.clean_process import CleanContext
from graphvtr.datasets.moving_scenes.captions import write_captions
from graphvtr.datasets.moving_scenes.features import Regions, find_regions, frame_features, region_crops
from graphvtr.datasets.moving_scenes.negatives import write_negatives
from graphvtr.datasets.moving_scenes.render import render
from graphvtr.datasets.moving_scenes.script import Script, ScriptWriter
from graphvtr.datasets.moving_scenes.simulate import stage
from graphvtr.datasets.moving_scenes.twins import write_twins
from graphvtr.ending import begin_worker, ending
from graphvtr.text.graph_lists import GraphLists

SPLITS = ("train", "val", "test", "test_unseen")
UNSEEN = "test_unseen"
FRAMES_PER_SECOND = 4.0
PARALLEL_FROM = 800
"""Clips from which a second process pays: each has to import torch first."""


@dataclass(frozen=True)
class ClipData:
    """What is stored of a clip.

    Args:
        script: as staged.
        frames: [T, H, W, 3], for featurizers; None where they are not wanted.
        frame_x: [T, 1728].
        regions: boxes, scores, frames and tracks of R regions.
        region_x: [R, 198].
        captions: gold graph and template of each caption.
        negatives: kind, position of the positive caption, and graph.
    """

    script: Script
    frames: NDArray[np.uint8] | None
    frame_x: NDArray[np.float32]
    regions: Regions
    region_x: NDArray[np.float32]
    captions: list[tuple[GraphLists, str]]
    negatives: list[tuple[str, int, GraphLists]]


def split_sizes(num_clips: int) -> dict[str, int]:
    """Clips of each split: 7.5 % val, 11.25 % each of test and test_unseen, the rest train."""
    val, test = round(0.075 * num_clips), round(0.1125 * num_clips)
    return {"train": num_clips - val - 2 * test, "val": val, "test": test, UNSEEN: test}


def write_scripts(num_clips: int, seed: int, distractors: int | None, twins: bool = False) -> dict[str, list[Script]]:
    """The scripts of every split, all different; the same arguments give the same scripts. With ``twins`` every other
    one is the twin of the one before (:mod:`~graphvtr.datasets.moving_scenes.twins`)."""
    writer = ScriptWriter()
    scripts: dict[str, list[Script]] = {}
    for split, size in reversed(split_sizes(num_clips).items()):  # the small splits first, while every kind is free
        scripts[split] = []
        for number in range(0, size, 2) if twins else range(size):
            rng = np.random.default_rng([seed, SPLITS.index(split), number])
            name, unseen = f"{split}-{number:05d}", split == UNSEEN
            if twins and number + 1 < size:
                scripts[split] += write_twins(writer, rng, name, unseen=unseen, distractors=distractors)
            else:
                scripts[split].append(writer.write(rng, name, unseen=unseen, distractors=distractors))
    return scripts


def make_clip(script: Script, *, num_frames: int, unseen: bool, keep_frames: bool, weather: float = 0.0) -> ClipData:
    """Stage, render and describe one clip; depends on nothing but its arguments."""
    script, motion = stage(script, num_frames)
    rendering = render(script, motion, weather)
    regions = find_regions(rendering)
    captions = write_captions(np.random.default_rng([script.seed, 3]), script)
    negatives = write_negatives(np.random.default_rng([script.seed, 4]), script, captions, unseen=unseen)
    return ClipData(
        script=script,
        frames=rendering.frames if keep_frames else None,
        frame_x=frame_features(rendering.frames),
        regions=regions,
        region_x=region_crops(rendering.frames, regions),
        captions=[(caption.lists, caption.wording.template) for caption in captions],
        negatives=[(negative.kind, negative.positive, negative.caption.lists) for negative in negatives],
    )


def make_clips(
    scripts: Sequence[Script],
    *,
    num_frames: int,
    unseen: bool,
    keep_frames: bool = False,
    weather: float = 0.0,
    workers: int | None = None,
    progress: bool = True,
) -> Iterator[ClipData]:
    """The clips of ``scripts``, in order, made by ``workers`` processes.

    Args:
        scripts: what happens.
        num_frames: frames of a clip.
        unseen: whether negatives may name held-out compositions.
        keep_frames: keep the pictures.
        weather: see :func:`~graphvtr.datasets.moving_scenes.render.render`.
        workers: processes; 0 works in this one, None takes up to two for many clips. Clips do not depend on it.
        progress: show a bar on stderr.
    """
    make = partial(make_clip, num_frames=num_frames, unseen=unseen, keep_frames=keep_frames, weather=weather)
    bar = partial(tqdm, total=len(scripts), desc="moving scenes", unit="clip", disable=not progress)
    count = default_workers(len(scripts)) if workers is None else workers
    if count < 2:
        yield from bar(map(make, scripts))
        return
    with ending(ProcessPoolExecutor(count, CleanContext(), begin_worker)) as pool:
        yield from bar(pool.map(make, scripts, chunksize=8))


def default_workers(num_clips: int) -> int:
    """Two where there are two cores, enough clips, and this process may have processes of its own; else none."""
    alone = (os.cpu_count() or 1) < 2 or multiprocessing.current_process().daemon
    return 0 if alone or num_clips < PARALLEL_FROM else 2
