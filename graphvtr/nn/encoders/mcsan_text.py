"""Captions to four vectors: the text side of MCSAN (section 3.4.1)."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import RoleGraph, node_ptr
from graphvtr.nn.encoders.bert import BertEncoder
from graphvtr.nn.encoders.mcsan_video import Pool
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.encoders.relationship import RelationshipEncoder
from graphvtr.nn.encoders.role_graph import RoleGraphEncoder
from graphvtr.nn.encoders.words import Recurrent
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.ops import segment_reduce

TextGraph = Literal["hanet", "hgr"]


class MCSANTextEncoder(nn.Module):
    r"""Four views of a caption.

    - *global*: the Sentence-BERT vector (Eq 1), the mean over a language model's word pieces, mapped to D
    - *entity*, *action*: role-aware attention among the nodes of the role graph, without its event (HANet's layers,
      "except not handle global feature"); a caption's nodes are pooled to one vector, 0 where it has none
    - *relationship*: a :class:`RelationshipEncoder` over the word embeddings (Eq 2-6)

    Args:
        vocab_size: number of words.
        word_dim: width of the word embedding; with ``text`` that of the language model counts instead.
        hidden: D, width of the four vectors.
        sentence: language model of the global level, see :class:`BertEncoder`; None takes a soft attention over the
            words in their recurrent context instead (HGR's event), which needs no language model.
        sentence_cache: keep its features on disk, where it is frozen.
        sentence_freeze: False fine-tunes it; the paper does not say.
        text_graph: the layers over the role graph: ``"hanet"``, "the same as [11]" (LayerNorm, queries and keys of half
            the width with a bias, an orthogonal start), or ``"hgr"``, those of HGR's paper.
        relationship: False leaves that level out.
        num_layers, rnn: of the role graph's reasoning and its words.
        pool: ``"max"`` or ``"mean"`` over a caption's actions and its entities.
        heads, feedforward: of the :class:`RelationshipEncoder`.
        word_dropout: of the word embeddings.
        text: see :class:`RoleGraphEncoder`; the same model as ``sentence``, where both are given.

    Shapes:
        - **input:** a role graph or a packed batch of N, with ``word.id`` and (with ``sentence``) word pieces
        - **output:** ``global``, ``entity``, ``action`` and ``relationship``, each ``[N, D]``

    Raises:
        DataError: ``word.id`` is missing or outside the vocabulary, or an unknown option.
        MissingExtraError: the language model's package is not installed.
    """

    def __init__(
        self,
        vocab_size: int,
        word_dim: int,
        hidden: int,
        *,
        sentence: str | None = "minilm",
        sentence_cache: bool = True,
        sentence_freeze: bool = True,
        text_graph: TextGraph = "hanet",
        relationship: bool = True,
        num_layers: int = 1,
        rnn: Recurrent = "gru",
        pool: Pool = "max",
        heads: int = 1,
        feedforward: int | None = None,
        word_dropout: float = 0.0,
        text: str | None = None,
    ) -> None:
        super().__init__()
        if text is not None and sentence not in (None, text):
            raise DataError("text", f"is '{text}' and sentence '{sentence}'", "take one language model for both")
        check_choice("pool", pool, Pool)
        check_choice("text_graph", text_graph, TextGraph)
        self.pool, self.word_dropout = pool, word_dropout
        of_hanet: dict[str, Any] = {
            "layer_norm": True,
            "attention_bias": True,
            "attention_channels": max(hidden // 2, 1),
            "rnn_init": "orthogonal",
            "word_init": "uniform",
        }
        self.graph = RoleGraphEncoder(
            vocab_size,
            word_dim,
            hidden,
            num_layers=num_layers,
            rnn=rnn,
            word_dropout=word_dropout,
            event_edges="none",
            event_role=False,
            text=text,
            **(of_hanet if text_graph == "hanet" else {}),
        )
        self.sentence: BertEncoder | None = None
        if sentence is not None:
            cache = sentence_cache and sentence_freeze
            self.sentence = BertEncoder(sentence, layers=1, freeze=sentence_freeze, cache=cache)
        self.project = None if self.sentence is None else nn.Linear(self.sentence.out_channels, hidden)
        if self.graph.pretrained is not None:
            word_dim = self.graph.pretrained.out_channels
        self.relationship = RelationshipEncoder(word_dim, hidden, heads, feedforward) if relationship else None

    @property
    def pretrained(self) -> PretrainedWords | None:
        """The language model that reads the words, if one does."""
        return self.graph.pretrained

    def forward(self, graph: RoleGraph) -> LevelEmbeddings:
        """Encode a role graph or a packed batch."""
        nodes = self.graph(graph)
        levels = {"global": nodes["event"].x if self.sentence is None else self._sentences(graph)}
        for level in ("entity", "action"):
            levels[level] = segment_reduce(nodes[level].x, nodes[level].ptr, self.pool)
        if self.relationship is not None:
            words = nn.functional.dropout(self.graph.vectors(graph), self.word_dropout, self.training)
            levels["relationship"] = self.relationship(words, node_ptr(graph, "word").to(words.device))
        return LevelEmbeddings(**levels)

    def _sentences(self, graph: RoleGraph) -> Tensor:
        assert self.sentence is not None
        assert self.project is not None
        pieces, ptr = self.sentence(graph)
        return self.project(segment_reduce(pieces.to(self.project.weight.dtype), ptr, "mean"))  # type: ignore[no-any-return]
