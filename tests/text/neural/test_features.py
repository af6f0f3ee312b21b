"""Features of a dependency tree, against a plain walk along its paths."""

from __future__ import annotations

import random

import pytest

from graphvtr.text.neural.features import DISTANCES, REACH, Columns, TreeFeatures, offsets
from graphvtr.text.neural.tags import BIOTags
from graphvtr.text.rules.labeller import label_predicate
from graphvtr.text.rules.tree import Tree

DEPS = ("ROOT", "nsubj", "dobj", "prep", "pobj", "det", "relcl", "conj")
TAGS = ("NN", "VBZ", "DT", "IN")
COLUMNS = Columns(BIOTags.of_labels(["ARG0", "ARG1", "ARGM-LOC"]), TAGS, DEPS)


def random_tree(seed: int, size: int) -> Tree:
    """A random forest; its arcs may cross."""
    draw = random.Random(seed)
    order = draw.sample(range(size), size)
    heads = [0] * size
    for number, token in enumerate(order):
        heads[token] = token if number == 0 or draw.random() < 0.1 else draw.choice(order[:number])
    deps = ["ROOT" if heads[token] == token else draw.choice([*DEPS[1:], "odd"]) for token in range(size)]
    return Tree([f"w{token}" for token in range(size)], [draw.choice([*TAGS, "X"]) for _ in range(size)], deps, heads)


def chain(tree: Tree, token: int) -> list[int]:
    found = [token]
    while tree.heads[found[-1]] != found[-1]:
        found.append(tree.heads[found[-1]])
    return found


def plain_rows(tree: Tree, predicate: int) -> list[list[int]]:
    """The definition, word by word."""
    dep = {name: number for number, name in enumerate(DEPS, 1)}
    tag = {name: number for number, name in enumerate(TAGS, 1)}
    rules = COLUMNS.rule_tags.encode(label_predicate(tree, predicate), len(tree))
    rows = []
    for token in range(len(tree)):
        above, own = chain(tree, predicate), chain(tree, token)
        shared = [node for node in above if node in own]
        if not shared:
            values = [(REACH + 1) ** 2, 0, 0, 0]
        else:
            up, down = above.index(shared[0]), own.index(shared[0])
            label = edges = 0
            if down:
                branch = own[down - 1]
                below = [node for node in range(len(tree)) if branch in chain(tree, node)]
                label = dep.get(tree.deps[branch], 0)
                edges = 2 * (token == min(below)) + (token == max(below))
            own_branch = dep.get(tree.deps[above[up - 1]], 0) if up else 0
            path = min(up, REACH) * (REACH + 1) + min(down, REACH)
            values = [path, min(up, 2) * (len(DEPS) + 1) + label, own_branch, edges]
        distance = token - predicate
        bucket = sum(abs(distance) >= start for start in DISTANCES) + (distance < 0) * (len(DISTANCES) + 1)
        values = [rules[token], *values, bucket, tag.get(tree.tags[predicate], 0), dep.get(tree.deps[predicate], 0)]
        rows.append([first + value for first, value in zip(offsets(COLUMNS.pair_sizes), values, strict=True)])
    return rows


@pytest.mark.parametrize("size", [1, 2, 5, 12])
@pytest.mark.parametrize("seed", range(8))
def test_rows_of_pairs(seed: int, size: int) -> None:
    tree = random_tree(seed, size)
    features = TreeFeatures(COLUMNS)
    for predicate in range(size):
        rows = features.pair_rows(tree, predicate)
        assert rows == plain_rows(tree, predicate)
        begins = offsets(COLUMNS.pair_sizes)
        ends = [begin + size for begin, size in zip(begins, COLUMNS.pair_sizes, strict=True)]
        for row in rows:  # each value lies in its own column's rows of the table
            assert all(
                first <= value < end for first, value, end in zip(offsets(COLUMNS.pair_sizes), row, ends, strict=True)
            )


def test_rows_of_words() -> None:
    tree = Tree(["dogs", "bark", "!"], ["NN", "VBZ", "."], ["nsubj", "ROOT", "punct"], [1, 1, 1])
    rows = TreeFeatures(COLUMNS).word_rows(tree, [1])
    tag0, dep0, rule0 = offsets(COLUMNS.word_sizes)
    assert rows == [[tag0 + 1, dep0 + 2, rule0], [tag0 + 2, dep0 + 1, rule0 + 1], [tag0, dep0, rule0]]


def test_the_rules_tags_are_a_column() -> None:
    tree = Tree(["dogs", "chase", "cats"], ["NN", "VBZ", "NN"], ["nsubj", "ROOT", "dobj"], [1, 1, 1])
    names = [COLUMNS.rule_tags.names[row[0]] for row in TreeFeatures(COLUMNS).pair_rows(tree, 1)]
    assert names == ["B-ARG0", "O", "B-ARG1"]
