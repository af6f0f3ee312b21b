"""Which tokens are predicates, their particles, noun phrases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphvtr.text.rules.predicates import find_predicates, label_sentence, noun_phrases, predicate_tokens
from graphvtr.text.rules.tree import Tree


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dogs/NNS/nsubj>2 are/VBP/aux>2 barking/VBG/ROOT>2", [2]),
        ("it/PRP/nsubjpass>3 has/VBZ/aux>3 been/VBN/auxpass>3 cut/VBN/ROOT>3", [3]),
        ("he/PRP/nsubj>2 is/VBZ/aux>2 going/VBG/ROOT>2 to/TO/aux>4 run/VB/xcomp>2", [4]),
        ("he/PRP/nsubj>1 has/VBZ/ROOT>1 to/TO/aux>3 run/VB/xcomp>1", [3]),
        ("he/PRP/nsubj>1 has/VBZ/ROOT>1 hats/NNS/dobj>1", [1]),
        ("chopped/VBN/amod>1 onions/NNS/dobj>2 fry/VBP/ROOT>2", [2]),
        ("a/DT/det>2 barking/VBG/amod>2 dog/NN/ROOT>2", [1]),
        ("a/DT/det>1 dog/NN/ROOT>1", []),
        ("he/PRP/nsubj>2 is/VBZ/aux>2 singing/VBG/ROOT>2 and/CC/cc>2 dancing/NN/conj>2", [2, 4]),
        ("he/PRP/nsubj>1 likes/VBZ/ROOT>1 singing/VBG/xcomp>1 and/CC/cc>2 the/DT/det>5 dancing/NN/conj>2", [1, 2]),
        ("men/NNS/nsubj>1 sail/NN/ROOT>1", [1]),
        ("the/DT/det>1 sail/NN/ROOT>1 he/PRP/nsubj>1", []),
    ],
)
def test_predicates(read_tree: Callable[[str], Tree], text: str, found: list[int]) -> None:
    assert find_predicates(read_tree(text)) == found


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("he/PRP/nsubj>1 cuts/VBZ/ROOT>1 it/PRP/dobj>1 up/RP/prt>1", (1, 3)),
        ("he/PRP/nsubj>1 cuts/VBZ/ROOT>1 it/PRP/dobj>1 up/RB/advmod>1", (1, 3)),
        ("he/PRP/nsubj>1 walks/VBZ/ROOT>1 away/RP/prt>1", (1,)),
        ("he/PRP/nsubj>1 slides/VBZ/ROOT>1 down/RP/prt>1 hills/NNS/dobj>1", (1,)),
        ("he/PRP/nsubj>1 sings/VBZ/ROOT>1", (1,)),
    ],
)
def test_particles_of_a_verb(read_tree: Callable[[str], Tree], text: str, tokens: tuple[int, ...]) -> None:
    assert predicate_tokens(read_tree(text), 1) == tokens


def test_relative_pronouns_are_no_arguments_of_a_sentence(read_tree: Callable[[str], Tree]) -> None:
    frames = label_sentence(read_tree("men/NNS/ROOT>0 who/WP/nsubj>2 sing/VBP/relcl>0"))
    assert frames == [((2,), [("ARG0", 0, 0)])]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("two/CD/nummod>2 big/JJ/amod>2 cats/NNS/ROOT>2 on/IN/prep>2 a/DT/det>5 sofa/NN/pobj>3", [(0, 2), (4, 5)]),
        ("his/PRP$/poss>2 dog/NN/poss>3 's/POS/case>1 ear/NN/ROOT>3", [(0, 3)]),
        (",/,/punct>1 cats/NNS/ROOT>1", [(1, 1)]),
        ("quickly/RB/ROOT>0", []),
    ],
)
def test_noun_phrases(read_tree: Callable[[str], Tree], text: str, spans: list[tuple[int, int]]) -> None:
    tree = read_tree(text)
    if "'s" in tree.words:  # the head of `his` is `dog`
        tree = Tree(tree.words, tree.tags, tree.deps, [1, 3, 1, 3])
    assert noun_phrases(tree) == spans
