"""Sentences for the neural parser's training: PropBank-EWT's, and captions of MovingScenes' train split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks.accuracy.role_labelling.evaluate import Gold, read_gold
from graphvtr.datasets.moving_scenes.captions import write_captions
from graphvtr.datasets.moving_scenes.generate import write_scripts
from graphvtr.graphs import ROLES
from graphvtr.text import SpacyRoleParser
from graphvtr.text.frames import Argument
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.neural.batches import Example
from graphvtr.text.neural.features import Columns, TreeFeatures
from graphvtr.text.neural.pieces import WordPieces
from graphvtr.text.neural.tags import BIOTags
from graphvtr.text.rules.predicates import find_predicates
from graphvtr.text.rules.tree import AUXILIARIES, Tree

MIN_COUNT = 15
MAX_PIECES = 200


class Sentence(NamedTuple):
    """An example with its predicates and the answers: tag ids of each one's words; whether a word is a predicate."""

    example: Example
    predicates: list[tuple[int, list[list[int]]]]
    tags: list[list[int]]
    is_predicate: list[bool]


class Parsed(NamedTuple):
    """A dependency tree and the gold frames on its tokens."""

    tree: Tree
    frames: list[tuple[int, list[Argument]]]
    tokens: list[str]


def parse_gold(parser: SpacyRoleParser, sentences: Sequence[Gold]) -> list[Parsed]:
    """Gold sentences with the dependency trees of spaCy."""
    trees = tqdm(parser.trees([gold.tokens for gold in sentences]), "trees", len(sentences), unit="sentence")
    return [
        Parsed(
            tree, [(verb, [Argument(*argument) for argument in found]) for verb, found in gold.arguments], gold.tokens
        )
        for tree, gold in zip(trees, sentences, strict=True)
    ]


def parse_scenes(parser: SpacyRoleParser, count: int) -> list[Parsed]:
    """``count`` captions of MovingScenes' train split with their gold frames."""
    scripts = write_scripts(2000, seed=0, distractors=None)["train"]
    captions = [c for script in scripts for c in write_captions(np.random.default_rng(script.seed), script)]
    chosen = np.random.default_rng(0).permutation(len(captions))[:count]
    lists = [captions[index].lists for index in sorted(chosen)]
    return list(_scene_frames((tree for tree, _ in parser.caption_trees([item.caption for item in lists])), lists))


def _scene_frames(trees: Iterable[Tree], lists: Iterable[GraphLists]) -> Iterator[Parsed]:
    for tree, gold in zip(trees, lists, strict=True):
        kept = [token for token, word in enumerate(tree.words) if any(map(str.isalnum, word))]
        if [tree.words[token] for token in kept] != list(gold.words):  # split otherwise: no answer for its tokens
            continue
        frames: list[tuple[int, list[Argument]]] = [(kept[action[0]], []) for action in gold.actions]
        for entity, action, role in gold.fills:
            span = gold.entities[entity][1]
            frames[action][1].append(Argument(ROLES[role], kept[span[0]], kept[span[-1]]))
        yield Parsed(tree, frames, tree.words)


def columns_of(sentences: Sequence[Parsed]) -> Columns:
    """The vocabularies of a training set: labels and signs of the tree that it has often enough."""
    labels = Counter(argument.label for parsed in sentences for _, arguments in parsed.frames for argument in arguments)
    kept = sorted(label for label, count in labels.items() if count >= MIN_COUNT and label not in ("V", "C-V"))
    tags = sorted({tag for parsed in sentences for tag in parsed.tree.tags})
    deps = sorted({dep for parsed in sentences for dep in parsed.tree.deps})
    return Columns(BIOTags.of_labels(kept), tuple(tags), tuple(deps))


def build(sentences: Sequence[Parsed], columns: Columns, pieces: WordPieces) -> list[Sentence]:
    """Examples and answers."""
    features = TreeFeatures(columns)
    return [_sentence(parsed, columns, pieces, features) for parsed in tqdm(sentences, "features", unit="sentence")]


def _sentence(parsed: Parsed, columns: Columns, pieces: WordPieces, features: TreeFeatures) -> Sentence:
    tree, length = parsed.tree, len(parsed.tree)
    ids, first = pieces.of_sentence(parsed.tokens)
    rows = features.word_rows(tree, find_predicates(tree))
    # the parser gives an auxiliary no arguments, so the network need not learn that
    frames = [(verb, arguments) for verb, arguments in parsed.frames if tree.deps[verb] not in AUXILIARIES]
    predicates = [(verb, features.pair_rows(tree, verb)) for verb, _ in frames]
    tags = [columns.rule_tags.encode(_plain(arguments, verb, columns), length) for verb, arguments in frames]
    verbs = {verb for verb, arguments in parsed.frames if arguments}
    return Sentence(Example(ids, first, rows), predicates, tags, [token in verbs for token in range(length)])


def _plain(arguments: Sequence[Argument], verb: int, columns: Columns) -> list[Argument]:
    """Arguments with rare ``C-x`` and ``R-x`` as ``x``, and none on the predicate itself."""
    kept = []
    for argument in arguments:
        label = argument.label
        if f"B-{label}" not in columns.rule_tags.ids and label != "C-V":
            label = label.removeprefix("C-").removeprefix("R-")
        if not argument.first <= verb <= argument.last:
            kept.append(argument._replace(label=label))
    return kept


def read_all(parser: SpacyRoleParser, folder: Path, scenes: int, limit: int | None) -> dict[str, Any]:
    """Columns, and the built sentences of ``train`` and ``dev``."""
    parsed = {split: parse_gold(parser, read_gold(folder / f"{split}.jsonl.gz")[:limit]) for split in ("train", "dev")}
    columns, pieces = columns_of(parsed["train"]), WordPieces()
    train = build([*parsed["train"], *(parse_scenes(parser, scenes) if scenes else [])], columns, pieces)
    return {"columns": columns, "train": train, "dev": build(parsed["dev"], columns, pieces)}
