"""Frames to four vectors a video: the video side of MCSAN (section 3.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import VideoGraph, node_ptr
from graphvtr.nn.encoders.recurrent import run_sequences
from graphvtr.nn.encoders.relationship import RelationshipEncoder
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.node_features import node_features
from graphvtr.nn.ragged import Layout
from graphvtr.ops import segment_reduce, segment_softmax

Pool = Literal["max", "mean"]
AttentionAxis = Literal["frames", "channels"]
AttentionScale = Literal["sum", "mean"]


class MCSANVideoEncoder(nn.Module):
    r"""Four views of a video, each from the frames through a residual map of its own (Eq 7-10).

    .. math:: F^x = \operatorname{ReLU}(F + \operatorname{FC}^x(F)), \qquad x \in \{g, e, a, r\}

    - *global*: frames scaled by soft attention, then the last states of a bidirectional GRU (Eq 11-15)
    - *entity*: :math:`\operatorname{ReLU}(\operatorname{Conv}_1(F^e))` (Eq 16)
    - *action*: :math:`\sum_i \beta_i \operatorname{ReLU}(\operatorname{Conv}_{k_i}(F^a))` (Eq 17, which prints
      :math:`F^e`; its text speaks of actions)
    - *relationship*: a :class:`RelationshipEncoder` over the frames (Eq 18-22)

    The paper does not say how the convolutions' frames become one vector: ``pool``. Nor does Eq 12,
    :math:`\alpha = \operatorname{softmax}(F^g W)`, say over what: ``attention_axis``. Over frames, T weights that sum
    to 1 make each frame enter the GRU T times too small: ``attention_scale``.

    Args:
        video_dim: width of the frame features.
        hidden: D, width of the four vectors.
        relationship: False leaves that level out.
        kernels: widths of the action convolutions; zeros stand around a video, so that short ones have windows too.
        betas: :math:`\beta_i`; all ``1 / len(kernels)`` when None.
        pool: ``"max"`` or ``"mean"`` over time.
        heads, feedforward: of the :class:`RelationshipEncoder`.
        frame_width: map the frame features to this width before anything else; None, as the paper, does not.
        attention_axis: ``"frames"``, one weight a frame (W is a vector), or ``"channels"``, one for each feature of
            each frame (W is square).
        attention_scale: weights have the ``"sum"`` 1, as a softmax has, or the ``"mean"`` 1, so that they change which
            frames (or features) count and not how large all are.
        dropout: of the frame features.

    Shapes:
        - **input:** a video graph or a packed batch of N
        - **output:** ``global``, ``entity``, ``action`` and ``relationship``, each ``[N, D]``

    Raises:
        DataError: frame features of another width, or options that do not go together.

    Example:
        >>> from graphvtr.graphs import VideoGraph
        >>> clip = VideoGraph.build(torch.randn(5, 16))
        >>> {name: list(level.x.shape) for name, level in MCSANVideoEncoder(16, 8)(clip).items()}
        {'global': [1, 8], 'entity': [1, 8], 'action': [1, 8], 'relationship': [1, 8]}
    """

    def __init__(
        self,
        video_dim: int,
        hidden: int,
        *,
        relationship: bool = True,
        kernels: Sequence[int] = (2, 3, 5),
        betas: Sequence[float] | None = None,
        pool: Pool = "max",
        heads: int = 1,
        feedforward: int | None = None,
        frame_width: int | None = None,
        attention_axis: AttentionAxis = "frames",
        attention_scale: AttentionScale = "sum",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_choice("pool", pool, Pool)
        if not kernels or min(kernels) < 1:
            raise DataError("kernels", f"are {list(kernels)}", "give at least one width, each 1 or more")
        if betas is not None and len(betas) != len(kernels):
            raise DataError("betas", f"are {len(betas)} for {len(kernels)} kernels", "give one a kernel")
        check_choice("attention_axis", attention_axis, AttentionAxis)
        check_choice("attention_scale", attention_scale, AttentionScale)
        self.attention_axis, self.attention_scale = attention_axis, attention_scale
        width = video_dim if frame_width is None else frame_width
        self.video_dim, self.pool, self.dropout = video_dim, pool, dropout
        self.kernels = list(kernels)
        self.betas = [1 / len(kernels)] * len(kernels) if betas is None else list(betas)
        self.frames = nn.Identity() if frame_width is None else Linear(video_dim, width)
        levels = ("global", "entity", "action", "relationship")[: 4 if relationship else 3]
        self.maps = nn.ModuleDict({level: Linear(width, width) for level in levels})
        self.score = nn.Linear(width, 1 if attention_axis == "frames" else width, bias=False)
        self.rnn = nn.GRU(width, max(hidden // 2, 1), bidirectional=True)
        self.project = nn.Identity() if hidden % 2 == 0 else Linear(2 * self.rnn.hidden_size, hidden)
        self.entity = Linear(width, hidden)  # a convolution of width 1
        self.action = nn.ModuleList(nn.Conv1d(width, hidden, kernel) for kernel in kernels)
        self.relationship = RelationshipEncoder(width, hidden, heads, feedforward) if relationship else None

    def forward(self, graph: VideoGraph) -> LevelEmbeddings:
        """Encode a video graph or a packed batch."""
        x = node_features(graph, "frame", self.video_dim, "video_dim")
        ptr = node_ptr(graph, "frame").to(x.device)
        x = self.frames(F.dropout(x.to(self.score.weight.dtype), self.dropout, self.training))
        seen = {level: F.relu(x + level_map(x)) for level, level_map in self.maps.items()}  # Eq 7-10
        levels = {
            "global": self._global(seen["global"], ptr),
            "entity": segment_reduce(F.relu(self.entity(seen["entity"])), ptr, self.pool),
            "action": self._action(seen["action"], ptr),
        }
        if self.relationship is not None:
            levels["relationship"] = self.relationship(seen["relationship"], ptr)
        return LevelEmbeddings(**levels)

    def _global(self, x: Tensor, ptr: Tensor) -> Tensor:
        """The last state of each direction, [N, D]."""
        width = self.rnn.hidden_size
        if not x.size(0):
            return self.project(x.new_zeros(ptr.numel() - 1, 2 * width))  # type: ignore[no-any-return]
        out = run_sequences(self.rnn, self._attention(x, ptr) * x, ptr)
        last = out.index_select(0, (ptr[1:] - 1).clamp(min=0))[:, :width]
        first = out.index_select(0, ptr[:-1].clamp(max=x.size(0) - 1))[:, width:]
        states = torch.cat([last, first], 1).to(x.dtype)
        return self.project(states.masked_fill((ptr.diff() == 0)[:, None], 0.0))  # type: ignore[no-any-return]

    def _attention(self, x: Tensor, ptr: Tensor) -> Tensor:
        """Eq 12: a weight for every frame [F, 1], or for every feature of every frame [F, width]."""
        if self.attention_axis == "channels":
            weights = self.score(x).softmax(1)
            return weights * x.size(1) if self.attention_scale == "mean" else weights  # type: ignore[no-any-return]
        weights = segment_softmax(self.score(x).squeeze(-1), ptr)
        if self.attention_scale == "mean":
            count = ptr.diff()
            weights = weights * count.repeat_interleave(count, output_size=x.size(0))
        return weights[:, None]

    def _action(self, x: Tensor, ptr: Tensor) -> Tensor:
        """The convolutions' weighted sum, pooled over time, [N, D]."""
        layout = Layout.from_ptr(x, ptr)
        if not x.size(0):
            return x.new_zeros(layout.graphs, self.entity.out_features)
        dense = layout.pad(x).mT  # [N, width, T], 0 past the end
        total = torch.zeros((), device=x.device)
        for beta, kernel, conv in zip(self.betas, self.kernels, self.action, strict=True):
            before = (kernel - 1) // 2
            total = total + beta * F.relu(conv(F.pad(dense, (before, kernel - 1 - before))))
        return segment_reduce(layout.unpad(total.mT), ptr, self.pool)
