"""Frame features to event, action and entity embeddings (HGR section 3.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from graphvtr.graphs import VideoGraph, node_ptr
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.node_features import node_features
from graphvtr.nn.pool import SoftAttentionPool

LEVELS = ("event", "action", "entity")


class HierarchicalVideoEncoder(nn.Module):
    r"""Three views of a video: one vector for the event, one vector a frame for actions and for entities.

    .. math:: v_{x,i} = W_x^v f_i, \qquad x \in \{e, a, o\}

    (Eq 11); the event's frames are then pooled by soft attention, as in Eq 4-5.

    Args:
        video_dim: width of the frame features.
        hidden: D, width of the embeddings.
        hierarchical: False shares one map between the three levels (Table 4, row 3).
        bias: whether the maps have a bias; Eq 11 has none, the released code does.
        dropout: after the maps.

    Raises:
        DataError: frame features of another width.

    Example:
        >>> import torch
        >>> clip = VideoGraph.build(torch.randn(5, 16))
        >>> {name: list(level.x.shape) for name, level in HierarchicalVideoEncoder(16, 8)(clip).items()}
        {'event': [1, 8], 'action': [5, 8], 'entity': [5, 8]}
    """

    def __init__(
        self, video_dim: int, hidden: int, *, hierarchical: bool = True, bias: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.video_dim, self.dropout = video_dim, dropout
        names = LEVELS if hierarchical else ("shared",)
        self.maps = nn.ModuleDict({name: Linear(video_dim, hidden, bias=bias) for name in names})
        self.pool = SoftAttentionPool(hidden)

    def forward(self, graph: VideoGraph) -> LevelEmbeddings:
        """Encode a video graph or a packed batch: ``event`` [N, D], ragged ``action`` and ``entity``."""
        x = node_features(graph, "frame", self.video_dim, "video_dim")
        x = x.to(self.pool.score.weight.dtype)
        frames = [F.dropout(level_map(x), self.dropout, self.training) for level_map in self.maps.values()]
        event, action, entity = frames if len(frames) == len(LEVELS) else frames * len(LEVELS)
        ptr = node_ptr(graph, "frame").to(x.device)
        return LevelEmbeddings(event=self.pool(event, ptr), action=Level(action, ptr), entity=Level(entity, ptr))
