"""Baselines that need no training: chance, ridge regression and canonical correlation of captions and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.metrics import both_directions
from graphvtr.nn.closed_form import STRENGTHS, ClosedFormStart, RidgeSolver
from graphvtr.nn.encoders import PretrainedWords
from graphvtr.ops import gather_segment_reduce, segment_reduce
from graphvtr.text.word_vectors import WordVectors


@dataclass(frozen=True)
class RidgeResult:
    """What :func:`ridge_scores` found.

    Args:
        scores: [Nv, Nt] of the test split, float64.
        strength: the ridge strength that was best on the validation split.
        val_rsum: validation rsum of every strength tried.
    """

    scores: Tensor
    strength: float
    val_rsum: dict[float, float]


def random_scores(dataset: RetrievalDataset, seed: int = 0) -> Tensor:
    """Scores [Nv, Nt] that know nothing. (:func:`graphvtr.metrics.chance_level` gives their expected metrics.)"""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(len(dataset.videos), len(dataset.captions), generator=generator)


def ridge_scores(
    train: RetrievalDataset,
    val: RetrievalDataset,
    test: RetrievalDataset,
    *,
    vectors: WordVectors | None = None,
    text: PretrainedWords | None = None,
    strengths: Sequence[float] = STRENGTHS,
    refit: bool = True,
) -> RidgeResult:
    r"""Ridge regression from a caption's vector to its video's mean frame feature.

    With x the mean of the caption's word vectors, or its sentence vector, and y the mean frame feature, both less their
    training means, a pair scores :math:`\cos(y, W^\top x)` by the map W of
    :class:`graphvtr.nn.closed_form.RidgeSolver`. Its strength :math:`\lambda` is the one with the best rsum on the
    validation split; the map is then fitted again on training and validation captions together.

    Args:
        train: training split.
        val: validation split.
        test: the split to score.
        vectors: word vectors, for instance ``load_word_vectors("glove-package")``; None takes bags of the training
            words, which needs no file.
        text: a frozen language model, whose sentence vectors are taken instead.
        strengths: values of :math:`\lambda` to try.
        refit: fit again on both splits; False keeps the map of the training split.

    Raises:
        DataError: no strengths, or splits whose features differ in width.
    """
    if not strengths or min(strengths) <= 0:
        raise DataError("strengths", f"are {tuple(strengths)}", "give numbers over 0")
    widths = {dataset.video_dim for dataset in (train, val, test)}
    if len(widths) > 1:
        raise DataError("frame.x", f"has widths {sorted(widths)} in the three splits", "use one kind of features")
    splits = {"train": train, "val": val, "test": test}
    words = None if text is not None else _word_table(train, vectors)
    features = {
        split: (
            _sentences(dataset, text) if words is None else _word_means(dataset, words),
            _frame_means(dataset.video_graphs),
            dataset.video_of_caption,
        )
        for split, dataset in splits.items()
    }
    tried = RidgeSolver(*features["train"])
    rsums: dict[float, float] = {}
    for strength in strengths:
        scores = tried.scores(strength, *features["val"][:2])
        rsums[strength] = both_directions(scores, val.video_of_caption)["rsum"]
    best = max(rsums, key=lambda strength: (rsums[strength], strength))  # of equals the smoothest
    if refit:
        (x, y, owner), (more_x, more_y, more_owner) = features["train"], features["val"]
        tried = RidgeSolver(torch.cat([x, more_x]), torch.cat([y, more_y]), torch.cat([owner, more_owner + len(y)]))
    return RidgeResult(tried.scores(best, *features["test"][:2]), best, rsums)


def canonical_scores(
    train: RetrievalDataset,
    val: RetrievalDataset,
    test: RetrievalDataset,
    *,
    text: PretrainedWords,
    components: int = 128,
) -> Tensor:
    """Scores [Nv, Nt] of the test split by regularised canonical correlation of sentence vectors and mean frames.

    Its strengths (:class:`graphvtr.nn.closed_form.CanonicalSolver`) are those with the best rsum on validation.

    Args:
        train: training split.
        val: validation split.
        test: the split to score.
        text: a frozen language model, whose sentence vectors are taken.
        components: pairs of directions.
    """
    (x, y), (val_x, val_y), (test_x, test_y) = (
        (_sentences(split, text), _frame_means(split.video_graphs)) for split in (train, val, test)
    )
    start = ClosedFormStart(x.size(1), y.size(1), components).double()
    owner = val.video_of_caption
    start.solve(x, y, train.video_of_caption, (val_x, val_y), lambda scores: both_directions(scores, owner)["rsum"])
    return start.video(test_y) @ start.text(test_x).T


@dataclass(frozen=True)
class _WordTable:
    row: dict[str, int]
    matrix: Tensor  # [V, d]


def _word_table(train: RetrievalDataset, vectors: WordVectors | None) -> _WordTable:
    if vectors is None:
        words = sorted({word.lower() for caption in train.words() for word in caption})
        return _WordTable({word: row for row, word in enumerate(words)}, torch.eye(len(words), dtype=torch.float64))
    row = {word: index for index, word in reversed(list(enumerate(vectors.words)))}
    return _WordTable(row, vectors.matrix.double())


def _sentences(dataset: RetrievalDataset, text: PretrainedWords | None) -> Tensor:
    """[Nt, d], a few hundred captions at a time."""
    assert text is not None
    graphs = dataset.role_graphs.mapped(text.tokenize)
    parts = torch.arange(len(graphs)).split(256)
    with torch.no_grad():
        return torch.cat([text.read(graphs.batch(part))[1].double() for part in parts])


def _word_means(dataset: RetrievalDataset, words: _WordTable) -> Tensor:
    flat = dataset.role_graphs.nodes["word"]
    index = torch.tensor([words.row.get(word.lower(), -1) for word in flat.strings["text"]])
    known = (index >= 0).double()
    total = gather_segment_reduce(words.matrix, index.clamp(min=0), flat.ptr, "sum", known)  # [Nt, d]
    count = segment_reduce(known, flat.ptr, "sum").clamp(min=1)
    return total / count[:, None]


def _frame_means(graphs: GraphStore[VideoGraph]) -> Tensor:
    """[Nv, D], a few hundred videos at a time: they may lie on disk."""
    batches = (graphs.batch(part)["frame"] for part in torch.arange(len(graphs)).split(256))
    return torch.cat([segment_reduce(frames.x.double(), frames.ptr, "mean") for frames in batches])
