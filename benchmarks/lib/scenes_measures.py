"""What MovingScenes with twins asks of a trained model beside retrieval: twins told apart, own pairs, levels alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib.runs import with_seeds
from benchmarks.lib.trial import Trial
from benchmarks.lib.trials import Trials
from graphvtr.datasets import RetrievalDataset
from graphvtr.metrics import between_twins, both_directions, percentiles, twin_positions
from graphvtr.nn import HGR, RetrievalModel
from graphvtr.tasks.binary import binary_margins, own_pairs
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import prepare


def choices(test: RetrievalDataset, model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
    """Whether each clip and each caption is told from its twin's, NaN where there is none, one after another."""
    return torch.cat(between_twins(scores["test"], test.video_of_caption, twin_positions(test.videos)))


def between(trials: Trials, rows: dict[str, Trial], there: dict[str, list[int]]) -> dict[str, Any]:
    """How often clips and captions are told from their twins', with intervals over seeds and pairs of clips."""
    test = trials.splits["test"]
    twin, own = twin_positions(test.videos), torch.arange(len(test.videos))
    pair = torch.minimum(own, torch.where(twin < 0, own, twin))[test.video_of_caption].numpy()
    drawn = np.random.default_rng(0).multinomial(len(own), np.full(len(own), 1 / len(own)), 1000)
    found: dict[str, Any] = {}
    for name, seeds in there.items():
        told = [one.chunk(2) for one in trials.measured(rows[name], seeds, "between twins")]
        for side, values in zip(("clips", "captions"), zip(*told, strict=True), strict=True):
            shares = []
            for value in values:
                has = ~value.isnan().numpy()
                count = np.bincount(pair[has], minlength=len(own))
                right = np.bincount(pair[has], value.numpy()[has], len(own))
                shares.append(100 * (drawn @ right) / np.maximum(drawn @ count, 1))
            mean = 100 * float(np.mean([value.nanmean() for value in values]))
            found.setdefault(name, {})[side] = {"mean": mean, "interval": percentiles(with_seeds(np.stack(shares)))}
    return found


def own_margins(test: RetrievalDataset, model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
    """Margins of the test clips' own pairs."""
    pairs, right, wrong = own_pairs(test)
    assert right is not None
    assert wrong is not None
    return binary_margins(model, test, [pair.video for pair in pairs], right, wrong, model.require_vocabulary())


def level_sums(test: RetrievalDataset, model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
    """rsum of each level alone on the test clips, [levels]; empty for models of one level."""
    if not isinstance(model, HGR):
        return torch.zeros(0)
    split = prepare(test, model, model.require_vocabulary())
    with torch.inference_mode():
        levels = model.level_scores(encode_videos(model, split.video_graphs), encode_texts(model, split.role_graphs))
    return torch.tensor([both_directions(level, split.video_of_caption)["rsum"] for level in levels])
