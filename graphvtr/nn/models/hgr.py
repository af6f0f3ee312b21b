"""Hierarchical Graph Reasoning (Chen, Zhao, Jin, Wu; CVPR 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.graphs.reasoning import EventEdges, ReasoningGraph
from graphvtr.nn.encoders import HierarchicalVideoEncoder, RoleGraphEncoder
from graphvtr.nn.encoders.role_graph import RolesOn
from graphvtr.nn.encoders.words import Recurrent, RecurrentInit, WordInit
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses import SymmetricInfoNCE, TripletRankingLoss
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.match import CosineMatch, LocalAttentiveMatch
from graphvtr.nn.models.hgr_released import released_sizes, released_weights
from graphvtr.nn.models.limited import LimitedInputs
from graphvtr.nn.models.released import Released
from graphvtr.nn.registered import MODELS
from graphvtr.ops.local_match import BUDGET_BYTES, Fusion, NodeReduce, Norm

Loss = Literal["triplet", "info_nce"]
LevelFusion = Literal["mean", "learned"]


@MODELS.register("hgr")
class HGR(Released, LimitedInputs):
    r"""`"Fine-grained Video-Text Retrieval with Hierarchical Graph Reasoning" <https://arxiv.org/abs/2003.00392>`_.

    A caption is a graph of one event, its actions and their entities, which reason over their roles; a video is
    seen through three maps; each level is matched on its own and the score is the mean of the three (Eq 13).

    The defaults are the paper's; :meth:`released` is the released code's variant. Where the paper is silent
    (dropout, lengths of captions and clips) the default is to do nothing.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        hidden: D, width of the joint space.
        word_dim: width of the word embedding; with ``text`` that of the language model counts instead.
        text: ``"minilm"`` or the directory of a BERT- or CLIP-like language model, whose frozen features of the words
            take the place of the learned embedding, see :class:`graphvtr.nn.PretrainedWords`; None learns one.
        rnn: ``"lstm"`` or ``"gru"``.
        rnn_init, word_init: how words and the network over them start, see :class:`graphvtr.nn.encoders.WordEncoder`.
        word_dropout: of the word embeddings.
        num_layers: layers of graph reasoning.
        attention: False gives all neighbours the same weight (Table 4, row 1).
        attention_channels: width of queries and keys; ``hidden`` when None.
        attention_bias: whether queries and keys have a bias.
        layer_norm: whether a LayerNorm ends each reasoning layer.
        graph_dropout: of the context in graph reasoning.
        event_edges: ``"both"``, ``"to_action"`` (actions do not speak to the event) or ``"none"``.
        event_role: whether the event is multiplied by a role embedding too, as Eq 6 writes.
        role_aware: False leaves nodes as they are (Table 4, row 2).
        roles_on: ``"nodes"`` (Eq 6), ``"edges"`` (roles modulate messages) or ``"relations"`` (R-GCN, a matrix a role),
            see :class:`RoleGraphEncoder`.
        hierarchical_video: False shares one video map between the levels (Table 4, row 3).
        video_bias: whether the video maps have a bias.
        video_dropout: after the video maps.
        temperature: :math:`\lambda` of the local match.
        fusion: ``"sim"`` or ``"embed"``: attended similarity, or similarity of the attended frame.
        norm: ``"raw"`` or ``"clipped"``: the norm in Eq 12 over all similarities or the positive ones.
        node_reduce: ``"sum"`` or ``"mean"`` over a caption's nodes.
        level_fusion: ``"mean"`` of the levels (Eq 13) or ``"learned"``: a weighted mean, weights that sum to 1.
        budget_bytes: bound on the memory of one local match.
        loss: ``"triplet"`` (the paper, Eq 14) or ``"info_nce"`` (:class:`graphvtr.nn.SymmetricInfoNCE`, beyond it).
        loss_temperature: :math:`\tau` that ``"info_nce"`` begins with; it is learned.
        margin: :math:`\Delta` of the loss.
        mining: ``"hardest"``, ``"all"`` or the ``"mean"`` of all negatives.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.
        sibling_negatives: captions of the same video are negatives too, see :class:`graphvtr.nn.TripletRankingLoss`.
        level_weights: weights of further losses on the event, action and entity level; None for the fused score only.
        max_words, max_actions, max_entities: see :func:`graphvtr.graphs.truncate.truncate`; None for all.
        max_frames: see :func:`graphvtr.graphs.truncate.sample_frames`; None for all.

    Raises:
        DataError: an unknown option, or sizes that do not go together.

    Example:
        >>> import torch
        >>> model = HGR(vocab_size=10, video_dim=16, hidden=8, word_dim=4)
        >>> caption = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> caption["word"].id = torch.tensor([3, 4])
        >>> video = model.encode_video(VideoGraph.build(torch.randn(5, 16)))
        >>> model.similarity(video, model.encode_text(caption)).shape
        torch.Size([1, 1])
    """

    levels = ("event", "action", "entity")
    published_vectors = "300-d GloVe"
    released_options: ClassVar[dict[str, Any]] = {  # beside queries and keys of half the width
        "num_layers": 1,
        "rnn": "gru",
        "rnn_init": "orthogonal",
        "word_init": "uniform",
        "attention_bias": True,
        "layer_norm": True,
        "sibling_negatives": True,
        "event_edges": "to_action",
        "event_role": False,
        "video_bias": True,
        "fusion": "embed",
        "norm": "clipped",
        "node_reduce": "mean",
        "word_dropout": 0.2,
        "video_dropout": 0.2,
        "graph_dropout": 0.5,
        "max_words": 30,
        "max_frames": 20,
        "max_actions": 4,
        "max_entities": 6,
    }

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 1024,
        word_dim: int = 300,
        *,
        # words
        text: str | None = None,
        rnn: Recurrent = "lstm",
        rnn_init: RecurrentInit = "uniform",
        word_init: WordInit = "normal",
        word_dropout: float = 0.0,
        # reasoning over the role graph
        num_layers: int = 2,
        attention: bool = True,
        attention_channels: int | None = None,
        attention_bias: bool = False,
        layer_norm: bool = False,
        graph_dropout: float = 0.0,
        event_edges: EventEdges = "both",
        event_role: bool = True,
        role_aware: bool = True,
        roles_on: RolesOn = "nodes",
        # video
        hierarchical_video: bool = True,
        video_bias: bool = False,
        video_dropout: float = 0.0,
        # match
        temperature: float = 4.0,
        fusion: Fusion = "sim",
        norm: Norm = "raw",
        node_reduce: NodeReduce = "sum",
        level_fusion: LevelFusion = "mean",
        budget_bytes: int = BUDGET_BYTES,
        # loss
        loss: Loss = "triplet",
        loss_temperature: float = 0.07,
        margin: float = 0.2,
        mining: Mining = "hardest",
        reduction: Reduction = "mean",
        sibling_negatives: bool = False,
        level_weights: Sequence[float] | None = None,
        # what is read of long captions and clips
        max_words: int | None = None,
        max_actions: int | None = None,
        max_entities: int | None = None,
        max_frames: int | None = None,
    ) -> None:
        super().__init__()
        if level_weights is not None and len(level_weights) != len(self.levels):
            raise DataError(
                "level_weights", f"has {len(level_weights)} values", "give one each for event, action and entity"
            )
        self.text_encoder = RoleGraphEncoder(
            vocab_size,
            word_dim,
            hidden,
            num_layers=num_layers,
            rnn=rnn,
            rnn_init=rnn_init,
            word_init=word_init,
            word_dropout=word_dropout,
            attention_channels=attention_channels,
            attention_bias=attention_bias,
            attention=attention,
            layer_norm=layer_norm,
            graph_dropout=graph_dropout,
            event_edges=event_edges,
            role_aware=role_aware,
            event_role=event_role,
            roles_on=roles_on,
            text=text,
        )
        self.video_encoder = HierarchicalVideoEncoder(
            video_dim, hidden, hierarchical=hierarchical_video, bias=video_bias, dropout=video_dropout
        )
        self.matchers = nn.ModuleDict({"event": CosineMatch()})
        for level in ("action", "entity"):
            self.matchers[level] = LocalAttentiveMatch(temperature, fusion, norm, node_reduce, budget_bytes)
        check_choice("loss", loss, Loss)
        check_choice("level_fusion", level_fusion, LevelFusion)
        self.ranking = (
            TripletRankingLoss(margin, mining, reduction, sibling_negatives)
            if loss == "triplet"
            else SymmetricInfoNCE(loss_temperature, reduction=reduction)
        )
        self.level_logits = nn.Parameter(torch.zeros(len(self.levels))) if level_fusion == "learned" else None

    @classmethod
    def released(cls, *sizes: Any, **options: Any) -> Self:
        """The variant of the released code: GRU, LayerNorm, half-width queries, cut captions."""
        hidden = sizes[2] if len(sizes) > 2 else options.get("hidden", 1024)
        return super().released(*sizes, **{"attention_channels": hidden // 2, **options})

    @classmethod
    def from_released(cls, state: Mapping[str, Mapping[str, Tensor]], **overrides: Any) -> Self:
        """A model with the weights of a released checkpoint.

        Sizes and the number of layers are read from the shapes. Load the file with
        ``torch.load(path, weights_only=True)``. The biases of the two soft attentions are dropped: they shift all
        scores of a softmax alike, so that neither a score nor another gradient depends on them.

        Args:
            state: ``{"video_encoder": {...}, "text_encoder": {...}}``, tensors by name.
            **overrides: any argument of the constructor that is not a size.

        Raises:
            DataError: a key that is missing, unknown, or of a shape that does not fit; it is named.
        """
        model = cls.released(**{**released_sizes(state), **overrides})
        model.load_state_dict(released_weights(state, model.state_dict()))
        return model

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """Event [N, D], frames of every video for actions and for entities (ragged).

        Raises:
            DataError: ``frame.x`` is not ``video_dim`` wide.
        """
        return self.video_encoder(graph)  # type: ignore[no-any-return]

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """Event [N, D], the actions and the entities of every caption (ragged).

        Raises:
            DataError: ``word.id`` is missing or outside the vocabulary.
        """
        return self.text_encoder(graph)  # type: ignore[no-any-return]

    def fuse(self, level_scores: Tensor) -> Tensor:
        """Eq 13, the mean of the levels; with ``level_fusion="learned"`` their weighted mean."""
        if self.level_logits is None:
            return super().fuse(level_scores)
        return torch.tensordot(self.level_logits.softmax(0), level_scores, 1)

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """Eq 14 on the fused score, plus ``level_weights`` times the same on each level.

        Returns:
            ``loss``, the total, and its parts: ``fused`` and, with ``level_weights``, one a level.
        """
        level_scores = self.level_scores(video, text)
        losses = {"fused": self.ranking(self.fuse(level_scores), video_of_text)}
        total = losses["fused"]
        for level, weight, scores in zip(self.levels, self.config["level_weights"] or (), level_scores, strict=False):
            losses[level] = self.ranking(scores, video_of_text)
            total = total + weight * losses[level]
        return {"loss": total, **losses}

    def attention_weights(self, graph: RoleGraph) -> tuple[ReasoningGraph, list[Tensor]]:
        """How much each node listens to each neighbour, a tensor [E] a layer over the edges of the returned graph."""
        return self.text_encoder.attention_weights(graph)
