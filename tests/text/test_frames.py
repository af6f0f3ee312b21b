"""Labelled spans to graph lists."""

from __future__ import annotations

from graphvtr.graphs import role_id
from graphvtr.text import Argument, Frame, frames_to_lists

WORDS = "the man , who sings , plays a guitar".split()
A0, A1, NOUN = role_id("ARG0"), role_id("ARG1"), role_id("NOUN")


def test_frames_share_the_entity_of_the_same_role_and_span() -> None:
    frames = [
        Frame((4,), [Argument("ARG0", 0, 1)]),
        Frame((6,), [Argument("ARG1", 7, 8), Argument("ARG0", 0, 1)]),
    ]
    lists = frames_to_lists("c", WORDS, frames)
    assert [list(span) for span in lists.actions] == [[4], [6]]
    assert [(role, list(span)) for role, span in lists.entities] == [(A0, [0, 1]), (A1, [7, 8])]
    assert lists.fills == [(0, 0, A0), (0, 1, A0), (1, 1, A1)]


def test_one_span_with_two_roles_is_two_entities() -> None:
    frames = [Frame((4,), [Argument("ARG0", 0, 1)]), Frame((6,), [Argument("ARG1", 0, 1)])]
    lists = frames_to_lists("c", WORDS, frames)
    assert [(role, list(span)) for role, span in lists.entities] == [(A0, [0, 1]), (A1, [0, 1])]
    assert lists.fills == [(0, 0, A0), (1, 1, A1)]


def test_labels_are_mapped_and_repeats_kept_once() -> None:
    arguments = [Argument("R-ARG0", 0, 1), Argument("C-ARG0", 0, 1), Argument("ARGM-CAU", 7, 8)]
    lists = frames_to_lists("c", WORDS, [Frame((6,), arguments)])
    assert [(role, list(span)) for role, span in lists.entities] == [(A0, [0, 1]), (NOUN, [7, 8])]
    assert lists.fills == [(0, 0, A0), (1, 0, NOUN)]


def test_a_frame_without_arguments_is_dropped_beside_others() -> None:
    frames = [Frame((4,), []), Frame((6,), [Argument("ARG1", 7, 8)])]
    lists = frames_to_lists("c", WORDS, frames, nouns=[(0, 1)], verbs=[(4,)])
    assert [list(span) for span in lists.actions] == [[6]]
    assert len(lists.entities) == 1


def test_without_frames_nouns_and_verbs_stand_alone() -> None:
    lists = frames_to_lists("c", WORDS, [Frame((4,), [])], nouns=[(0, 1), (7, 8), (0, 1)], verbs=[(4,), (6, 3)])
    assert [(role, list(span)) for role, span in lists.entities] == [(NOUN, [0, 1]), (NOUN, [7, 8])]
    assert [list(span) for span in lists.actions] == [[4], [3, 6]]
    assert lists.fills == []


def test_tokens_that_are_no_words_are_left_out_of_every_span() -> None:
    is_word = [word != "," for word in WORDS]
    frames = [Frame((6,), [Argument("ARG0", 0, 5), Argument("ARG1", 7, 8), Argument("ARGM-DIS", 2, 2)])]
    lists = frames_to_lists("c", WORDS, frames, is_word=is_word)
    assert lists.words == "the man who sings plays a guitar".split()
    assert [list(span) for span in lists.actions] == [[4]]
    assert [(role, list(span)) for role, span in lists.entities] == [(A0, [0, 1, 2, 3]), (A1, [5, 6])]


def test_noun_phrases_of_signs_only_vanish() -> None:
    lists = frames_to_lists("c", ["¦", "0"], [], nouns=[(0, 0), (1, 1)], is_word=[False, True])
    assert [(role, list(span)) for role, span in lists.entities] == [(NOUN, [0])]
