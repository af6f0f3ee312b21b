"""Evaluation of a model on a dataset: embed everything once, score in blocks, rank in a stream."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr.datasets import DataSource, RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.metrics import (
    Directions,
    Metrics,
    RetrievalRanks,
    chance_level,
    first_of_each,
    percentiles,
    resample,
    rsum,
    rsum_samples,
)
from graphvtr.metrics.bootstrap import Interval
from graphvtr.metrics.positives import Relevant
from graphvtr.metrics.ranks import Ties, check_choice
from graphvtr.metrics.retrieval import KS, Duplicates, MeanRank, Median
from graphvtr.nn.feeding import Mismatch
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.shared_batch import ranks as process_ranks
from graphvtr.nn.shared_batch import sum_over_ranks
from graphvtr.tasks.checkpoint import CheckpointInfo, load
from graphvtr.tasks.embed import encode_texts as encode_texts
from graphvtr.tasks.embed import encode_videos as encode_videos
from graphvtr.tasks.open import dataset_for, known_words
from graphvtr.tasks.prepare import prepare
from graphvtr.tasks.score_file import ScoreFile
from graphvtr.values import plain_fields

IntervalUnit = Literal["query", "video"]
Protocol = Literal["both", "partially_relevant"]
PARTIAL_KS = (1, 5, 10, 100)
#: Bytes of the first pass's blocks that wait for the second.
KEPT_BYTES = 128 << 20


@dataclass(frozen=True)
class EvalOptions:
    """How to evaluate; the conventions are those of :func:`graphvtr.metrics.retrieval_metrics`.

    Args:
        batch_size: videos or captions embedded at a time.
        block: videos and captions scored at a time.
        levels: also rank by each level alone.
        ks: the K of the recalls.
        ties: equal scores.
        median: median rank plain or rounded down.
        mean_rank: over the best or all relevant items.
        duplicates: equal captions are many queries or one.
        samples: resamples of the bootstrap.
        seed: of the bootstrap.
        interval_unit: ``'query'`` draws captions (text to video) and videos (video to text); ``'video'`` draws videos
            with all their captions in both directions, as captions of one video are not independent.
        protocol: ``'both'`` directions, or ``'partially_relevant'``: sentences that tell of a moment search whole
            untrimmed videos, one direction only; recalls at 1, 5, 10 and 100 (unless ``ks`` are given), and ``rsum`` is
            SumR, the sum of these.
    """

    batch_size: int = 128
    block: tuple[int, int] = (256, 1024)
    levels: bool = False
    ks: tuple[int, ...] = KS
    ties: Ties = "pessimistic"
    median: Median = "plain"
    mean_rank: MeanRank = "best"
    duplicates: Duplicates = "many"
    samples: int = 1000
    seed: int = 0
    interval_unit: IntervalUnit = "query"
    protocol: Protocol = "both"

    def __post_init__(self) -> None:
        check_choice("protocol", self.protocol, Protocol)
        if self.protocol == "partially_relevant" and self.ks == KS:
            object.__setattr__(self, "ks", PARTIAL_KS)
        plain_fields(self)
        check_choice("duplicates", self.duplicates, Duplicates)
        check_choice("interval_unit", self.interval_unit, IntervalUnit)
        for name, value in (("batch_size", self.batch_size), ("block", min(self.block))):
            if value < 1:
                raise DataError(name, f"is {value}", "give 1 or more")


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


def rank_all(
    model: RetrievalModel,
    video: LevelEmbeddings,
    text: LevelEmbeddings,
    video_of_text: Relevant,
    options: EvalOptions = EvalOptions(),
    saved: ScoreFile | None = None,
    progress: bool = False,
) -> list[RetrievalRanks]:
    """Ranks by the fused score and, with ``options.levels``, by each level alone; scores go to ``saved`` too.

    The processes of a distributed run take every so manieth block each, and all get the ranks, the same as one would.
    Blocks of the first pass wait for the second as far as :data:`KEPT_BYTES` go: a split of a few hundred videos is
    scored once, not twice.
    """
    rank, total = process_ranks()
    sides = (video.num_items, text.num_items)
    count = 1 + (len(model.levels) if options.levels else 0)
    ranks = [
        RetrievalRanks(video_of_text, *sides, ties=options.ties, mean_rank=options.mean_rank) for _ in range(count)
    ]
    blocks = list(ranks[0].blocks(options.block))
    first = [block for block in blocks if ranks[0].has_positives(*block)][rank::total]
    blocks = blocks[rank::total]
    kept: dict[tuple[int, int], Tensor] = {}
    room = KEPT_BYTES
    with tqdm(total=len(first) + len(blocks), desc="scores", disable=not progress, leave=False) as bar:
        for videos, texts in first:
            block = _score(model, video, text, videos, texts)
            for one, scores in zip(ranks, block, strict=False):
                one.add_positives(scores, videos.start, texts.start)
            if block.nbytes <= room:
                room -= block.nbytes
                kept[videos.start, texts.start] = block
            bar.update()
        if total > 1:
            for one in ranks:
                one.reduce_positives(_summed(video))
        for videos, texts in blocks:
            seen = kept.pop((videos.start, texts.start), None)
            block = _score(model, video, text, videos, texts) if seen is None else seen
            for one, scores in zip(ranks, block, strict=False):
                one.add(scores, videos.start, texts.start)
            if saved is not None:
                saved.add(block[0], block[1:], videos, texts)
            bar.update()
    if total > 1:
        for one in ranks:
            one.reduce_counts(_summed(video))
    return ranks


def _summed(video: LevelEmbeddings) -> Callable[[Tensor], Tensor]:
    """Sums over the processes, on the device of the embeddings."""
    device = next(iter(video.values())).x.device
    return lambda counted: sum_over_ranks(counted.to(device)).to(counted.device)


def chance(ranks: RetrievalRanks, options: EvalOptions = EvalOptions()) -> Directions:
    """What random rankings are expected to reach on the same queries and items."""
    t2v, v2t = (
        chance_level(positives, ks=options.ks, mean_rank=options.mean_rank) for positives in (ranks.texts, ranks.videos)
    )
    return by_protocol({"t2v": t2v, "v2t": v2t, "rsum": rsum(t2v, v2t)}, options)


def by_protocol(metrics: Directions, options: EvalOptions) -> Directions:
    """The metrics with the sum of recalls that the protocol counts: ``partially_relevant``, of text to video alone."""
    if options.protocol == "both":
        return metrics
    return {**metrics, "rsum": rsum(metrics["t2v"], {})}


def flat_metrics(metrics: Directions) -> Metrics:
    """``{'t2v_R@1': ..., ..., 'rsum': ...}``, for loggers."""
    flat = {f"t2v_{name}": value for name, value in metrics["t2v"].items()}
    flat |= {f"v2t_{name}": value for name, value in metrics["v2t"].items()}
    return {**flat, "rsum": metrics["rsum"]}


def _score(model: RetrievalModel, video: LevelEmbeddings, text: LevelEmbeddings, videos: range, texts: range) -> Tensor:
    """Fused score and scores of the levels of a block, [1 + levels, v, t]."""
    device = video[model.levels[0]].x.device
    rows = video.select(torch.arange(videos.start, videos.stop, device=device))
    columns = text.select(torch.arange(texts.start, texts.stop, device=device))
    level_scores = model.level_scores(rows, columns)
    return torch.cat([model.fuse(level_scores)[None], level_scores])


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
