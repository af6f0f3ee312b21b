"""What every dataset is: videos, captions, which caption belongs to which video, and both graphs of each."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.registry import Registry
from graphvtr.text import Vocabulary

logger = logging.getLogger(__name__)

VideoTransform = Callable[[VideoGraph], VideoGraph]
TextTransform = Callable[[RoleGraph], RoleGraph]


class RetrievalDataset(Dataset[tuple[VideoGraph, RoleGraph]]):
    """One split of a captioned video collection, as graphs in flat storage.

    Item ``i`` is the i-th caption with its video: ``(VideoGraph, RoleGraph)``. Training and evaluation do not
    go item by item: they index :attr:`video_graphs` and :attr:`role_graphs`, whose ``batch`` method is quick.

    Args:
        name: name of the dataset, for messages.
        split: name of the split.
        videos: Nv names, each once.
        captions: Nc sentences.
        video_of_caption: [Nc], position in ``videos`` of each caption's video.
        video_graphs: Nv graphs, in the order of ``videos``.
        role_graphs: Nc graphs, in the order of ``captions``.
        vocabulary: a vocabulary that comes with the dataset (a released ``word2int.json``), if any.

    Raises:
        DataError: lengths that do not fit, an index out of range, a repeated video, a split without captions.
    """

    def __init__(
        self,
        name: str,
        split: str,
        videos: Sequence[str],
        captions: Sequence[str],
        video_of_caption: Tensor,
        video_graphs: GraphStore[VideoGraph],
        role_graphs: GraphStore[RoleGraph],
        vocabulary: Vocabulary | None = None,
    ) -> None:
        where = f"{name}/{split}"
        if not captions:
            raise DataError(where, "has no captions", "check the split and the caption file")
        if len(set(videos)) != len(videos):
            repeated = next(video for position, video in enumerate(videos) if video in videos[:position])
            raise DataError(f"{where}: video '{repeated}'", "is listed twice", "list every video once")
        for field_name, found, wanted in (
            ("video_graphs", len(video_graphs), len(videos)),
            ("role_graphs", len(role_graphs), len(captions)),
            ("video_of_caption", len(video_of_caption), len(captions)),
        ):
            if found != wanted:
                raise DataError(f"{where}: {field_name}", f"has {found} entries for {wanted}", "give one an item")
        if int(video_of_caption.min()) < 0 or int(video_of_caption.max()) >= len(videos):
            raise DataError(f"{where}: video_of_caption", "points outside the videos", f"use 0..{len(videos) - 1}")
        self.name, self.split = name, split
        self.videos, self.captions = list(videos), list(captions)
        self.video_of_caption = video_of_caption
        self.video_graphs, self.role_graphs = video_graphs, role_graphs
        self.vocabulary = vocabulary
        self.report: Any = None
        """What was odd about the split's files (:class:`~graphvtr.datasets.captioned.SplitReport`), if it is known."""

    def __len__(self) -> int:
        return len(self.captions)

    def __getitem__(self, index: int) -> tuple[VideoGraph, RoleGraph]:
        return self.video_graphs[int(self.video_of_caption[index])], self.role_graphs[index]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}/{self.split}, {len(self.videos)} videos, {len(self)} captions)"

    @property
    def video_dim(self) -> int:
        """Width of the frame features."""
        return int(self.video_graphs.nodes["frame"].tensors["x"].size(1))

    def words(self) -> list[list[str]]:
        """The words of every caption, as its role graph has them."""
        flat = self.role_graphs.nodes["word"]
        ends = flat.ptr.tolist()
        return [flat.strings["text"][begin:end] for begin, end in itertools.pairwise(ends)]

    def encode_words(self, vocabulary: Vocabulary) -> None:
        """Set ``word.id`` of every role graph from ``vocabulary``."""
        vocabulary.encode_store(self.role_graphs)

    def transformed(self, video: VideoTransform | None, text: TextTransform | None) -> RetrievalDataset:
        """The same dataset with its graphs passed through a model's transforms."""
        video_graphs, role_graphs = self.video_graphs, self.role_graphs
        if video is not None:
            video_graphs = video_graphs.mapped(video)
        if text is not None:
            role_graphs = role_graphs.mapped(text)
        out = RetrievalDataset(
            self.name,
            self.split,
            self.videos,
            self.captions,
            self.video_of_caption,
            video_graphs,
            role_graphs,
            self.vocabulary,
        )
        out.report = self.report
        return out


@dataclass(frozen=True)
class DataSource:
    """Where a dataset's files are and how to read them; every field has a command-line flag.

    Args:
        root: folder of the dataset's own files (captions, split lists).
        store: feature store written by ``graphvtr extract``, for datasets whose features are not under ``root``.
        feature: name of the feature where a root holds several.
        parser: name of the parser that turns captions into role graphs; None takes the dataset's own graphs
            where it ships them and ``"spacy"`` otherwise.
        missing: what to do with listed videos that have no feature: ``"skip"`` them with a warning, or ``"error"``;
            None takes the dataset's default.
        cache: folder for parsed captions; ``~/.cache/graphvtr`` (or ``$GRAPHVTR_CACHE``) by default.
        options: what only one dataset knows (``num_clips`` of MovingScenes, for instance).
    """

    root: Path | None = None
    store: Path | None = None
    feature: str | None = None
    parser: str | None = None
    missing: str | None = None
    cache: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def need_root(self, dataset: str) -> Path:
        """``root``, or an error that says how to give it."""
        if self.root is None:
            raise DataError(f"dataset '{dataset}'", "needs the folder of its files", "pass --root DIR")
        if not Path(self.root).is_dir():
            raise DataError(self.root, "no such folder", f"pass the folder of {dataset} as --root")
        return Path(self.root)


DatasetBuilder = Callable[[str, DataSource], RetrievalDataset]
DATASETS: Registry[DatasetBuilder] = Registry("dataset")


def build_dataset(name: str, split: str, source: DataSource | None = None) -> RetrievalDataset:
    """A split of a registered dataset.

    Raises:
        DataError: unknown dataset or split, a missing file or feature, a malformed entry.
    """
    dataset = DATASETS[name](split, source or DataSource())
    logger.info("%r", dataset)
    return dataset


def check_split(dataset: str, split: str, known: Sequence[str]) -> str:
    """``split`` if it is known.

    Raises:
        DataError: it is not; the message lists those that are.
    """
    if split not in known:
        raise DataError(f"split '{split}' of {dataset}", "unknown", f"known: {', '.join(known)}")
    return split


def keep_available(
    dataset: str,
    listed: Sequence[str],
    available: Callable[[str], bool],
    source: DataSource,
    where: object,
    default: str,
) -> list[str]:
    """The listed videos that have features; the others are skipped with a warning, or an error by ``missing``.

    Args:
        dataset: name for the warning.
        listed: the videos of the split.
        available: whether a video has features.
        source: its ``missing`` decides, ``default`` where that is None.
        where: the file or folder of the features.
        default: ``"skip"`` or ``"error"``.

    Raises:
        DataError: a video has no feature and ``missing`` is ``"error"``, or none has.
    """
    missing = source.missing or default
    if missing not in ("skip", "error"):
        raise DataError(f"missing='{missing}'", "unknown", "use 'skip' or 'error'")
    kept = [video for video in listed if available(video)]
    lacking = len(listed) - len(kept)
    if lacking and (missing == "error" or not kept):
        first = next(video for video in listed if not available(video))
        raise DataError(
            f"{where}: video '{first}'",
            f"has no feature ({lacking} of {len(listed)} listed videos lack one)",
            "run graphvtr extract on its clip" + (", or pass --missing skip" if kept else ""),
        )
    if lacking:
        logger.warning("%s: %d of %d listed videos have features in %s", dataset, len(kept), len(listed), where)
    return kept


def as_index(positions: Sequence[int]) -> Tensor:
    """A list of positions as a long tensor."""
    return torch.tensor(list(positions), dtype=torch.long)
