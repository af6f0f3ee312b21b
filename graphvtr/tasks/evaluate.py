"""Evaluation of a model on a dataset: embed everything once, score in blocks, rank in a stream."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from graphvtr.datasets import DataSource, RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.metrics import (
    Directions,
    RetrievalRanks,
    first_of_each,
    percentiles,
    resample,
    rsum_samples,
)
from graphvtr.metrics.bootstrap import Interval
from graphvtr.metrics.positives import Relevant
from graphvtr.nn.feeding import Mismatch
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.shared_batch import ranks as process_ranks
from graphvtr.tasks.checkpoint import CheckpointInfo, load
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.open import dataset_for, known_words
from graphvtr.tasks.prepare import prepare
from graphvtr.tasks.ranking import EvalOptions, by_protocol, chance, rank_all
from graphvtr.tasks.score_file import ScoreFile


@dataclass(frozen=True)
class Scored:
    """Metrics of both directions with their 95 % intervals."""

    metrics: Directions
    t2v: dict[str, Interval]
    v2t: dict[str, Interval]
    rsum: Interval


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Args:
        dataset: its name.
        split: its name.
        num_videos: videos ranked.
        num_captions: captions ranked.
        fused: metrics of the fused score.
        levels: metrics of each level alone, where asked for.
        chance: what random rankings are expected to reach.
        options: how it was evaluated.
        trained_on: name of the dataset the model was trained on, where known.
        known_words: share of the captions' words that are in the model's vocabulary, where known.
    """

    dataset: str
    split: str
    num_videos: int
    num_captions: int
    fused: Scored
    chance: Directions
    options: EvalOptions
    levels: dict[str, Scored] = field(default_factory=dict)
    trained_on: str = ""
    known_words: float | None = None


def evaluate(
    model: RetrievalModel,
    dataset: RetrievalDataset,
    options: EvalOptions = EvalOptions(),
    *,
    save_scores: str | Path | None = None,
    device: str | torch.device = "cpu",
    progress: bool = False,
) -> Evaluation:
    """Rank the videos of a dataset for its captions and the captions for its videos.

    No more than a block of the score matrix is in memory at any time, whatever the size of the dataset. The processes
    of a distributed run (``torch.distributed``) share the work, and all get the same result as one would.

    Args:
        model: it is moved to ``device`` and put into evaluation mode.
        dataset: prepared for the model by :func:`graphvtr.tasks.prepare.prepare`.
        options: blocks and conventions.
        save_scores: an ``.npz`` file for all scores, see :class:`graphvtr.tasks.score_file.ScoreFile`.
        device: where to compute.
        progress: show progress bars.

    Raises:
        DataError: features of another width than the model's, a NaN score, a file that cannot be written.
    """
    video_of_text: Relevant = dataset.video_of_caption
    role_graphs, captions = dataset.role_graphs, dataset.captions
    if options.duplicates == "one":
        first, video_of_text = first_of_each(captions, dataset.video_of_caption)
        role_graphs, captions = role_graphs.subset(first), [captions[i] for i in first.tolist()]
    if save_scores is not None and process_ranks()[1] > 1:
        raise DataError("save_scores", "is written by one process, and there are several", "leave it out, or use one")
    saved = None if save_scores is None else ScoreFile(save_scores, model.levels, dataset.videos, captions)
    model = model.to(device).eval()
    with torch.inference_mode():
        video = encode_videos(model, dataset.video_graphs, options.batch_size, device, progress)
        text = encode_texts(model, role_graphs, options.batch_size, device, progress)
        with saved or nullcontext():
            ranks = rank_all(model, video, text, video_of_text, options, saved, progress)
    fused, *levels = (_scored(found, options) for found in ranks)
    return Evaluation(
        dataset.name,
        dataset.split,
        len(dataset.videos),
        len(captions),
        fused,
        chance(ranks[0], options),
        options,
        dict(zip(model.levels, levels, strict=False)),
    )


def evaluate_scores(scores: Tensor, dataset: RetrievalDataset, options: EvalOptions = EvalOptions()) -> Evaluation:
    """The same evaluation for scores [Nv, Nt] made elsewhere, a baseline's for instance.

    ``options.duplicates`` must be ``'many'``: there is a column for every caption.

    Raises:
        DataError: scores of another shape, NaN among them, or ``duplicates='one'``.
    """
    if options.duplicates != "many":
        raise DataError("duplicates", "is 'one' for a column a caption", "use 'many'")
    ranks = RetrievalRanks(dataset.video_of_caption, *scores.shape, ties=options.ties, mean_rank=options.mean_rank)
    ranks.add_positives(scores)
    ranks.add(scores)
    return Evaluation(
        dataset.name,
        dataset.split,
        len(dataset.videos),
        len(dataset.captions),
        _scored(ranks, options),
        chance(ranks, options),
        options,
    )


def evaluate_checkpoint(
    checkpoint: str | Path,
    data: str,
    split: str,
    source: DataSource,
    options: EvalOptions = EvalOptions(),
    *,
    save_scores: str | Path | None = None,
    device: str | torch.device = "cpu",
    progress: bool = False,
    mismatch: Mismatch = "error",
) -> Evaluation:
    """:func:`evaluate` of a checkpoint on a split of a registered dataset, which may be another than the one it was
    trained on (HGR, Table 2). Captions are parsed as in training unless ``source.parser`` says otherwise; a released
    HGR file takes the dataset's vocabulary.

    Raises:
        DataError: see :func:`graphvtr.load` and
            :func:`graphvtr.datasets.build_dataset`; features that the model was not trained on, unless
            ``mismatch`` is ``"warn"``.
    """
    model = load(checkpoint)
    prepared = prepare(dataset_for(model, data, split, source, mismatch=mismatch), model)
    found = evaluate(model, prepared, options, save_scores=save_scores, device=device, progress=progress)
    return replace(found, trained_on=CheckpointInfo.of(model).dataset, known_words=known_words(prepared))


def _scored(ranks: RetrievalRanks, options: EvalOptions) -> Scored:
    t2v, v2t = ranks.ranks()
    # of several videos of one text the first is its group
    group = ranks.texts.item[ranks.texts.ptr[:-1]] if options.interval_unit == "video" else None
    settings = {"samples": options.samples, "ks": options.ks, "median": options.median}
    drawn_t2v = resample(t2v, seed=options.seed, group=group, **settings)  # type: ignore[arg-type]
    drawn_v2t = resample(v2t, seed=options.seed + 1, **settings)  # type: ignore[arg-type]
    counted = drawn_v2t if options.protocol == "both" else {}
    return Scored(
        by_protocol(ranks.metrics(ks=options.ks, median=options.median), options),
        {name: percentiles(values) for name, values in drawn_t2v.items()},
        {name: percentiles(values) for name, values in drawn_v2t.items()},
        percentiles(rsum_samples(drawn_t2v, counted)),
    )
