"""Role graphs by the trained labeller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, tee
from pathlib import Path

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.text.frames import Argument, Frame
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.neural.batches import Example, predicate_batch, sentence_batch
from graphvtr.text.neural.features import TreeFeatures
from graphvtr.text.neural.model import SentenceBatch
from graphvtr.text.neural.pieces import WordPieces, load_embeddings
from graphvtr.text.neural.tags import best_paths
from graphvtr.text.neural.weights import load_weights
from graphvtr.text.parser import BATCH_SIZE, PARSERS, ListParser, short_digest
from graphvtr.text.rules.graph import tree_to_lists
from graphvtr.text.rules.labeller import label_predicate
from graphvtr.text.rules.predicates import find_predicates, predicate_tokens
from graphvtr.text.rules.repeated import once_each
from graphvtr.text.rules.tree import AUXILIARIES, Tree
from graphvtr.text.spacy_parser import MAX_WORDS, SpacyRoleParser

WEIGHTS = Path(__file__).parent / "neural" / "role_tagger.safetensors"
PRECISIONS = ("float32", "bfloat16")
PIECES_AT_ONCE = 2048
"""Word pieces, padding among them, that run through the network together."""
LIGHT_VERB_NOUN = "ARGM-PRR"
"""PropBank's label of the noun of a light verb (`takes a [picture]`). It labels the arguments of such a verb at its
noun, which is no action of a role graph: the rules label the verb instead."""

Frames = list[tuple[int, list[Argument]]]


@PARSERS.register("neural")
class NeuralRoleParser(ListParser):
    """A small network over MiniLM's layers and spaCy's dependency tree, trained on PropBank-EWT.

    It finds the predicates and labels their arguments; words, particles and noun phrases of captions without
    predicates are the ``spacy`` parser's, so graphs of both have the same nodes where they agree on the roles.
    ``MODEL_CARD.md`` beside the weights tells how it was trained, how good it is and where it fails.

    Args:
        weights: a file that ``benchmarks/accuracy/role_labelling/train.py`` has written; the shipped one by default.
        model: spaCy pipeline, as for :class:`~graphvtr.text.SpacyRoleParser`.
        precision: of the network's products: ``"float32"``, the same everywhere, or ``"bfloat16"``, twice as quick on
            processors with instructions for it (AVX512-BF16, AMX); about one caption in 150 then gets another graph.
        max_words: captions with more words are an error.

    Raises:
        MissingExtraError: spaCy, its model, ``tokenizers`` or the MiniLM package is not installed.
        DataError: the weights are missing or damaged, or the precision is unknown.

    Example:
        >>> parser = NeuralRoleParser()
        >>> graph = parser.parse_one("A white dog chases a cat in the yard.")
        >>> [(role, graph.phrase("entity", i)) for i, role in enumerate(graph.role_names())]
        [('ARG0', 'a white dog'), ('ARG1', 'a cat'), ('ARGM-LOC', 'in the yard')]
    """

    name = "neural"

    def __init__(
        self,
        weights: str | Path | None = None,
        model: str | None = None,
        *,
        precision: str = "float32",
        max_words: int = MAX_WORDS,
    ) -> None:
        if precision not in PRECISIONS:
            raise DataError(f"precision '{precision}'", "unknown", f"use {' or '.join(PRECISIONS)}")
        path = Path(weights) if weights is not None else WEIGHTS
        self.network = load_weights(path, load_embeddings())
        self.precision = precision
        self.rules = SpacyRoleParser(model, max_words=max_words)
        self.pieces = WordPieces()
        self.features = TreeFeatures(self.network.columns)
        half = "" if precision == "float32" else f"-{precision}"
        self.version = f"{short_digest(path)}{half}+{self.rules.version}"

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """Each caption's graph as lists.

        Raises:
            DataError: a caption that is empty, no string, or longer than ``max_words``; the message names it.
        """
        parsed = self.rules.caption_trees(captions, batch_size=batch_size)
        while chunk := list(islice(parsed, batch_size)):
            labelled = self._label([(tree.words, tree, None) for tree, _ in chunk])
            for (tree, caption), frames in zip(chunk, labelled, strict=True):
                yield tree_to_lists(tree, caption, [_frame(tree, *frame) for frame in frames])

    def label(self, tokens: Sequence[str], predicates: Sequence[int]) -> Frames:
        """Label given predicates in tokenised text: for each its arguments, in the order of the sentence.

        Args:
            tokens: the words, punctuation included.
            predicates: positions in ``tokens``.
        """
        return next(self.label_many([(tokens, predicates)]))

    def label_many(
        self, sentences: Iterable[tuple[Sequence[str], Sequence[int] | None]], *, batch_size: int = BATCH_SIZE
    ) -> Iterator[Frames]:
        """:meth:`label` for many sentences; predicates that are None are found by the network."""
        asked, read = tee(sentences)
        trees = self.rules.trees((tokens for tokens, _ in read), batch_size=batch_size)
        pairs = zip(asked, trees, strict=True)
        while chunk := list(islice(pairs, batch_size)):
            yield from self._label([(tokens, tree, predicates) for (tokens, predicates), tree in chunk])

    @torch.inference_mode()
    def _label(self, sentences: Sequence[tuple[Sequence[str], Tree, Sequence[int] | None]]) -> list[Frames]:
        """The frames of sentences with their trees; like lengths run together."""
        limit = self.network.sizes.positions
        pieces = [self.pieces.of_sentence(tokens, limit) for tokens, _, _ in sentences]
        results: list[Frames] = [[] for _ in sentences]
        order = sorted(range(len(sentences)), key=lambda index: len(pieces[index][0]))
        for chosen in _groups(order, [len(ids) for ids, _ in pieces]):
            examples = [self._example(*pieces[index], sentences[index][1]) for index in chosen]
            batch = sentence_batch(examples)
            with self._autocast():
                hidden, found = self.network.read(batch)
            likely = (found > 0).tolist()
            wanted = []
            for row, index in enumerate(chosen):
                _, tree, given = sentences[index]
                own = _predicates(tree, likely[row]) if given is None else given
                results[index] = [(token, []) for token in own]
                wanted += [
                    (row, place, token) for place, token in enumerate(own) if tree.deps[token] not in AUXILIARIES
                ]
            trees = [sentences[index][1] for index in chosen]
            for (row, place, token), arguments in self._arguments(wanted, trees, hidden, batch):
                results[chosen[row]][place] = (token, arguments)
        return results

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16")

    def _example(self, ids: list[int], first: list[int], tree: Tree) -> Example:
        return Example(ids, first, self.features.word_rows(tree, find_predicates(tree)))

    def _arguments(
        self, wanted: list[tuple[int, int, int]], trees: list[Tree], hidden: Tensor, batch: SentenceBatch
    ) -> Iterator[tuple[tuple[int, int, int], list[Argument]]]:
        """The arguments of ``(row, place, token)`` predicates of a batch."""
        at_once = max(1, PIECES_AT_ONCE // batch.pieces.size(1))
        for begin in range(0, len(wanted), at_once):
            part = wanted[begin : begin + at_once]
            rows = [(row, token, self.features.pair_rows(trees[row], token)) for row, _, token in part]
            predicates = predicate_batch(rows, batch.first.size(1))
            with self._autocast():
                scores = self.network.label(hidden, batch, predicates)
            lengths = batch.word_mask.sum(dim=1)[predicates.sentence]
            paths = best_paths(scores, lengths, self.network.transitions())
            yield from zip(part, map(self.network.columns.rule_tags.spans, paths), strict=True)


def _groups(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Runs of ``order`` that hold, padded, about ``PIECES_AT_ONCE`` pieces."""
    group: list[int] = []
    for index in order:
        if group and (len(group) + 1) * lengths[index] > PIECES_AT_ONCE:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _predicates(tree: Tree, likely: Sequence[bool]) -> list[int]:
    """What the network takes for predicates, and what the rules take for a verb that the tagger calls a noun: the
    network was trained on text in which these are rare."""
    misread = {token for token in find_predicates(tree) if not tree.tags[token].startswith("VB")}
    return [token for token in range(len(tree)) if likely[token] or token in misread]


def _frame(tree: Tree, predicate: int, arguments: Sequence[Argument]) -> Frame:
    """A frame of a role graph: without relative pronouns (the antecedent has the role), the particle with its verb, no
    core role twice."""
    if any(argument.label == LIGHT_VERB_NOUN for argument in arguments):
        arguments = label_predicate(tree, predicate)
    kept = [one._replace(label=one.label.removeprefix("C-")) for one in arguments if not one.label.startswith("R-")]
    inside = {token for argument in kept for token in range(argument.first, argument.last + 1)}
    own = tuple(token for token in predicate_tokens(tree, predicate) if token not in inside)
    return Frame(own, once_each(tree, predicate, kept))
