"""What every dataset is: videos, captions, which caption belongs to which video, and both graphs of each."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Dataset

from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.names import first_repeat, lookup, spellings
from graphvtr.provenance import Provenance, commit, digest
from graphvtr.registry import Registry
from graphvtr.text import Vocabulary
from graphvtr.values import plain, positions

logger = logging.getLogger(__name__)

VideoTransform = Callable[[VideoGraph], VideoGraph]
TextTransform = Callable[[RoleGraph], RoleGraph]


class RetrievalDataset(Dataset):
    """One split of a captioned video collection: a PyG dataset of two graphs an item, in flat storage.

    Item ``i`` is the i-th caption with its video: ``(VideoGraph, RoleGraph)``. A slice, a list or a tensor of positions
    gives a smaller dataset, ``shuffle`` another order, and PyG's ``DataLoader`` batches of both graphs. Training and
    evaluation do not go item by item: they index :attr:`video_graphs` and :attr:`role_graphs`, whose ``batch`` method
    is quick.

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
        video_of_caption: Tensor | Sequence[int],
        video_graphs: GraphStore[VideoGraph],
        role_graphs: GraphStore[RoleGraph],
        vocabulary: Vocabulary | None = None,
    ) -> None:
        super().__init__()
        where = f"{name}/{split}"
        if not captions:
            raise DataError(where, "has no captions", "check the split and the caption file")
        repeated = first_repeat(videos)
        if repeated is not None:
            raise DataError(f"{where}: video '{repeated}'", "is listed twice", "list every video once")
        for field_name, found, wanted in (
            ("video_graphs", len(video_graphs), len(videos)),
            ("role_graphs", len(role_graphs), len(captions)),
            ("video_of_caption", len(video_of_caption), len(captions)),
        ):
            if found != wanted:
                raise DataError(f"{where}: {field_name}", f"has {found} entries for {wanted}", "give one an item")
        owner = positions(video_of_caption, len(videos), f"{where}: video_of_caption", negative=False, mask=False)
        self.name, self.split = name, split
        self.videos, self.captions = list(videos), list(captions)
        self.video_of_caption = owner
        self.video_graphs, self.role_graphs = video_graphs, role_graphs
        self.vocabulary = vocabulary
        self.features: dict[str, Any] = {}
        """What made the features: the settings of a feature store (:class:`graphvtr.provenance.Provenance`)."""
        self.parser: dict[str, str] = {}
        """Name and version of the parser of the captions; empty for graphs that come with the data."""
        self.report: Any = None
        """What was odd about the split's files (:class:`~graphvtr.datasets.captioned.SplitReport`), if it is known."""

    def len(self) -> int:
        """Nc."""
        return len(self.captions)

    def get(self, idx: int) -> tuple[VideoGraph, RoleGraph]:
        """The caption at ``idx`` and its video."""
        return self.video_graphs[int(self.video_of_caption[idx])], self.role_graphs[idx]

    def index_select(self, idx: Any) -> RetrievalDataset:
        """The captions at ``idx`` (a slice, a list or a tensor, as PyG takes them), in that order, and their videos.

        Raises:
            DataError: there are none.
        """
        if not isinstance(idx, slice):  # PyG's slices may be of shares: dataset[:0.5]
            idx = positions(idx, len(self), "captions").tolist()
        chosen = as_index(super().index_select(idx).indices())
        if not len(chosen):
            raise DataError(f"{self.name}/{self.split}", "has no captions at these positions", "choose at least one")
        videos, owner = self.video_of_caption[chosen].unique(return_inverse=True)
        out = RetrievalDataset(
            self.name,
            self.split,
            [self.videos[position] for position in videos.tolist()],
            [self.captions[position] for position in chosen.tolist()],
            owner,
            self.video_graphs.subset(videos),
            self.role_graphs.subset(chosen),
            self.vocabulary,
        )
        return out._take_from(self)

    @property
    def provenance(self) -> Provenance:
        """What made the videos' features and the captions' graphs, and which videos and captions they are."""
        tensors = {kind: flat.tensors.get("x") for kind, flat in self.video_graphs.nodes.items()}
        return Provenance(
            plain(self.features, "features"),
            {f"{kind}_x": int(x.size(1)) for kind, x in tensors.items() if x is not None},
            dict(self.parser),
            dataset={
                "name": self.name,
                "split": self.split,
                "videos": len(self.videos),
                "captions": len(self.captions),
                "digest": digest([*self.videos, *self.captions]),
            },
            commit=commit(),
        )

    def _take_from(self, other: RetrievalDataset) -> RetrievalDataset:
        """Take over what is known about the files of ``other``."""
        self.report, self.features, self.parser = other.report, other.features, other.parser
        return self

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
        """The same dataset with its graphs passed through a model's transforms, which map packed batches to packed
        batches (:meth:`graphvtr.graphs.GraphStore.mapped`)."""
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
        return out._take_from(self)


DatasetBuilder = Callable[[str, DataSource], RetrievalDataset]
DATASETS: Registry[DatasetBuilder] = Registry("dataset", "graphvtr.datasets")


def build_dataset(name: str, split: str, source: DataSource | None = None) -> RetrievalDataset:
    """A split of a dataset.

    Args:
        name: of a registered dataset, or ``FILE.py:NAME`` for one that a file of yours registers; the file is run.
        split: of the dataset.
        source: where its files are.

    Raises:
        DataError: unknown dataset or split, a missing file or feature, a malformed entry.
    """
    source = source or DataSource()
    dataset = DATASETS.find(name)(split, source)
    if source.feature and not dataset.features:  # no store says it better
        dataset.features = {"features": source.feature}
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
    example: str = "",
    names: Iterable[str] = (),
) -> list[str]:
    """The listed videos that have features; the others are skipped with a warning, or an error by ``missing``.

    Args:
        dataset: name for the warning.
        listed: the videos of the split.
        available: whether a video has features.
        source: its ``missing`` decides, ``default`` where that is None.
        where: the file or folder of the features.
        default: ``"skip"`` or ``"error"``.
        example: a video that has features, to be told where none of the listed ones has.
        names: all that have, to find one of nearly the same name among.

    Raises:
        DataError: a video has no feature and ``missing`` is ``"error"``, or none has.
    """
    missing = source.missing or default
    check_choice("missing", missing, ("skip", "error"))
    kept = [video for video in listed if available(video)]
    lacking = len(listed) - len(kept)
    if lacking and (missing == "error" or not kept):
        first = next(video for video in listed if not available(video))
        raise DataError(
            f"{where}: video '{first}'",
            f"has no feature ({lacking} of {len(listed)} listed videos lack one)",
            "run graphvtr extract on its clip"
            + (", or pass --missing skip" if kept else "")
            + (f"; did you mean '{near}'?" if (near := _near(first, names)) else "")
            + (f"; the clips there have names like '{example}'" if example and not kept and not near else ""),
        )
    if lacking:
        held = set(kept)
        share, others = f"{len(kept)} of {len(listed)}", some(video for video in listed if video not in held)
        logger.warning("%s: %s listed videos have features in %s; not: %s", dataset, share, where, others)
    return kept


def _near(video: str, names: Iterable[str]) -> str:
    """The name that ``video`` may have meant, empty if none is near."""
    names = list(names)
    return lookup(video, spellings(names)) or next(iter(get_close_matches(video, names, n=1, cutoff=0.8)), "")


def some(names: Iterable[str], most: int = 3) -> str:
    """The first names, for a message.

    Example:
        >>> some("abcde"), some("ab")
        ('a, b, c, ...', 'a, b')
    """
    first = list(itertools.islice(names, most + 1))
    return ", ".join([*first[:most], "..."] if len(first) > most else first)


def as_index(positions: Sequence[int]) -> Tensor:
    """A list of positions as a long tensor."""
    return torch.tensor(list(positions), dtype=torch.long)
