"""Concepts of a dataset: its vocabulary, and labels on the captions a model is trained with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from graphvtr.atomic import write_whole
from graphvtr.cache_folder import cache_folder
from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.reading import DATA, read_bytes
from graphvtr.text import CaptionConcepts, ConceptExtractor, ConceptVocabulary
from graphvtr.text.cache import PACKED, checked_line, read_checked_line
from graphvtr.text.concepts import SIZES, with_concepts

logger = logging.getLogger(__name__)
_found: WeakKeyDictionary[RetrievalDataset, dict[bool, list[CaptionConcepts]]] = WeakKeyDictionary()


def concepts_of(dataset: RetrievalDataset, prepositions: bool = False) -> list[CaptionConcepts]:
    """The concepts of every caption of a dataset, found once and kept as long as the dataset.

    Args:
        dataset: the split.
        prepositions: see :class:`graphvtr.text.ConceptExtractor`.

    Raises:
        MissingExtraError: spaCy is not installed.
    """
    kept = _found.setdefault(dataset, {})
    if prepositions not in kept:
        kept[prepositions] = _remembered(dataset.role_graphs, ConceptExtractor(prepositions=prepositions))
    return kept[prepositions]


def _remembered(graphs: GraphStore[RoleGraph], extractor: ConceptExtractor) -> list[CaptionConcepts]:
    """The concepts of many captions, from a file beside the parsed captions if a run has left one there."""
    if len(graphs) < PACKED:
        return list(extractor.extract(graphs))
    path = cache_folder() / f"concepts-{extractor.version}-{graphs.digest()}.json"
    if path.exists():
        try:
            parts = read_checked_line(read_bytes(path, limit=DATA).rstrip(b"\n"))["concepts"]
            return [CaptionConcepts(*(tuple(part.split("\t")) if part else () for part in one)) for one in parts]
        except (DataError, KeyError, TypeError, AttributeError) as error:
            logger.warning("%s is made anew: %s", path, error)
    found = list(extractor.extract(graphs, progress=True))
    try:
        write_whole(path, checked_line({"concepts": [["\t".join(part) for part in one] for one in found]}))
    except DataError as error:
        logger.warning("the concepts of the captions are not kept: %s", error)
    return found


def concept_vocabulary(
    dataset: RetrievalDataset, sizes: Sequence[int] = SIZES, min_count: int = 1, prepositions: bool = False
) -> ConceptVocabulary:
    """The most frequent concepts of a dataset's captions; see :meth:`ConceptVocabulary.from_concepts`."""
    return ConceptVocabulary.from_concepts(concepts_of(dataset, prepositions), sizes, min_count)


def label(
    prepared: RetrievalDataset, dataset: RetrievalDataset, concepts: ConceptVocabulary, prepositions: bool = False
) -> RetrievalDataset:
    """Hang concepts on the captions of ``prepared``: their own, and those of all captions of their video.

    Args:
        prepared: changed in place and returned.
        dataset: the same split with its captions uncut.
        concepts: those that get an id.
        prepositions: whether relationships by a preposition are among them.
    """
    own = [concepts.ids(caption) for caption in concepts_of(dataset, prepositions)]
    of_video: list[set[int]] = [set() for _ in dataset.videos]
    for ids, video in zip(own, dataset.video_of_caption.tolist(), strict=True):
        of_video[video].update(ids)
    sets = [sorted(ids) for ids in of_video]
    prepared.role_graphs = with_concepts(prepared.role_graphs, own, sets, dataset.video_of_caption)
    return prepared
