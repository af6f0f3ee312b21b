"""The dataset that a trained model is used on, which may be another than the one it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.captioned import CAPTION_OPTIONS
from graphvtr.deprecation import deprecated
from graphvtr.errors import DataError
from graphvtr.nn.feeding import Mismatch
from graphvtr.nn.models import RetrievalModel
from graphvtr.tasks.checkpoint import CheckpointInfo, load
from graphvtr.text import Vocabulary
from graphvtr.text.parser import parser_from_file
from graphvtr.text.vocabulary import UNK


def dataset_for(
    model: RetrievalModel, data: str, split: str, source: DataSource, *, mismatch: Mismatch = "error"
) -> RetrievalDataset:
    """A split of a registered dataset, its captions chosen and parsed as in the model's training.

    The vocabulary stays that of the training: words of the dataset that are not in it are unknown words, see
    :func:`known_words`. A released HGR file has none and takes the dataset's. Captions are parsed as in training unless
    ``source.parser`` says otherwise, and of the dataset of the training those are taken that training chose (five a
    video, for instance) unless ``source.options`` says otherwise.

    Args:
        model: of :func:`graphvtr.load`; one without vocabulary gets the dataset's.
        data: name of the dataset.
        split: of the dataset.
        source: where its files are.
        mismatch: what to do if the features are others than in training, see
            :meth:`graphvtr.nn.RetrievalModel.check`.

    Raises:
        DataError: see :func:`graphvtr.datasets.build_dataset`; features that the model was not trained on; no
            vocabulary in either.
    """
    info, where = CheckpointInfo.of(model), model.loaded_from or "the model"
    if source.parser is None and info.parser:
        source = replace(source, parser=parser_from_file(info.parser, where))
    if data == info.dataset:
        chosen = {name: value for name, value in info.captions.items() if name in CAPTION_OPTIONS}
        source = replace(source, options={**chosen, **source.options})
    dataset = build_dataset(data, split, replace(source, regions=source.regions and model.reads_regions))
    model.vocabulary = model.vocabulary or dataset.vocabulary
    if model.vocabulary is None:
        raise DataError(where, f"carries no vocabulary and neither does the dataset '{data}'", "use --data hgr")
    model.check(dataset, source.store or source.root or f"dataset '{data}'", mismatch=mismatch)
    return dataset


@deprecated("load(checkpoint) and dataset_for(model, ...)", until="0.4")
def open_on(
    checkpoint: str | Path, data: str, split: str, source: DataSource, *, mismatch: Mismatch = "error"
) -> tuple[RetrievalModel, Vocabulary, RetrievalDataset, CheckpointInfo]:
    """:func:`graphvtr.load` and :func:`dataset_for` in one."""
    model = load(checkpoint)
    dataset = dataset_for(model, data, split, source, mismatch=mismatch)
    return model, model.require_vocabulary(), dataset, CheckpointInfo.of(model)


def known_words(prepared: RetrievalDataset) -> float:
    """Share of the words of a prepared dataset's captions that are in the vocabulary it was prepared with."""
    ids = prepared.role_graphs.nodes["word"].tensors["id"]
    return float((ids != UNK).float().mean())
