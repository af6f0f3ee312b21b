"""A trained model and the dataset it is used on, which may be another than the one it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.captioned import CAPTION_OPTIONS
from graphvtr.errors import DataError
from graphvtr.nn.feeding import Mismatch
from graphvtr.nn.models import RetrievalModel
from graphvtr.tasks.checkpoint import CheckpointInfo, load_checkpoint
from graphvtr.text import Vocabulary
from graphvtr.text.parser import parser_from_file
from graphvtr.text.vocabulary import UNK


def open_on(
    checkpoint: str | Path, data: str, split: str, source: DataSource, *, mismatch: Mismatch = "error"
) -> tuple[RetrievalModel, Vocabulary, RetrievalDataset, CheckpointInfo]:
    """A model, its vocabulary, a split of a registered dataset, and what the checkpoint says about its training.

    The vocabulary stays that of the training: words of the dataset that are not in it are unknown words, see
    :func:`known_words`. A released HGR file takes the dataset's. Captions are parsed as in training unless
    ``source.parser`` says otherwise, and of the dataset of the training those are taken that training chose (five a
    video, for instance) unless ``source.options`` says otherwise.

    Args:
        checkpoint: see :func:`graphvtr.tasks.load_checkpoint`.
        data: name of the dataset.
        split: of the dataset.
        source: where its files are.
        mismatch: what to do if the features are others than in training, see
            :meth:`graphvtr.nn.RetrievalModel.check`.

    Raises:
        DataError: see :func:`graphvtr.tasks.load_checkpoint` and :func:`graphvtr.datasets.build_dataset`; features
            that the model was not trained on; no vocabulary in either.
    """
    model, vocabulary, info = load_checkpoint(checkpoint)
    if source.parser is None and info.parser:
        source = replace(source, parser=parser_from_file(info.parser, checkpoint))
    if data == info.dataset:
        chosen = {name: value for name, value in info.captions.items() if name in CAPTION_OPTIONS}
        source = replace(source, options={**chosen, **source.options})
    dataset = build_dataset(data, split, source)
    vocabulary = vocabulary or dataset.vocabulary
    if vocabulary is None:
        raise DataError(
            checkpoint, f"carries no vocabulary and neither does the dataset '{data}'", "use --data hgr",
        )  # fmt: skip
    model.check(dataset, source.store or source.root or f"dataset '{data}'", mismatch=mismatch)
    return model, vocabulary, dataset, info


def known_words(prepared: RetrievalDataset) -> float:
    """Share of the words of a prepared dataset's captions that are in the vocabulary it was prepared with."""
    ids = prepared.role_graphs.nodes["word"].tensors["id"]
    return float((ids != UNK).float().mean())
