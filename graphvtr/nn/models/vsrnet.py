"""VSR-Net (Han, Chen, Xiao, Zeng, Shi, Chen; 2021)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr, num_nodes
from graphvtr.nn.attention_rollout import region_shares
from graphvtr.nn.conv.spatio_temporal import (
    Attention,
    FrameTransformer,
    Positions,
    SpatioTemporalTransformer,
    TemporalOver,
)
from graphvtr.nn.encoders.bert import BertEncoder
from graphvtr.nn.encoders.pretrained import MINILM
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses import TripletRankingLoss
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.match import CosineMatch
from graphvtr.nn.models.base import RetrievalModel
from graphvtr.nn.models.released import Ablated, Released
from graphvtr.nn.node_features import node_features
from graphvtr.nn.pool import AttentionPool
from graphvtr.nn.ragged import batch_to_ptr
from graphvtr.nn.registered import MODELS

Relations = Literal["spatio_temporal", "spatial", "temporal", "mean", "none"]

PRESETS: dict[str, dict[str, Any]] = {
    "VG": {"relations": "none"},
    "VR_st": {"global_branch": False},
    "VG+VR_m": {"relations": "mean"},
    "VG+VR_s": {"relations": "spatial"},
    "VG+VR_t": {"relations": "temporal"},
    "full": {},
}
"""The rows of Table 1."""


class VideoAttention(NamedTuple):
    """What VSR-Net looked at.

    Args:
        spatial: attention among regions, a block each.
        temporal: attention among frames of the relation branch, a block each.
        frame_weights: [F], how much each frame of a video counts in F_r: its pooling weights, mean over channels.
        region_shares: [R], how much of its frame each region is (:func:`graphvtr.nn.attention_rollout.region_shares`).
    """

    spatial: list[Attention]
    temporal: list[Attention]
    frame_weights: Tensor
    region_shares: Tensor


@MODELS.register("vsrnet")
class VSRNet(Released, Ablated, RetrievalModel):
    r"""`"Visual Spatio-Temporal Relation-Enhanced Network for Cross-Modal Text-Video Retrieval"
    <https://arxiv.org/abs/2110.15609>`_.

    Two branches see a video. The relation branch is a :class:`SpatioTemporalTransformer` over the regions of its
    frames, the global branch a transformer over its frame features (2D and 3D side by side); both end in an
    :class:`AttentionPool`, in vectors :math:`F_r` and :math:`F_v`. A caption is the last two layers of a BERT, a linear
    map and an :class:`AttentionPool`, :math:`F_t`. With :math:`\lambda` = ``relation_weight`` (Eq 11)

    .. math:: S(V, T) = \lambda \cos(F_r, F_t) + (1 - \lambda) \cos(F_v, F_t)

    under the hinge loss of Eq 12 on S. Captions pass through :meth:`transform_text` before they are packed, which
    cuts them into the language model's word pieces.

    Args:
        video_dim: width of ``frame.x``.
        region_dim: width of ``region.x``; None where there are no regions (``relations="none"``).
        hidden: D, width of both branches.
        num_layers: L, blocks of the relation branch: spatial and as many temporal ones.
        global_layers: blocks of the global branch; L when None.
        heads: attention heads of a block.
        mlp_ratio: width of a block's MLP over D.
        dropout: of what enters the branches and of what blocks add; the paper names none.
        relations: ``"spatio_temporal"``, ``"spatial"`` or ``"temporal"`` blocks only, the ``"mean"`` of the regions,
            or ``"none"``: no relation branch (Table 1, :meth:`preset`).
        global_branch: whether there is the global branch.
        positions: ``"sinusoidal"`` or ``"none"``: whether frames know where they stand; the paper does not say.
        temporal_over: ``"frames"``, or ``"regions"`` as the released code, see :class:`SpatioTemporalTransformer`:
            frames do not mix there before they are pooled.
        pool_heads: heads of the three attention pools.
        pool_channels: their hidden width; 2 D when None.
        relation_weight: :math:`\lambda`; without one of the branches the other has all the weight.
        language_model: ``"minilm"``, a Hugging Face directory or a name on the Hub, see :class:`BertEncoder`.
        text_layers: how many last layers of it.
        freeze_text: False fine-tunes it. The parameters that Table 4 counts have no room for a BERT: it was frozen.
        text_cache: keep a frozen one's features on disk: True, False or a folder.
        max_pieces: captions are cut after that many word pieces.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        max_regions: regions of the highest score of a frame, see :func:`graphvtr.graphs.top_regions`; None for all.
        margin: :math:`\delta` of the loss.
        mining: ``"all"`` negatives of a batch (Eq 12) or the ``"hardest"``.
        per_level: a loss for each branch, in half shares, as the released code, instead of one on S.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.

    Raises:
        DataError: sizes that do not go together, an unknown option, or a model without branches.

    Example:
        >>> model = VSRNet(video_dim=4, region_dim=6, hidden=8, num_layers=1, heads=2, text_cache=False).eval()
        >>> clip = VideoGraph.build(
        ...     torch.randn(3, 4), region_x=torch.randn(5, 6), region_frame=torch.tensor([0, 0, 0, 2, 2]))
        >>> video = model.encode_video(clip)
        >>> {level: list(video[level].x.shape) for level in model.levels}
        {'relation': [1, 8], 'global': [1, 8]}
    """

    presets = PRESETS
    released_options: ClassVar[dict[str, Any]] = {"temporal_over": "regions", "positions": "none", "per_level": True}

    def __init__(
        self,
        video_dim: int = 2560,
        region_dim: int | None = None,
        hidden: int = 1024,
        num_layers: int = 4,
        global_layers: int | None = None,
        heads: int = 8,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        relations: Relations = "spatio_temporal",
        global_branch: bool = True,
        positions: Positions = "sinusoidal",
        temporal_over: TemporalOver = "frames",
        pool_heads: int = 2,
        pool_channels: int | None = None,
        relation_weight: float = 0.5,
        language_model: str = MINILM,
        text_layers: int = 2,
        freeze_text: bool = True,
        text_cache: bool | str = True,
        max_pieces: int | None = None,
        max_frames: int | None = None,
        max_regions: int | None = None,
        margin: float = 0.2,
        mining: Mining = "all",
        per_level: bool = False,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self._check(relations, global_branch, region_dim, relation_weight)
        self.video_dim, self.region_dim, self.dropout = video_dim, region_dim, dropout
        self.names = [*["relation"] * (relations != "none"), *["global"] * global_branch]
        sizes = (heads, mlp_ratio, dropout)
        self.region_map = self.relations = self.region_pool = None
        if region_dim is not None and relations != "none":
            self.region_map = Linear(region_dim, hidden)
            self.relations = SpatioTemporalTransformer(
                hidden,
                num_layers,
                *sizes,
                spatial=relations.startswith("spati"),
                temporal=relations.endswith("temporal"),
                positions=positions,
                temporal_over=temporal_over,
            )
            self.region_pool = AttentionPool(hidden, pool_heads, pool_channels)
        self.frame_map = self.frames = self.frame_pool = None
        if global_branch:
            self.frame_map = Linear(video_dim, hidden)
            layers = num_layers if global_layers is None else global_layers
            self.frames = FrameTransformer(hidden, layers, *sizes, positions=positions)
            self.frame_pool = AttentionPool(hidden, pool_heads, pool_channels)
        self.words = BertEncoder(
            language_model,
            layers=text_layers,
            freeze=freeze_text,
            cache=text_cache if freeze_text else False,
            max_pieces=max_pieces,
        )
        self.word_map = Linear(self.words.out_channels, hidden)
        self.word_pool = AttentionPool(hidden, pool_heads, pool_channels)
        self.matchers = nn.ModuleDict({level: CosineMatch() for level in self.names})
        self.ranking = TripletRankingLoss(margin, mining, reduction)

    @property
    def levels(self) -> tuple[str, ...]:  # type: ignore[override]
        """``relation`` and ``global``, those of them that the model has."""
        return tuple(self.names)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``relation`` and ``global`` [N, D], those of them that the model has.

        Raises:
            DataError: the graph has no regions, or features of another width.
        """
        ptr = node_ptr(graph, "frame")
        out: dict[str, Tensor] = {}
        if self.relations is not None and self.region_pool is not None:
            frames = self.relations(*self._regions(graph), ptr)
            out["relation"] = self.region_pool(frames, ptr)
        if self.frames is not None and self.frame_map is not None and self.frame_pool is not None:
            x = self._input(graph, "frame", self.frame_map, "video_dim")
            out["global"] = self.frame_pool(self.frames(x, ptr), ptr)
        return LevelEmbeddings(**out)

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """:math:`F_t` [N, D] on every level.

        Raises:
            DataError: the captions have not passed through :meth:`transform_text`.
        """
        pieces, ptr = self.words(graph)
        x = self.word_map(pieces.to(self.word_map.weight.dtype))
        out = self.word_pool(F.dropout(x, self.dropout, self.training), ptr)
        return LevelEmbeddings(**dict.fromkeys(self.names, out))

    def fuse(self, level_scores: Tensor) -> Tensor:
        """Eq 11; a single branch counts alone."""
        if len(self.names) == 1:
            return level_scores[0]
        share = self.config["relation_weight"]
        return share * level_scores[0] + (1 - share) * level_scores[1]  # type: ignore[no-any-return]

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """Eq 12 on the fused score, or with ``per_level`` the mean of a loss for each branch.

        Returns:
            ``loss``, and with ``per_level`` its parts.
        """
        scores = self.level_scores(video, text)
        if not self.config["per_level"]:
            return {"loss": self.ranking(self.fuse(scores), video_of_text)}
        losses = {level: self.ranking(one, video_of_text) for level, one in zip(self.names, scores, strict=True)}
        return {"loss": torch.stack(list(losses.values())).mean(), **losses}

    def transform_text(self, graph: RoleGraph) -> RoleGraph:
        """Cut the captions into the word pieces of the language model."""
        return self.words.tokenize(graph)

    @torch.no_grad()
    def attention(self, graph: VideoGraph) -> VideoAttention:
        """What the relation branch looks at, for the space-time attention matrix.

        Raises:
            DataError: the model has no relation branch, or the graph no regions.
        """
        if self.relations is None or self.region_pool is None:
            raise DataError("attention", "needs the relation branch", "use a model whose relations are not 'none'")
        ptr = node_ptr(graph, "frame")
        x, region_ptr = self._regions(graph)
        frames, spatial, temporal = self.relations.observe(x, region_ptr, ptr)
        _, weights = self.region_pool(frames, ptr, return_weights=True)
        return VideoAttention(spatial, temporal, weights.mean(1), region_shares(spatial, region_ptr))

    def attention_map(self, graph: VideoGraph) -> Tensor:
        """How much each region counts in :math:`F_r`, [R] (Figure 7): its share of its frame times the frame's pooling
        weight. A video whose frames all have regions has 1 in sum.

        Raises:
            DataError: see :meth:`attention`.
        """
        seen = self.attention(graph)
        return seen.region_shares * seen.frame_weights.index_select(0, graph["region"].frame)

    def _regions(self, graph: VideoGraph) -> tuple[Tensor, Tensor]:
        """Regions [R, D] and where each frame's begin."""
        assert self.region_map is not None
        x = self._input(graph, "region", self.region_map, "region_dim")
        return x, batch_to_ptr(graph["region"].frame, num_nodes(graph, "frame"))

    def _input(self, graph: VideoGraph, kind: str, linear: nn.Linear, argument: str) -> Tensor:
        x = node_features(graph, kind, linear.in_features, argument)
        return F.dropout(linear(x.to(linear.weight.dtype)), self.dropout, self.training)

    @staticmethod
    def _check(relations: str, global_branch: bool, region_dim: int | None, relation_weight: float) -> None:
        check_choice("relations", relations, Relations)
        if relations == "none" and not global_branch:
            raise DataError("relations", "is 'none' and there is no global branch", "keep one of the two")
        if relations != "none" and region_dim is None:
            raise DataError("region_dim", "missing", "give the width of region.x, or relations='none'")
        if not 0 <= relation_weight <= 1:
            raise DataError("relation_weight", f"is {relation_weight}", "give 0 to 1")
