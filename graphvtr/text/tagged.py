"""BIO tags of a labeller, as AllenNLP's output has them, to frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphvtr.graphs.roles import VERB_ROLE, role_id
from graphvtr.text.frames import Argument, Frame


def tagged_frames(tags_of_verbs: Iterable[Sequence[str]]) -> tuple[list[Frame], list[tuple[int, ...]]]:
    """Frames of a sentence's tag sequences, one a verb, and the verbs without arguments (specs/hgr.md).

    A sequence without a V span, or with several, is left out.

    Example:
        >>> tagged_frames([["B-ARG0", "B-V", "O"], ["O", "O", "B-V"]])
        ([Frame(predicate=(1,), arguments=[Argument(label='ARG0', first=0, last=0)])], [(2,)])
    """
    frames: list[Frame] = []
    bare: list[tuple[int, ...]] = []
    for tags in tags_of_verbs:
        spans = tag_spans(tags)
        predicates = [span for span in spans if role_id(span.label) == VERB_ROLE]
        arguments = [span for span in spans if role_id(span.label) != VERB_ROLE]
        if len(predicates) == 1:
            tokens = tuple(range(predicates[0].first, predicates[0].last + 1))
            frames.append(Frame(tokens, arguments)) if arguments else bare.append(tokens)
    return frames, bare


def tag_spans(tags: Iterable[str]) -> list[Argument]:
    """Spans of a BIO tag sequence; an ``I-x`` after another tag starts a new span.

    Example:
        >>> [tuple(span) for span in tag_spans(["B-ARG0", "I-ARG0", "B-V", "O", "I-ARG1"])]
        [('ARG0', 0, 1), ('V', 2, 2), ('ARG1', 4, 4)]
    """
    spans: list[Argument] = []
    before = "O"
    for position, tag in enumerate(tags):
        label = tag[2:]
        if tag.startswith("I-") and before[2:] == label:
            spans[-1] = spans[-1]._replace(last=position)
        elif tag != "O":
            spans.append(Argument(label, position, position))
        before = tag
    return spans
