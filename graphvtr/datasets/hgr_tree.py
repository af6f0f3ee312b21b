"""The folder layout that HGR's authors released (specs/hgr.md, "Released files")."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from graphvtr.array_files import read_npy
from graphvtr.datasets.base import DATASETS, RetrievalDataset, as_index, check_split, keep_available
from graphvtr.datasets.captioned import Listing, compare
from graphvtr.datasets.files import read_captions, read_json
from graphvtr.datasets.parsing import parse_with, parser_record
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.text import Vocabulary
from graphvtr.text.precomputed import PrecomputedParser
from graphvtr.video.store.convert.arrays import read_names
from graphvtr.video.store.convert.hdf5 import open_hdf5, values_of

logger = logging.getLogger(__name__)

TREE = (
    "put {} of the data that HGR's authors released (https://github.com/cshizhe/hgr_v2t) below --root: annotation, "
    "ordered_feature and public_split of one dataset"
)
SPLITS = {"train": "trn", "val": "val", "test": "tst", "trn": "trn", "tst": "tst"}


@DATASETS.register("hgr")
def hgr_tree(split: str, source: DataSource) -> RetrievalDataset:
    """A split of a released HGR tree.

    Read below ``source.root`` (annotation files from ``annotation/RET`` or the root itself)::

        annotation/RET/ref_captions.json             {video: [sentence, ...]}
        annotation/RET/sent2rolegraph.augment.json   role graphs; sent2srl.json is taken where it is missing
        annotation/RET/word2int.json                 the vocabulary
        public_split/{trn,val,tst}_names.npy         the videos of a split, in order
        ordered_feature/SA/NAME/{trn,val,tst}_ft.hdf5  frame features, key = video name with "/" as "_"
        ordered_feature/MP/NAME/{trn,val,tst}_ft.npy   mean features, taken where there are no frame features

    ======  =======  ======  ==============  ======
    split   MSR-VTT  VATEX   TGIF            MSVD
    ======  =======  ======  ==============  ======
    train   6,573    25,991  79,451          1,200
    val     497      1,500   10,651          100
    test    2,990    1,500   11,310          670
    ======  =======  ======  ==============  ======

    Videos by the papers; a tree does not say which dataset it is, so that they are not compared.

    ``source.feature`` picks NAME where there are several. ``source.parser`` parses the captions anew instead of
    using the tree's graphs.

    Raises:
        DataError: unknown split, a missing or malformed file, a video without features or captions, a sentence
            without a graph.
    """
    check_split("hgr", split, tuple(SPLITS))
    short = SPLITS[split]
    root = source.need_root("hgr")
    names_file, listed = read_split(root, short)
    captions_file = annotation(root, "ref_captions.json")
    if not captions_file.is_file():
        raise DataError(captions_file, "no such file", TREE.format("annotation/RET/ref_captions.json"))
    captions_of = read_captions(captions_file)
    where = f"hgr/{split}"
    listing = Listing(listed, captions_of, captions_file, names_file, others=_others(root, short))
    report = compare(where, listing, strict=True)
    with open_features(root, short, listed, source.feature) as features:
        videos = keep_available(where, listed, features.__contains__, source, features.path, "error")
        video_graphs = GraphStore.from_graphs(
            VideoGraph.build(torch.from_numpy(features[video]), name=video) for video in videos
        )
    captions = [caption for video in videos for caption in captions_of[video]]
    owner = [position for position, video in enumerate(videos) for _ in captions_of[video]]
    repeated = sum(len(captions_of[video]) - len(set(captions_of[video])) for video in videos)
    report = replace(report, duplicates=repeated)
    for line in report.lines():
        logger.warning("%s: %s", where, line)
    if source.parser is None:
        parser = graph_parser(root)
        role_graphs, parsed_by = parser.parse_store(captions), parser_record(parser)
    else:
        role_graphs, parsed_by = parse_with(captions, source)
    dataset = RetrievalDataset(
        "hgr", split, videos, captions, as_index(owner), video_graphs, role_graphs, read_vocabulary(root)
    )
    dataset.features, dataset.parser = {"features": {"name": features.path.parent.name}}, parsed_by
    held = set(videos)
    dataset.report = replace(report, without_features=[video for video in listed if video not in held])
    return dataset


def _others(root: Path, short: str) -> frozenset[str] | None:
    """The videos of the other splits; None where one of them is missing."""
    others = sorted(set(SPLITS.values()) - {short})
    if not all((root / "public_split" / f"{other}_names.npy").is_file() for other in others):
        return None
    return frozenset(name for other in others for name in read_split(root, other)[1])


def annotation(root: Path, name: str) -> Path:
    """Path of an annotation file; it may lie in ``annotation/RET`` or in the root."""
    nested = root / "annotation" / "RET" / name
    return nested if nested.exists() or not (root / name).exists() else root / name


def graph_parser(root: Path) -> PrecomputedParser:
    """The tree's role graphs, or its semantic role labels where it has no graphs.

    Raises:
        DataError: it has neither.
    """
    for name in ("sent2rolegraph.augment.json", "sent2rolegraph.json", "sent2srl.json"):
        path = annotation(root, name)
        if path.is_file():
            return PrecomputedParser(path)
    raise DataError(
        annotation(root, "sent2rolegraph.augment.json"), "no such file", "pass --parser spacy to parse the captions"
    )


def read_vocabulary(root: Path) -> Vocabulary | None:
    """``word2int.json`` of the tree, if it has one."""
    path = annotation(root, "word2int.json")
    if not path.is_file():
        return None
    content = read_json(path)
    if not isinstance(content, dict) or not all(isinstance(index, int) for index in content.values()):
        raise DataError(path, "is not an object of word: id", "use the released word2int.json")
    return Vocabulary.from_word2int(content, lower=False)


def read_split(root: Path, short: str) -> tuple[Path, list[str]]:
    """File and names of a split, ``short`` of ``trn``, ``val``, ``tst``.

    Raises:
        DataError: the file is missing (says what to put where), no npy of names, holds pickled objects, or names a
            video twice.
    """
    path = root / "public_split" / f"{short}_names.npy"
    if not path.is_file():
        raise DataError(path, "no such file", TREE.format(f"public_split/{short}_names.npy"))
    return path, read_names(path)


class Features(Protocol):
    """Frame features of one split, by video name."""

    path: Path

    def __contains__(self, video: object) -> bool: ...

    def __getitem__(self, video: str) -> np.ndarray[Any, Any]: ...


class FrameFeatures:
    """``{set}_ft.hdf5``: key = video name with ``/`` replaced by ``_``, value [T, D]."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file

    def __contains__(self, video: object) -> bool:
        return str(video).replace("/", "_") in self._file

    def __getitem__(self, video: str) -> np.ndarray[Any, Any]:
        value = values_of(self._file, video.replace("/", "_")).astype(np.float32)
        return value[None] if value.ndim == 1 else value


class MeanFeatures:
    """``{set}_ft.npy``: one row a video, in the order of the names; each becomes a clip of one frame."""

    def __init__(self, path: Path, videos: list[str]) -> None:
        self.path = path
        rows = read_npy(path, mmap=True)
        if rows.ndim != 2 or len(rows) != len(videos):
            raise DataError(path, f"has shape {list(rows.shape)}", f"give [{len(videos)}, D], one row a video")
        self._rows, self._row_of = rows, {video: row for row, video in enumerate(videos)}

    def __contains__(self, video: object) -> bool:
        return video in self._row_of

    def __getitem__(self, video: str) -> np.ndarray[Any, Any]:
        return np.asarray(self._rows[self._row_of[video]], dtype=np.float32)[None]


@contextmanager
def open_features(root: Path, short: str, videos: list[str], feature: str | None) -> Iterator[Features]:
    """The features of a split: frame features (SA) before mean features (MP).

    Raises:
        DataError: there are none, several without a choice, or the file cannot be read.
    """
    found = {
        (kind, folder.name): folder / f"{short}_ft.{suffix}"
        for kind, suffix in (("SA", "hdf5"), ("MP", "npy"))
        for folder in sorted((root / "ordered_feature" / kind).glob("*"))
        if (folder / f"{short}_ft.{suffix}").is_file()
    }
    names = sorted({name for _, name in found})
    if not found:
        raise DataError(
            root / "ordered_feature", f"has no {short}_ft.hdf5 or {short}_ft.npy", "put features in SA/NAME or MP/NAME"
        )
    if feature is None and len(names) > 1:
        raise DataError(root / "ordered_feature", f"has several features: {', '.join(names)}", "pass --feature NAME")
    name = names[0] if feature is None else feature
    if name not in names:
        raise DataError(f"feature '{name}'", f"not found in {root / 'ordered_feature'}", f"known: {', '.join(names)}")
    if ("SA", name) not in found:
        yield MeanFeatures(found["MP", name], videos)
        return
    path = found["SA", name]
    with open_hdf5(path) as file:
        yield FrameFeatures(path, file)
