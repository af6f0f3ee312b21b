"""Fine-grained binary selection: of two captions that differ in one thing, which one fits the clip (HGR, Table 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr.datasets import DataSource, RetrievalDataset
from graphvtr.datasets.parsing import parse_captions
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.metrics import percentiles
from graphvtr.metrics.bootstrap import Interval
from graphvtr.nn.feeding import Mismatch
from graphvtr.nn.models import RetrievalModel
from graphvtr.tasks.checkpoint import CheckpointInfo, load
from graphvtr.tasks.embed import encode_videos
from graphvtr.tasks.open import dataset_for
from graphvtr.text import Vocabulary
from graphvtr.text.pairs import FIELDS, BinaryPair, read_pairs
from graphvtr.text.parser import parser_from_file

OWN = "dataset"
"""In place of a file: the negatives that come with the dataset (MovingScenes)."""
TIE = 1e-6
"""Scores this near are equal: the same caption embedded in two batches differs by rounding."""


@dataclass(frozen=True)
class Accuracy:
    """Share of pairs, in per cent, whose positive scores higher; equal scores (to 1e-6) are wrong.

    Args:
        pairs: how many.
        value: the share.
        interval: 95 % bootstrap interval over videos.
        ties: how many have equal scores.
    """

    pairs: int
    value: float
    interval: Interval
    ties: int


@dataclass(frozen=True)
class BinarySelection:
    """Accuracy of every kind, in the order they come, and their mean (chance is 50)."""

    kinds: dict[str, Accuracy]
    average: float
    interval: Interval


def binary_margins(
    model: RetrievalModel,
    dataset: RetrievalDataset,
    videos: Sequence[str],
    positives: GraphStore[RoleGraph],
    negatives: GraphStore[RoleGraph],
    vocabulary: Vocabulary,
    *,
    batch_size: int = 64,
    device: str | torch.device = "cpu",
    progress: bool = False,
) -> Tensor:
    """How much higher the positive of each of N pairs scores than the negative, [N].

    Args:
        model: it is moved to ``device`` and put into evaluation mode.
        dataset: holds the clips; as it comes, not prepared.
        videos: N names of clips.
        positives: N caption graphs.
        negatives: N caption graphs.
        vocabulary: the model's.
        batch_size: pairs scored at a time.
        device: where to compute.
        progress: show progress bars.

    Raises:
        DataError: a clip that is not in the dataset, or a score that is not a number.
    """
    position = {name: index for index, name in enumerate(dataset.videos)}
    for video in videos:
        if video not in position:
            raise DataError(
                f"video '{video}'", f"is not in {dataset.name}/{dataset.split}", "give the split the pairs are of"
            )
    needed = sorted({position[video] for video in videos})
    place = {index: row for row, index in enumerate(needed)}
    model = model.to(device).eval()
    clips = dataset.video_graphs.subset(needed).mapped(model.transform_video)
    sides = [vocabulary.encode_store(graphs.mapped(model.transform_text)) for graphs in (positives, negatives)]
    row_of = torch.tensor([place[position[video]] for video in videos])
    order = torch.argsort(row_of, stable=True)  # pairs of one clip stand together: few clips a block
    margins = torch.empty(len(videos))
    with torch.inference_mode(), tqdm(total=len(videos), desc="pairs", disable=not progress, leave=False) as bar:
        embedded = encode_videos(model, clips, batch_size, device, progress)
        for part in order.split(batch_size):
            rows, row = row_of[part].unique(return_inverse=True)
            block = embedded.select(rows.to(device))
            right, wrong = (model.similarity(block, model.encode_text(side.batch(part).to(device))) for side in sides)
            column = torch.arange(len(part), device=right.device)
            margins[part] = (right - wrong)[row.to(device), column].float().cpu()
            bar.update(len(part))
    if bool(margins.isnan().any()):
        raise DataError(f"pair {int(margins.isnan().nonzero()[0])}", "has a score that is not a number", "train anew")
    return margins


def summarise(
    margins: Tensor, kinds: Sequence[str], videos: Sequence[str], *, samples: int = 1000, seed: int = 0
) -> BinarySelection:
    """Accuracies of N pairs by kind, with intervals over videos, which are drawn with all of their pairs.

    Args:
        margins: [N], see :func:`binary_margins`.
        kinds: N kinds.
        videos: N names.
        samples: resamples of the bootstrap.
        seed: of the bootstrap.

    Example:
        >>> margins = torch.tensor([0.1, -0.2, 0.3, 0.0])
        >>> found = summarise(margins, ["a", "a", "b", "b"], ["1", "2", "1", "2"])
        >>> found.kinds["a"].value, found.kinds["b"].ties, found.average
        (50.0, 1, 50.0)
    """
    names = list(dict.fromkeys(kinds))
    clip = {video: row for row, video in enumerate(dict.fromkeys(videos))}
    cell = np.array([clip[video] * len(names) + names.index(kind) for video, kind in zip(videos, kinds, strict=True)])
    right = (margins > TIE).double().numpy()
    equal = (margins.abs() <= TIE).numpy()
    count, hits = (
        np.bincount(cell, weights, len(clip) * len(names)).reshape(len(clip), len(names)) for weights in (None, right)
    )
    drawn = np.random.default_rng(seed).multinomial(len(clip), np.full(len(clip), 1 / len(clip)), samples)
    with np.errstate(invalid="ignore"):  # a resample without a kind has no share of it
        shares = 100 * (drawn @ hits) / (drawn @ count)  # [samples, kinds]
    values = 100 * hits.sum(0) / count.sum(0)
    tied = [int((equal & (cell % len(names) == column)).sum()) for column in range(len(names))]
    found = {
        name: Accuracy(int(count[:, i].sum()), float(values[i]), percentiles(_numbers(shares[:, i])), tied[i])
        for i, name in enumerate(names)
    }
    return BinarySelection(found, float(values.mean()), percentiles(_numbers(shares.mean(1))))


def select_checkpoint(
    checkpoint: str | Path,
    data: str,
    split: str,
    source: DataSource,
    pairs: str | Path,
    *,
    samples: int = 1000,
    seed: int = 0,
    device: str | torch.device = "cpu",
    progress: bool = False,
    mismatch: Mismatch = "error",
) -> BinarySelection:
    """Binary selection of a checkpoint on the clips of a split.

    Args:
        checkpoint: see :func:`graphvtr.load`.
        data, split, source: see :func:`graphvtr.tasks.open.dataset_for`.
        pairs: a file of :func:`graphvtr.text.pairs.read_pairs`, whose captions are parsed alike; or ``"dataset"``, the
            negatives that come with the dataset, with its own graphs unless ``source.parser`` is given.
        samples, seed: of the bootstrap.
        device: where to compute.
        progress: show progress bars.
        mismatch: see :func:`graphvtr.tasks.open.dataset_for`.

    Raises:
        DataError: see :func:`graphvtr.load`, :func:`graphvtr.tasks.open.dataset_for`,
            :func:`graphvtr.text.pairs.read_pairs` and :func:`binary_margins`; a dataset without negatives.
    """
    model = load(checkpoint)
    dataset, info = dataset_for(model, data, split, source, mismatch=mismatch), CheckpointInfo.of(model)
    parser = source.parser or (parser_from_file(info.parser, checkpoint) if info.parser else None)
    if str(pairs) == OWN:
        found, positives, negatives = own_pairs(dataset, parsed=parser is not None)
    else:
        found, positives, negatives = read_pairs(pairs), None, None
    if positives is None or negatives is None:
        texts = list(dict.fromkeys(text for pair in found for text in (pair.positive, pair.negative)))
        graphs = parse_captions(texts, DataSource(parser=parser, cache=source.cache))
        number = {text: index for index, text in enumerate(texts)}
        positives = graphs.subset([number[pair.positive] for pair in found])
        negatives = graphs.subset([number[pair.negative] for pair in found])
    videos = [pair.video for pair in found]
    margins = binary_margins(
        model, dataset, videos, positives, negatives, model.require_vocabulary(), device=device, progress=progress
    )
    return summarise(margins, [pair.kind for pair in found], videos, samples=samples, seed=seed)


def own_pairs(
    dataset: RetrievalDataset, *, parsed: bool = False
) -> tuple[list[BinaryPair], GraphStore[RoleGraph] | None, GraphStore[RoleGraph] | None]:
    """The pairs that come with a dataset, and unless ``parsed`` their own graphs.

    Raises:
        DataError: it has none.
    """
    negatives = getattr(dataset, "negatives", None)
    if negatives is None:
        raise DataError(f"dataset '{dataset.name}'", "comes without negatives", "make some with graphvtr perturb")
    pairs = [BinaryPair(**{name: line[name] for name in FIELDS}) for line in negatives]
    if parsed:
        return pairs, None, None
    stored: Any = dataset
    return pairs, dataset.role_graphs.subset(stored.caption_of_negative), stored.negative_graphs


def format_binary(selection: BinarySelection) -> str:
    """A line a kind, as Table 6 has columns."""
    width = max(map(len, (*selection.kinds, "average")))
    lines = [f"{'':{width}}  pairs  accuracy, % [95 % over videos]"]
    for name, one in selection.kinds.items():
        ties = f"  ({one.ties} equal scores count as wrong)" if one.ties else ""
        lines.append(f"{name:{width}}  {one.pairs:>5}  {_share(one.value, one.interval)}{ties}")
    lines.append(f"{'average':{width}}         {_share(selection.average, selection.interval)}")
    return "\n".join([*lines, f"{'chance':{width}}         50.0"])


def _share(value: float, interval: Interval) -> str:
    return f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"


def _numbers(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values[~np.isnan(values)]
