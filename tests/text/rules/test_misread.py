"""Second readings: what looks misread, in which words it is parsed again, and the caption's tree from that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphvtr.graphs import RoleGraph
from graphvtr.text import SpacyRoleParser
from graphvtr.text.rules.misread import clearer_wording, misread_verbs, plain_verb_for, restored
from graphvtr.text.rules.tree import Tree


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a/DT/det>2 woman/NN/compound>2 dances/NNS/ROOT>2", [2]),
        ("a/DT/det>3 big/JJ/amod>3 dog/NN/compound>3 barks/NNS/ROOT>3", [3]),
        ("the/DT/det>2 dog/NN/compound>2 barks/NNS/ROOT>2", []),  # may be a plural
        ("a/DT/det>2 sail/NN/compound>2 boats/NNS/ROOT>2", []),  # no verb that we know
        ("a/DT/det>2 tennis/NN/compound>2 walks/NNS/nsubj>3 are/VBP/ROOT>3", []),  # a slip of the writer
        ("two/CD/nummod>2 dog/NN/compound>2 barks/NNS/ROOT>2", []),
        ("dog/NN/compound>1 barks/NNS/ROOT>1", []),
        ("two/CD/nummod>2 dogs/NNS/compound>2 bark/NN/ROOT>2", [2]),
        ("two/CD/nummod>2 dogs/NNS/compound>2 collar/NN/ROOT>2", []),  # no verb that we know
        ("man/NN/nsubj>1 sees/VBZ/ROOT>1 dogs/NNS/compound>3 bark/NN/dobj>1", []),  # there is a verb
        ("he/PRP/nsubj>1 buys/VBZ/ROOT>1 and/CC/cc>1 cuts/NNS/compound>4 wood/NN/conj>1", [3]),
        ("he/PRP/nsubj>1 buys/VBZ/ROOT>1 and/CC/cc>1 cuts/VBZ/compound>4 wood/NN/conj>1", [3]),
        ("he/PRP/nsubj>1 buys/VBZ/ROOT>1 and/CC/cc>1 cuts/VBZ/conj>1 wood/NN/dobj>3", []),
    ],
)
def test_misread_verbs(read_tree: Callable[[str], Tree], text: str, found: list[int]) -> None:
    assert misread_verbs(read_tree(text)) == found


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("towel/VB/ROOT>0 hanging/VBG/xcomp>0 here/RB/advmod>1", "the towel that is hanging here"),
        ("man/NN/npadvmod>1 holding/VBG/ROOT>1 skis/NNS/dobj>1", "the man that is holding skis"),
        ("a/DT/det>3 cow/NN/nmod>3 eating/VBG/amod>3 grass/NN/ROOT>3", "a cow that is eating grass"),
        ("a/DT/det>2 train/NN/compound>2 standing/NN/ROOT>2", "a train that is standing"),
        ("a/DT/det>2 dog/NN/compound>2 clothing/NN/ROOT>2", None),  # a noun in -ing
        ("keep/VB/ROOT>0 running/VBG/xcomp>0", None),
        ("a/DT/det>1 dog/NN/ROOT>1 running/VBG/acl>1", None),
        ("he/PRP/nsubj>1 saw/VBD/ROOT>1 man/NN/npadvmod>3 eating/VBG/amod>4 shark/NN/dobj>1", None),  # has a verb
        (
            "the/DT/det>1 bed/NN/nsubj>5 the/DT/det>3 cat/NN/nsubj>5 is/VBZ/aux>5 sitting/VBG/ROOT>5 on/IN/prep>5",
            "the bed that the cat is sitting on",
        ),
        ("cow/NN/ROOT>0 tied/VBN/acl>0 to/TO/aux>3 tree/NN/xcomp>1", "cow tied to the tree"),
        ("cow/NN/ROOT>0 tied/VBN/acl>0 to/IN/prep>1 tree/NN/pobj>2", None),
    ],
)
def test_the_clearer_wording(read_tree: Callable[[str], Tree], text: str, wording: str | None) -> None:
    found = clearer_wording(read_tree(text))
    assert (found and " ".join(found.words)) == wording


def test_a_plain_verb_fits_what_follows(read_tree: Callable[[str], Tree]) -> None:
    tree = read_tree("a/DT/det>1 cook/NN/nsubj>2 cuts/VBZ/ROOT>2 onions/NNS/dobj>2 dances/VBZ/conj>2 well/RB/advmod>4")
    assert plain_verb_for(tree, 2) == "makes"
    assert plain_verb_for(tree, 4) == "goes"
    assert plain_verb_for(tree, 5) == "goes"
    assert plain_verb_for(read_tree("dogs/NNS/compound>1 bark/NN/ROOT>1"), 1) == "go"


def test_the_tree_is_of_the_caption_without_what_was_put_in(read_tree: Callable[[str], Tree]) -> None:
    tree = read_tree("man/NN/npadvmod>1 holding/VBG/ROOT>1 skis/NNS/dobj>1")
    wording = clearer_wording(tree)
    assert wording is not None
    again = read_tree("the/DT/det>1 man/NN/ROOT>1 that/WDT/nsubj>4 is/VBZ/aux>4 holding/VBG/relcl>1 skis/NNS/dobj>4")
    found = restored(tree, again, wording)
    assert (found.words, found.tags) == (tree.words, ["NN", "VBG", "NNS"])
    assert (found.deps, list(found.heads)) == (["ROOT", "acl", "dobj"], [0, 0, 1])


@pytest.mark.parametrize(
    "again",
    [
        "the/DT/det>1 man/NN/ROOT>1 that/WDT/nsubj>3 is/VBZ/relcl>1 holding/NN/attr>3 skis/NNS/dobj>4",  # no verb
        "the/DT/det>1 man/NN/nsubj>3 that/WDT/nsubj>3 is/VBZ/ROOT>3 holding/VBG/acl>1 skis/NNS/dobj>4",  # below `is`
        "the/DT/det>1 man/NN/ROOT>1 that/WDT/nsubj>4 is/VBZ/aux>4 holding/VBG/ccomp>1 skis/NNS/dobj>4",  # no clause
    ],
)
def test_a_second_reading_that_is_no_better_is_left(read_tree: Callable[[str], Tree], again: str) -> None:
    tree = read_tree("man/NN/npadvmod>1 holding/VBG/ROOT>1 skis/NNS/dobj>1")
    wording = clearer_wording(tree)
    assert wording is not None
    assert restored(tree, read_tree(again), wording) is tree


@pytest.mark.parametrize(
    ("caption", "frames"),
    [
        ("towel hanging on a rod", [("hanging", [("ARG1", "towel"), ("ARG2", "on a rod")])]),
        ("a giraffe eating grass", [("eating", [("ARG0", "a giraffe"), ("ARG1", "grass")])]),
        ("man touching brown cow", [("touching", [("ARG0", "man"), ("ARG1", "brown cow")])]),
        ("the sandy beach the bear is sitting on", [("sitting", [("ARG1", "the bear"), ("ARG2", "the sandy beach")])]),
        (
            "a man washes and cuts potatoes",
            [(verb, [("ARG0", "a man"), ("ARG1", "potatoes")]) for verb in ("cuts", "washes")],
        ),
        ("a car parked by a wall", [("parked", [("ARG1", "a car"), ("ARG2", "by a wall")])]),
        ("a boat sitting by the dock", [("sitting", [("ARG1", "a boat"), ("ARG2", "by the dock")])]),
    ],
)
def test_captions_that_were_misread(
    parser: SpacyRoleParser,
    frames_of: Callable[[RoleGraph], list[object]],
    caption: str,
    frames: list[object],
) -> None:
    assert frames_of(parser.parse_one(caption)) == frames
