"""Trees written by hand: the rules are tested on parses that a model may or may not give."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphvtr.text.rules.lemmas import VerbLemmas
from graphvtr.text.rules.tree import Tree

BASE_FORMS = frozenset(
    "ask bark be break buy chase climb cut dance eat feed give go have hide hit jump keep kick land leave lie like "
    "look make pick play put run say see sing sit slide stand stay take tell throw try use walk want wash wear".split()
)
IRREGULAR = {"thrown": ["throw"], "given": ["give"], "sitting": ["sit"], "told": ["tell"], "worn": ["wear"]}


@pytest.fixture(scope="session")
def read_tree() -> Callable[[str], Tree]:
    """``a/DT/det>1 dog/NN/nsubj>2 barks/VBZ/ROOT>2`` as a tree."""
    lemma = VerbLemmas(IRREGULAR, BASE_FORMS, [("s", ""), ("ed", ""), ("ed", "e"), ("ing", "e"), ("ing", "")])

    def read(text: str) -> Tree:
        rows = [token.rsplit(">", 1) for token in text.split()]
        words, tags, deps = zip(*(fields.rsplit("/", 2) for fields, _ in rows), strict=True)
        return Tree(words, tags, deps, [int(head) for _, head in rows], lemma)

    return read
