"""The concepts a model learns to predict: vocabularies, multi-hot labels and masks (MCSAN 3.3, HANet)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import FlatType, GraphStore, RoleGraph
from graphvtr.ops.csr import counts_to_ptr, select_rows
from graphvtr.text.concept_extractor import CaptionConcepts
from graphvtr.text.json_file import read_json, write_json

LEVELS = ("entity", "action", "relationship")
SIZES = (1024, 512, 1024)
"""Concepts kept of each level: HANet's first two; MCSAN gives none."""
FORMAT = "graphvtr.ConceptVocabulary/1"
Counts = Sequence[tuple[str, int]]


class ConceptVocabulary:
    """The most frequent entities, actions and relationships of some captions, each with its number of captions.

    Concepts of all levels share one row of ids: entities first, then actions, then relationships. On every level they
    stand by falling frequency, equal ones in alphabetical order. A level may be empty.

    Args:
        entity: ``(concept, captions)`` pairs.
        action: the same.
        relationship: the same; a relationship is ``"subject verb object"``.

    Raises:
        DataError: a concept is given twice, or a count is not a whole number of 0 or more.

    Example:
        >>> captions = [CaptionConcepts(("man", "horse"), ("ride",), ("man ride horse",)), CaptionConcepts(("man",))]
        >>> vocabulary = ConceptVocabulary.from_concepts(captions)
        >>> vocabulary.names, vocabulary.counts["entity"]
        (('man', 'horse', 'ride', 'man ride horse'), (2, 1))
        >>> vocabulary.labels(captions).int().tolist()
        [[1, 1, 1, 1], [1, 0, 0, 0]]
    """

    def __init__(self, entity: Counts = (), action: Counts = (), relationship: Counts = ()) -> None:
        self.concepts: dict[str, tuple[str, ...]] = {}
        self.counts: dict[str, tuple[int, ...]] = {}
        for level, pairs in zip(LEVELS, (entity, action, relationship), strict=True):
            names = tuple(name for name, _ in pairs)
            if len(set(names)) != len(names):
                repeated = next(name for name, count in Counter(names).items() if count > 1)
                raise DataError(f"{level} '{repeated}'", "is given twice", "give every concept once")
            for name, count in pairs:
                if type(count) is not int or count < 0:
                    raise DataError(f"count of {level} '{name}'", f"is {count!r}", "give a whole number from 0 on")
            self.concepts[level], self.counts[level] = names, tuple(count for _, count in pairs)
        self._ids = {
            level: {name: first + i for i, name in enumerate(self.concepts[level])}
            for level, first in zip(LEVELS, self._begins(), strict=True)
        }

    @classmethod
    def from_concepts(
        cls, captions: Iterable[CaptionConcepts], sizes: Sequence[int] = SIZES, min_count: int = 1
    ) -> ConceptVocabulary:
        """The ``sizes`` most frequent entities, actions and relationships of captions.

        Raises:
            DataError: ``sizes`` are not three numbers of 0 or more, or ``min_count`` is below 1.
        """
        if len(sizes) != len(LEVELS) or min(sizes) < 0:
            raise DataError("sizes", f"are {list(sizes)}", "give three numbers of 0 or more")
        if min_count < 1:
            raise DataError("min_count", f"is {min_count}", "give 1 or more")
        counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
        for caption in captions:
            for counter, found in zip(counts, caption, strict=True):
                counter.update(set(found))
        kept = [
            sorted(((n, c) for n, c in counter.items() if c >= min_count), key=lambda pair: (-pair[1], pair[0]))[:size]
            for counter, size in zip(counts, sizes, strict=True)
        ]
        return cls(*kept)

    @property
    def names(self) -> tuple[str, ...]:
        """All concepts in the order of their ids."""
        return tuple(name for level in LEVELS for name in self.concepts[level])

    @property
    def sizes(self) -> dict[str, int]:
        """Number of concepts of each level."""
        return {level: len(names) for level, names in self.concepts.items()}

    def columns(self, level: str) -> slice:
        """The ids of a level."""
        first = self._begins()[LEVELS.index(level)]
        return slice(first, first + len(self.concepts[level]))

    def __len__(self) -> int:
        return sum(self.sizes.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConceptVocabulary) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n} of level {level}' for level, n in self.sizes.items())})"

    def find(self, level: str, name: str) -> int:
        """The id of a concept; ``name`` may be in capitals.

        Raises:
            DataError: unknown level or concept; near ones are named.
        """
        check_choice("level", level, LEVELS)
        wanted = " ".join(name.lower().split())
        if wanted not in self._ids[level]:
            near = get_close_matches(wanted, self.concepts[level], n=3)
            fix = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else self._some(level)
            raise DataError(f"{level} '{name}'", "is none of the model's concepts", fix)
        return self._ids[level][wanted]

    def ids(self, concepts: CaptionConcepts) -> list[int]:
        """Ids of a caption's concepts, ascending; those that are not in the vocabulary are left out."""
        found = zip(LEVELS, concepts, strict=True)
        return sorted({self._ids[level][name] for level, names in found for name in names if name in self._ids[level]})

    def labels(self, captions: Sequence[CaptionConcepts]) -> Tensor:
        """Multi-hot labels of captions, bool [N, len(vocabulary)]."""
        return multi_hot([self.ids(caption) for caption in captions], len(self))

    def to_dict(self) -> dict[str, Any]:
        """A dict of plain values, for json; :meth:`from_dict` is its inverse."""
        pairs = {
            level: [[name, count] for name, count in zip(self.concepts[level], self.counts[level], strict=True)]
            for level in LEVELS
        }
        return {"format": FORMAT, **pairs}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "concepts") -> ConceptVocabulary:
        """What :meth:`to_dict` gave; ``source`` names it in errors.

        Raises:
            DataError: it is not a concept vocabulary.
        """
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise DataError(source, f"is not a {FORMAT} object", "write it with ConceptVocabulary.save")
        for level in LEVELS:
            pairs = values.get(level)
            if not isinstance(pairs, list) or not all(
                isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
            ):
                raise DataError(f"{source}: {level}", "is not a list of [concept, count]", "write the file again")
        try:
            return cls(*([(name, count) for name, count in values[level]] for level in LEVELS))
        except DataError as error:
            raise DataError(f"{source}: {error.item}", error.problem, error.fix) from error

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as json; the file appears only once it is whole."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> ConceptVocabulary:
        """Read a file of :meth:`save`.

        Raises:
            DataError: the file is missing, is not json, or holds something else.
        """
        values = read_json(path, "ConceptVocabulary.save")
        return cls.from_dict(values, source=str(path))

    def _begins(self) -> list[int]:
        entity, action, _ = (len(self.concepts[level]) for level in LEVELS)
        return [0, entity, entity + action]

    def _some(self, level: str) -> str:
        names = self.concepts[level]
        return f"known are {', '.join(names[:8])}, ..." if names else f"it was trained without any {level}"


def multi_hot(ids: Sequence[Sequence[int]], size: int) -> Tensor:
    """Bool [N, size], True at each row's ids."""
    labels = torch.zeros(len(ids), size, dtype=torch.bool)
    rows = torch.repeat_interleave(torch.arange(len(ids)), torch.tensor([len(row) for row in ids], dtype=torch.long))
    labels[rows, torch.tensor([concept for row in ids for concept in row], dtype=torch.long)] = True
    return labels


def video_labels(labels: Tensor, video_of_caption: Tensor, num_videos: int) -> Tensor:
    """A video's labels, those of all its captions together (MCSAN 3.6.1): bool [Nv, K].

    Args:
        labels: bool [Nc, K], those of the captions.
        video_of_caption: [Nc].
        num_videos: Nv; a video without captions has no labels.

    Example:
        >>> video_labels(torch.eye(3, dtype=torch.bool), torch.tensor([0, 0, 1]), 2).int().tolist()
        [[1, 1, 0], [0, 0, 1]]
    """
    union = labels.new_zeros(num_videos, labels.size(1), dtype=torch.long)
    return union.index_add(0, video_of_caption, labels.long()) > 0


def sibling_mask(own: Tensor, video: Tensor) -> Tensor:
    """Which concepts count for a caption (HANet): not those that only other captions of its video name.

    They are likely in the video though this caption does not say so, and so neither right nor wrong.

    Args:
        own: bool [N, K], the concepts of each caption.
        video: bool [N, K], the concepts of all captions of its video.

    Returns:
        bool [N, K], False where a concept is masked out.

    Example:
        >>> own, video = torch.tensor([[True, False, False]]), torch.tensor([[True, True, False]])
        >>> sibling_mask(own, video).tolist()
        [[True, False, True]]
    """
    return own | ~video


def with_concepts(
    store: GraphStore[RoleGraph],
    own: Sequence[Sequence[int]],
    of_video: Sequence[Sequence[int]] | None = None,
    video_of_caption: Tensor | None = None,
) -> GraphStore[RoleGraph]:
    """A store whose captions carry concepts as nodes: ``concept.id`` and those of all captions of their video,
    ``video_concept.id``. It shares the other fields with ``store``.

    Videos may stay on disk: what a batch needs to know of them comes with its captions.

    Args:
        store: N captions.
        own: for each the ids of its concepts.
        of_video: for each the ids of its video's concepts; its own when None.
        video_of_caption: [N], the row of ``of_video`` that is each caption's, where it has one a video.

    Raises:
        DataError: another number of rows than graphs.
    """
    added = {"concept": _flat(own), "video_concept": _flat(own if of_video is None else of_video)}
    if video_of_caption is not None:
        of_one = added["video_concept"]
        added["video_concept"] = of_one.select(*select_rows(of_one.ptr, video_of_caption), strings=False)
    for name, flat in added.items():
        if len(flat.ptr) != len(store) + 1:
            raise DataError(name, f"of {len(flat.ptr) - 1} captions for {len(store)}", "give one row a caption")
    return GraphStore(
        store.graph_class, {**store.nodes, **added}, store.edges, store.strings, store.pointers, store.fields
    )


def _flat(ids: Sequence[Sequence[int]]) -> FlatType:
    counts = torch.tensor([len(row) for row in ids], dtype=torch.long)
    return FlatType(counts_to_ptr(counts), {"id": torch.tensor(list(chain.from_iterable(ids)), dtype=torch.long)})
