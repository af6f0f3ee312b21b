"""Role graphs by AllenNLP's SRL-BERT, from its released archive, without AllenNLP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.text.frames import Argument
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.neural.pieces import WordPieces
from graphvtr.text.neural.tags import BIOTags, best_paths
from graphvtr.text.parser import BATCH_SIZE, PARSERS, ListParser, short_digest
from graphvtr.text.rules.graph import tagged_tree_to_lists
from graphvtr.text.rules.predicates import find_predicates
from graphvtr.text.rules.tree import Tree
from graphvtr.text.spacy_parser import MAX_WORDS, SpacyRoleParser
from graphvtr.text.srl_archive import FIX, LABELS, WEIGHTS, SrlArchive, read_archive
from graphvtr.text.tagged import tag_spans

HEAD_WIDTH = 64
"""Width of an attention head in every released BERT; an archive does not tell the number of heads."""
SEQUENCES_AT_ONCE = 32


@PARSERS.register("bert-srl")
class BertSrlParser(ListParser):
    """Shi and Lin's SRL-BERT (2019) as AllenNLP released it (``structured-prediction-srl-bert``).

    The archive's weights run on current PyTorch and transformers. As in AllenNLP, a verb is marked by the token
    types of its word pieces, a legal BIO sequence of highest total probability is decoded over all pieces, and a
    word has the tag of its first piece. Verbs are the words that spaCy tags as such (``VB...``), and what the rules
    take for one besides; a sentence without arguments gets its noun phrases from the dependency tree.

    Args:
        archive: ``structured-prediction-srl-bert.*.tar.gz``.
        tokenizer: folder with the ``tokenizer.json`` of the archive's BERT. The archive has none; by default the
            MiniLM package's is taken, which has the pieces of ``bert-base-uncased``.
        model: spaCy pipeline, as for :class:`~graphvtr.text.SpacyRoleParser`.
        max_words: captions with more words are an error.

    Raises:
        DataError: the archive is missing, unsafe, or of another model; or the tokenizer has more pieces than it.
        MissingExtraError: transformers, the tokenizer's package or spaCy is not installed.
    """

    name = "bert-srl"

    def __init__(
        self,
        archive: str | Path,
        tokenizer: str | Path | None = None,
        model: str | None = None,
        *,
        max_words: int = MAX_WORDS,
    ) -> None:
        path = Path(archive)
        self.network = SrlBert.from_archive(path, read_archive(path)).eval()
        self.pieces = WordPieces(None if tokenizer is None else Path(tokenizer))
        if self.pieces.size > self.network.bert.config.vocab_size:
            raise DataError(
                f"{path}: {WEIGHTS}",
                f"has {self.network.bert.config.vocab_size} word pieces, the tokenizer {self.pieces.size}",
                "give the folder of its BERT's tokenizer.json",
            )
        self.rules = SpacyRoleParser(model, max_words=max_words)
        self.version = f"{short_digest(path)}+{self.rules.version}"

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """Each caption's graph as lists.

        Raises:
            DataError: a caption that is empty, no string, or longer than ``max_words``; the message names it.
        """
        parsed = self.rules.caption_trees(captions, batch_size=batch_size)
        while chunk := list(islice(parsed, batch_size)):
            verbs = [find_verbs(tree) for tree, _ in chunk]
            tags = self.tag([(tree.words, found) for (tree, _), found in zip(chunk, verbs, strict=True)])
            for (tree, caption), of_verbs in zip(chunk, tags, strict=True):
                yield tagged_tree_to_lists(tree, caption, of_verbs)

    def label_many(
        self, sentences: Iterable[tuple[Sequence[str], Sequence[int] | None]], *, batch_size: int = BATCH_SIZE
    ) -> Iterator[list[tuple[int, list[Argument]]]]:
        """For each sentence its predicates and their arguments; predicates that are None are found by their tags."""
        sentences = iter(sentences)
        while chunk := list(islice(sentences, batch_size)):
            unknown = [tokens for tokens, verbs in chunk if verbs is None]
            trees = self.rules.trees(unknown, batch_size=batch_size)
            asked = [(tokens, find_verbs(next(trees)) if verbs is None else verbs) for tokens, verbs in chunk]
            for (_, verbs), of_verbs in zip(asked, self.tag(asked), strict=True):
                yield [
                    (verb, [span for span in tag_spans(tags) if span.label not in ("V", "C-V")])
                    for verb, tags in zip(verbs, of_verbs, strict=True)
                ]

    @torch.inference_mode()
    def tag(self, sentences: Sequence[tuple[Sequence[str], Sequence[int]]]) -> list[list[list[str]]]:
        """The BIO tags of each sentence's words, a sequence for each of its verbs.

        Args:
            sentences: words and the positions of the verbs among them.
        """
        limit = self.network.bert.config.max_position_embeddings
        pieces = [self.pieces.of_sentence(words, limit) for words, _ in sentences]
        results: list[list[list[str]]] = [[[] for _ in verbs] for _, verbs in sentences]
        queries = [(index, place) for index, (_, verbs) in enumerate(sentences) for place in range(len(verbs))]
        queries.sort(key=lambda query: len(pieces[query[0]][0]))
        for begin in range(0, len(queries), SEQUENCES_AT_ONCE):
            part = queries[begin : begin + SEQUENCES_AT_ONCE]
            marks = [_mark(*pieces[index], sentences[index][1][place]) for index, place in part]
            tags = self.network.tag([pieces[index][0] for index, _ in part], marks)
            for (index, place), of_pieces in zip(part, tags, strict=True):
                results[index][place] = [of_pieces[first] for first in pieces[index][1]]
        return results


class SrlBert(nn.Module):
    """BERT and a linear layer over its pieces.

    Args:
        config: a ``transformers.BertConfig``.
        labels: the tags, in the order of their ids.
    """

    def __init__(self, config: Any, labels: Sequence[str]) -> None:
        super().__init__()
        transformers = optional_import("transformers", "bert", "the bert-srl parser")
        self.labels = BIOTags(labels)
        self.bert = transformers.BertModel(config)
        self.tag_projection_layer = nn.Linear(config.hidden_size, len(labels))

    @classmethod
    def from_archive(cls, path: Path, archive: SrlArchive) -> SrlBert:
        """The network of an archive; its sizes are read from the weights.

        Raises:
            DataError: weights are missing, left over or of the wrong shape; they are named.
        """
        try:
            labels = BIOTags(archive.labels).names
        except DataError as error:
            raise DataError(f"{path}: {LABELS}", str(error), FIX) from error
        weights = {name: value for name, value in archive.weights.items() if not name.endswith(".position_ids")}
        network = cls(_bert_config(path, weights), labels)
        renamed = {name.replace("bert_model.", "bert.", 1): value for name, value in weights.items()}
        try:
            missing, left = network.load_state_dict(renamed, strict=False)
        except RuntimeError as error:
            raise DataError(f"{path}: {WEIGHTS}", " ".join(str(error).split())[:300], FIX) from error
        wrong = [name for name in missing if not name.endswith(".position_ids")] + list(left)
        if wrong:
            raise DataError(f"{path}: {WEIGHTS}", f"has missing or unknown weights: {', '.join(wrong[:5])}", FIX)
        return network

    def forward(self, pieces: Tensor, mask: Tensor, marks: Tensor) -> Tensor:
        """Probabilities of the tags, ``[N, P, T]``, of ``pieces``, ``mask`` and verb ``marks``, all ``[N, P]``."""
        hidden = self.bert(input_ids=pieces, attention_mask=mask, token_type_ids=marks).last_hidden_state
        return self.tag_projection_layer(hidden).softmax(dim=-1)

    def tag(self, pieces: Sequence[Sequence[int]], marks: Sequence[Sequence[int]]) -> list[list[str]]:
        """The tags of the pieces of sequences: the legal ones whose probabilities have the highest sum."""
        lengths = torch.tensor([len(ids) for ids in pieces])
        table = nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in pieces], batch_first=True)
        types = nn.utils.rnn.pad_sequence([torch.tensor(mark) for mark in marks], batch_first=True)
        mask = (torch.arange(table.size(1)) < lengths[:, None]).long()
        emissions = self.labels.starts(self(table, mask, types))
        paths = best_paths(emissions, lengths, self.labels.transitions())
        return [[self.labels.names[tag] for tag in path] for path in paths]


def find_verbs(tree: Tree) -> list[int]:
    """The words tagged as verbs, auxiliaries among them, and the rules' predicates."""
    tagged = [token for token, tag in enumerate(tree.tags) if tag.startswith("VB")]
    return sorted({*tagged, *find_predicates(tree)})


def _mark(pieces: Sequence[int], first: Sequence[int], verb: int) -> list[int]:
    """1 at the pieces of the verb."""
    end = first[verb + 1] if verb + 1 < len(first) else len(pieces) - 1
    return [int(first[verb] <= piece < end) for piece in range(len(pieces))]


def _bert_config(path: Path, weights: dict[str, Tensor]) -> Any:
    """The sizes of a BERT from the shapes of its weights."""
    transformers = optional_import("transformers", "bert", "the bert-srl parser")
    prefix = "bert_model.embeddings"
    needed = [f"{prefix}.{name}_embeddings.weight" for name in ("word", "position", "token_type")]
    hidden = "bert_model.encoder.layer.0.intermediate.dense.weight"
    for name in (*needed, hidden):
        if name not in weights or weights[name].dim() != 2:
            raise DataError(f"{path}: {WEIGHTS}", f"has no matrix {name}", FIX)
    words, positions, types = (weights[name] for name in needed)
    width = words.size(1)
    if width % HEAD_WIDTH and width > HEAD_WIDTH:
        raise DataError(f"{path}: {WEIGHTS}", f"has states {width} wide, no multiple of {HEAD_WIDTH}", FIX)
    if types.size(0) < 2:
        raise DataError(f"{path}: {WEIGHTS}", "has one token type; verbs are marked by the second", FIX)
    layers = {name.split(".")[3] for name in weights if name.startswith("bert_model.encoder.layer.")}
    return transformers.BertConfig(
        vocab_size=words.size(0),
        hidden_size=width,
        num_hidden_layers=len(layers),
        num_attention_heads=max(1, width // HEAD_WIDTH),
        intermediate_size=weights[hidden].size(0),
        max_position_embeddings=positions.size(0),
        type_vocab_size=types.size(0),
    )
