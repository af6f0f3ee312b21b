"""Predicates with their labelled spans, and the role graph they make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from graphvtr.graphs.roles import NOUN_ROLE, role_id
from graphvtr.text.graph_lists import GraphLists

Span = tuple[int, int]


class Argument(NamedTuple):
    """A PropBank label and the first and last token of its span, both inclusive."""

    label: str
    first: int
    last: int


class Frame(NamedTuple):
    """A predicate (its tokens; two for a verb with a particle) and its arguments."""

    predicate: tuple[int, ...]
    arguments: Sequence[Argument]


def frames_to_lists(
    caption: str,
    words: Sequence[str],
    frames: Iterable[Frame],
    *,
    nouns: Sequence[Span] = (),
    verbs: Sequence[tuple[int, ...]] = (),
    is_word: Sequence[bool] | None = None,
) -> GraphLists:
    """The graph of a labelled sentence (specs/hgr.md, "From SRL tags to a graph").

    A frame with an argument becomes an action; each (role, span) is one entity, which the actions share that it
    plays this role for. If no frame has an argument, the noun phrases become NOUN entities and the verbs actions,
    without edges.

    Args:
        caption: the sentence.
        words: its tokens.
        frames: predicates in the order of the sentence.
        nouns: spans of the base noun phrases, for a sentence without frames.
        verbs: tokens of each verb, for a sentence without frames.
        is_word: whether each token is a word of the graph (punctuation is not); all are by default.

    Example:
        >>> frames = [Frame((2,), [Argument("ARG0", 0, 1)])]
        >>> graph = frames_to_lists("a dog barks", ["a", "dog", "barks"], frames).graph()
        >>> graph.role_names(), graph.phrase("entity", 0), graph.phrase("action", 0)
        (['ARG0'], 'a dog', 'barks')
    """
    kept = is_word if is_word is not None else [True] * len(words)
    before = list(itertools.accumulate(kept, initial=0))  # number of words before each token
    actions: list[list[int]] = []
    entities: dict[tuple[int, int, int], int] = {}  # (first word, end, role) -> entity
    fills: list[tuple[int, int, int]] = []
    for frame in frames:
        spans = {(before[first], before[last + 1], role_id(label)) for label, first, last in frame.arguments}
        ordered = sorted(span for span in spans if span[0] < span[1])
        if ordered:
            fills += [(entities.setdefault(span, len(entities)), len(actions), span[2]) for span in ordered]
            actions.append(sorted(before[token] for token in frame.predicate))
    if not actions:
        spans = {(before[first], before[last + 1], NOUN_ROLE) for first, last in nouns}
        entities = {span: index for index, span in enumerate(sorted(span for span in spans if span[0] < span[1]))}
        actions = [sorted(before[token] for token in verb) for verb in verbs]
    return GraphLists(
        caption,
        [word for word, keep in zip(words, kept, strict=True) if keep],
        actions,
        [(role, range(first, end)) for first, end, role in entities],
        fills,
    )
