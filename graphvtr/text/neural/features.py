"""What a dependency tree says about each word as an argument of a predicate, as rows of one embedding table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphvtr.text.frames import Argument
from graphvtr.text.neural.tags import BIOTags
from graphvtr.text.rules.labeller import label_predicate
from graphvtr.text.rules.tree import Tree

REACH = 3
"""Steps in the tree that are told apart; more count as this many."""
WORD_COLUMNS, PAIR_COLUMNS = 3, 8
DISTANCES = (1, 2, 3, 4, 6, 9, 14)


class Columns(NamedTuple):
    """Vocabularies of the features; the order of ``tags`` and ``deps`` is part of the trained weights."""

    rule_tags: BIOTags
    tags: tuple[str, ...]
    deps: tuple[str, ...]

    @property
    def word_sizes(self) -> tuple[int, ...]:
        """Values of each column of :func:`word_rows`."""
        return len(self.tags) + 1, len(self.deps) + 1, 2

    @property
    def pair_sizes(self) -> tuple[int, ...]:
        """Values of each column of :func:`pair_rows`."""
        deps = len(self.deps) + 1
        path = (REACH + 1) ** 2 + 1
        return len(self.rule_tags), path, 3 * deps, deps, 4, 2 * len(DISTANCES) + 3, len(self.tags) + 1, deps


def offsets(sizes: Sequence[int]) -> list[int]:
    """First row of each column in one table."""
    return [sum(sizes[:column]) for column in range(len(sizes))]


class TreeFeatures:
    """Features of one tree after another, as row numbers of two embedding tables.

    Args:
        columns: the vocabularies.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._tag_ids = {tag: index for index, tag in enumerate(columns.tags, 1)}
        self._dep_ids = {dep: index for index, dep in enumerate(columns.deps, 1)}
        self._word_offsets, self._pair_offsets = offsets(columns.word_sizes), offsets(columns.pair_sizes)

    def word_rows(self, tree: Tree, rule_predicates: Sequence[int]) -> list[list[int]]:
        """For each word its tag, its dependency label, and whether the rules take it for a predicate: ``[L][3]``."""
        tag0, dep0, rule0 = self._word_offsets
        found = set(rule_predicates)
        return [
            [tag0 + self._tag_ids.get(tag, 0), dep0 + self._dep_ids.get(dep, 0), rule0 + (token in found)]
            for token, (tag, dep) in enumerate(zip(tree.tags, tree.deps, strict=True))
        ]

    def pair_rows(self, tree: Tree, predicate: int) -> list[list[int]]:
        """For each word how it stands to the predicate: ``[L][8]``.

        The columns: the tag that the rules give it; the steps up from the predicate and down to the word; the label
        of the branch it lies on where the paths part, by how far up that is; the label of the predicate's own
        branch there; whether it is the first or the last word of its branch; its distance in words; the tag and
        the label of the predicate.
        """
        rules = self._rule_tags(tree, predicate)
        above = {predicate: 0}  # the predicate and its ancestors, with the steps up to them
        node, own = predicate, {predicate: 0}  # label of the predicate's branch below each of them
        while tree.heads[node] != node:
            own[tree.heads[node]] = self._dep_ids.get(tree.deps[node], 0)
            node = tree.heads[node]
            above[node] = len(above)
        deps, own_tag = len(self.columns.deps) + 1, self._tag_ids.get(tree.tags[predicate], 0)
        own_dep = self._dep_ids.get(tree.deps[predicate], 0)
        places = self._branches(tree, above)
        rows = []
        for token, place in enumerate(places):
            if place is None:  # in another tree: a caption of two sentences
                values = (rules[token], (REACH + 1) ** 2, 0, 0, 0)
            else:
                top, down, branch = place
                up = above[top]
                label = self._dep_ids.get(tree.deps[branch], 0) if down else 0
                edges = 2 * (token == tree.left[branch]) + (token == tree.right[branch]) if down else 0
                path = min(up, REACH) * (REACH + 1) + min(down, REACH)
                values = (rules[token], path, min(up, 2) * deps + label, own[top], edges)
            rows.append(
                [
                    first + value
                    for first, value in zip(
                        self._pair_offsets, (*values, _bucket(token - predicate), own_tag, own_dep), strict=True
                    )
                ]
            )
        return rows

    def _rule_tags(self, tree: Tree, predicate: int) -> list[int]:
        arguments: list[Argument] = label_predicate(tree, predicate)
        return self.columns.rule_tags.encode(arguments, len(tree))

    @staticmethod
    def _branches(tree: Tree, above: dict[int, int]) -> list[tuple[int, int, int] | None]:
        """For each word the ancestor it shares with the predicate, the steps down from it, and the first of them."""
        known: dict[int, tuple[int, int, int] | None] = {node: (node, 0, node) for node in above}
        for token in range(len(tree)):
            climbed = []
            node = token
            while node not in known:
                climbed.append(node)
                if tree.heads[node] == node:
                    known[node] = None
                    break
                node = tree.heads[node]
            for below in reversed(climbed):
                if below in known:
                    continue
                place = known[tree.heads[below]]
                known[below] = place and (place[0], place[1] + 1, place[2] if place[1] else below)
        return [known[token] for token in range(len(tree))]


def _bucket(distance: int) -> int:
    """0 for the predicate itself, then buckets to the right, then to the left."""
    if not distance:
        return 0
    step = sum(abs(distance) >= start for start in DISTANCES)
    return step if distance > 0 else step + len(DISTANCES) + 1
