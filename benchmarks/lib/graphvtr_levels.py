"""Which level of GraphVTR tells captions apart that differ in one thing, and which one stands in the way?

Captions of *validation* videos against wrong ones made from their role graphs (graphvtr.text.perturb), so that weights
may be chosen here: rsum and accuracy by kind of each level alone, and of sums of levels. ``hubs of captions`` is the
half of that level that differs between captions of one video. 5 CPU minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import vitatecs
from benchmarks.lib import graphvtr_msrvtt as study
from benchmarks.lib import msrvtt
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.trial import small
from graphvtr.metrics import both_directions
from graphvtr.nn.pair_margins import pair_margins
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import prepare
from graphvtr.text.pairs import ALL_KINDS
from graphvtr.text.perturb import perturb

HUBS, EVENT = (0.0, 0.5, 1.0), (0.0, 0.5, 1.0, 2.0)


def level_scores(checkpoint: Path, pairs: vitatecs.Pairs) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Scores of the split's own captions [Nv, Nt] and margins of the pairs [n], by level.

    Args:
        checkpoint: of a GraphVTR.
        pairs: of the split.
    """
    model = load(checkpoint)
    own, made = (prepare(split, model, model.require_vocabulary()) for split in (pairs.test, pairs.as_split))
    with torch.inference_mode():
        video = encode_videos(model, own.video_graphs)
        scores, told = (model.level_scores(video, encode_texts(model, one.role_graphs)) for one in (own, made))
        margins = pair_margins(told, pairs.owner)
        by_level = dict(zip(model.levels, scores, strict=True))
        if "hubs" in by_level:  # -h(v) - h(c): of one video the first half is the same for all captions
            by_level["hubs of videos"] = by_level["hubs"].mean(1, keepdim=True).expand_as(by_level["hubs"])
            by_level["hubs of captions"] = by_level["hubs"] - by_level["hubs of videos"]
    by_margin = dict(zip(model.levels, margins, strict=True))
    if "hubs" in by_margin:
        by_margin |= {"hubs of captions": by_margin["hubs"], "hubs of videos": torch.zeros_like(by_margin["hubs"])}
    return by_level, by_margin


def sums(levels: list[str]) -> dict[str, dict[str, float]]:
    """Name -> weight of each level: each alone, then sums beside the start."""
    found: dict[str, dict[str, float]] = {level: {level: 1.0} for level in levels}
    for hubs, weight, event in itertools.product(("hubs", "hubs of videos"), HUBS, EVENT):
        weights = {level: value for level, value in ((hubs, weight), ("event", event)) if value and level in levels}
        found["start" + "".join(f" + {value:g} {level}" for level, value in weights.items())] = {
            "start": 1.0,
            **weights,
        }
    return found


def run(arguments: argparse.Namespace) -> None:
    """The table ``flagship_levels``, of finished seeds on MSR-VTT: of the first row asked for, or of the model."""
    quick = arguments.quick
    splits, trials = study.subset(arguments, test=False)
    trials.score = ("val", "test")  # what the runs were scored on is part of their key
    row = (arguments.rows or [study.FULL.name])[0]
    made = study.rows(study.hard_pairs(splits["train"], arguments.captions, quick))
    if row not in made:
        return
    trial = small(made[row]) if quick else made[row]
    seeds = trials.trained(trial, range(arguments.seeds))
    if not seeds:
        print(f"levels: no seed of '{row}' is trained on this machine", file=sys.stderr)
        return
    val = splits["val"]
    wrong = perturb(val.videos, val.video_of_caption, val.role_graphs, kinds=ALL_KINDS, per_video=1 if quick else 5)
    pairs = vitatecs.Pairs(val, list(wrong))
    margins = vitatecs.closed_forms(trials, pairs, refit=False)
    rsums: dict[str, list[float]] = {}
    for seed in seeds:
        scores, told = level_scores(trials.result(trial, seed).checkpoint, pairs)
        for name, weights in sums(list(told)).items():
            margins.setdefault(name, []).append(sum_of(told, weights))
            found = both_directions(sum_of(scores, weights), val.video_of_caption)["rsum"]
            rsums.setdefault(name, []).append(found)
    table = {name: pairs.accuracy(some) for name, some in margins.items()}
    mean = {name: sum(values) / len(values) for name, values in rsums.items()}
    with contextlib.nullcontext() if quick else printed_to("flagship_levels"):
        print(f"{row}, {len(seeds)} seeds; {len(val.videos)} validation videos\n")
        labels = {name: f"{name}: rsum {mean[name]:.1f}" if name in mean else name for name in table}
        vitatecs.show({labels[name]: row for name, row in table.items()}, {}, "wrong captions from role graphs")
    if not quick:
        plain: dict[str, Any] = {name: {"rsum": mean.get(name), "pairs": row} for name, row in table.items()}
        write_result("flagship_levels", plain, row=row, seeds=seeds, note=msrvtt.NOTE)


def sum_of(levels: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The weighted sum of some levels."""
    return torch.stack([weight * levels[level] for level, weight in weights.items()]).sum(0)
