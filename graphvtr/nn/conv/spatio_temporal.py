"""The multi-layer spatio-temporal transformer of VSR-Net over ragged region graphs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.conv.complete_graph_attention import CompleteGraphAttention
from graphvtr.nn.lazy_linear import Linear
from graphvtr.ops import segment_reduce
from graphvtr.ops._segments import segment_of

Positions = Literal["sinusoidal", "none"]
TemporalOver = Literal["frames", "regions"]


@dataclass(frozen=True)
class Attention:
    """The attention of a block: ``edge_index`` [2, E] (source, destination) and ``weights`` [E, heads]."""

    edge_index: Tensor
    weights: Tensor


class TransformerBlock(nn.Module):
    r"""A pre-norm transformer block over the nodes of each graph (VSR-Net, Eq 3-4, 6-7 and 9-10).

    .. math::
        Y' = Y + \operatorname{MSA}(\operatorname{LN}(Y)), \qquad
        Y'' = Y' + \operatorname{MLP}(\operatorname{LN}(Y')), \qquad
        \operatorname{MLP}(x) = W_2 \operatorname{GELU}(W_1 x + b_1) + b_2

    Regions of each frame make a spatial block of it, frames of each video a temporal one.

    Args:
        channels: D, width of the features.
        heads: heads of the attention.
        mlp_ratio: width of the MLP over D.
        dropout: of what attention and MLP add.

    Shapes:
        - **input:** ``x`` ``[R, D]`` with ``ptr`` or ``edge_index``, or ``[S, n, D]``, see
          :class:`CompleteGraphAttention`
        - **output:** like ``x``; with ``return_attention_weights=True`` ``(out, Attention)``

    Example:
        >>> TransformerBlock(8, heads=2)(torch.randn(5, 8), torch.tensor([0, 3, 5])).shape
        torch.Size([5, 8])
    """

    def __init__(self, channels: int, heads: int = 8, mlp_ratio: float = 4.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        hidden = round(mlp_ratio * channels)
        self.norm_attention, self.norm_mlp = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = CompleteGraphAttention(channels, heads)
        self.mlp = nn.Sequential(Linear(channels, hidden), nn.GELU(), Linear(hidden, channels))

    def forward(self, x: Tensor, ptr: Tensor | None = None, edge_index: Tensor | None = None) -> Tensor:
        """Update every node from the nodes of its graph, or along ``edge_index``."""
        return self._update(x, self.attention(self.norm_attention(x), ptr, edge_index))

    def observe(
        self, x: Tensor, ptr: Tensor | None = None, edge_index: Tensor | None = None
    ) -> tuple[Tensor, Attention]:
        """The same, and how much each node has taken from each other one."""
        out, attention = self.attention(self.norm_attention(x), ptr, edge_index, return_attention_weights=True)
        return self._update(x, out), Attention(*attention)

    def _update(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + F.dropout(context, self.dropout, self.training)
        return x + F.dropout(self.mlp(self.norm_mlp(x)), self.dropout, self.training)


class FrameTransformer(nn.Module):
    r"""L blocks among the frames of every video, which know where they stand (VSR-Net, Eq 9-10; its global branch).

    Positions are the index of the frame in its video, sinusoidal, added before the first block. The paper writes none,
    and without them the result would be the same for any order of the frames.

    Args:
        channels: D, width of the features.
        num_layers: L; with 0 frames pass as they are.
        heads, mlp_ratio, dropout: of a :class:`TransformerBlock`.
        positions: ``"sinusoidal"``, or ``"none"``, with which permuting frames permutes the output.

    Shapes:
        - **input:** frames ``[F, D]`` with ``ptr`` ``[B + 1]`` where each video's begin, or ``[B, T, D]``
        - **output:** like the input

    Raises:
        DataError: an unknown option, or shapes that do not go together.

    Example:
        >>> FrameTransformer(8, num_layers=1, heads=2)(torch.randn(5, 8), torch.tensor([0, 3, 5])).shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        channels: int,
        num_layers: int = 4,
        heads: int = 8,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        *,
        positions: Positions = "sinusoidal",
    ) -> None:
        super().__init__()
        if positions not in get_args(Positions):
            raise DataError("positions", f"is '{positions}'", f"use one of {', '.join(get_args(Positions))}")
        self.positions = positions
        self.blocks = _blocks(num_layers, channels, heads, mlp_ratio, dropout)

    def forward(self, z: Tensor, ptr: Tensor | None = None, edge_index: Tensor | None = None) -> Tensor:
        """Frames that have heard of each other; ``edge_index`` [2, E] in place of complete graphs passes messages."""
        z = self._place(z, ptr)
        for block in self.blocks:
            z = block(z, ptr, edge_index)
        return z

    def observe(self, z: Tensor, ptr: Tensor) -> tuple[Tensor, list[Attention]]:
        """The same, and the attention of every block."""
        return _observe(self.blocks, self._place(z, ptr), ptr)

    def _place(self, z: Tensor, ptr: Tensor | None) -> Tensor:
        """Frames and where in their video they stand."""
        if self.positions == "none" or not len(self.blocks):
            return z
        if ptr is None:
            place = torch.arange(z.size(1), device=z.device)
        else:
            video = segment_of(ptr, z.size(0))
            place = torch.arange(z.size(0), device=z.device) - ptr[:-1].index_select(0, video)
        return z + sinusoids(place, z.size(-1)).to(z.dtype)

    def extra_repr(self) -> str:
        return f"positions={self.positions}"


class SpatioTemporalTransformer(nn.Module):
    r"""L blocks among the regions of every frame, their mean, L blocks among the frames of every video.

    VSR-Net, Eq 5-10. With :math:`Y_0^t` the regions of frame t,

    .. math::
        Y_l^t = \operatorname{Block}_l(Y_{l-1}^t), \qquad
        Z_0 = \bigl[ \operatorname{mean}_n Y_L^{t, n} + p_t \bigr]_t, \qquad
        Z_l = \operatorname{Block}'_l(Z_{l-1})

    Frames and videos may be of any size. A frame without regions starts from the position :math:`p_t` alone
    (:class:`FrameTransformer`), but it takes part: that nothing was seen is something seen.

    ``temporal_over="regions"`` is what the released code does: its temporal blocks attend over the regions of a frame
    once more, so that frames never hear of each other.

    Args:
        channels: D, width of the regions.
        num_layers: L, spatial blocks and as many temporal ones; 0 is the mean.
        heads, mlp_ratio, dropout: of a :class:`TransformerBlock`.
        spatial: False leaves the spatial blocks out.
        temporal: False leaves the temporal blocks out.
        positions: of the :class:`FrameTransformer`.
        temporal_over: ``"frames"``, or ``"regions"`` as the released code.

    Shapes:
        - **input:** regions ``[R, D]``, ``region_ptr`` ``[F + 1]`` where each frame's begin, ``frame_ptr`` ``[B + 1]``
          where each video's frames begin; or ``[B, T, N, D]`` where all are of one size
        - **output:** frames ``[F, D]``, or ``[B, T, D]``

    Raises:
        DataError: an unknown option, or shapes that do not go together.

    Example:
        >>> transformer = SpatioTemporalTransformer(8, num_layers=1, heads=2)
        >>> regions = torch.randn(6, 8)  # of frames with 3, 0 and 2 regions, and a video of one frame with 1
        >>> transformer(regions, torch.tensor([0, 3, 3, 5, 6]), torch.tensor([0, 3, 4])).shape
        torch.Size([4, 8])
        >>> transformer(torch.randn(2, 5, 3, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        channels: int,
        num_layers: int = 4,
        heads: int = 8,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        *,
        spatial: bool = True,
        temporal: bool = True,
        positions: Positions = "sinusoidal",
        temporal_over: TemporalOver = "frames",
    ) -> None:
        super().__init__()
        if temporal_over not in get_args(TemporalOver):
            raise DataError("temporal_over", f"is '{temporal_over}'", f"use one of {', '.join(get_args(TemporalOver))}")
        self.channels = channels
        over_regions = temporal and temporal_over == "regions"
        sizes = (channels, heads, mlp_ratio, dropout)
        self.spatial = _blocks(num_layers * (int(spatial) + int(over_regions)), *sizes)
        over_frames = num_layers if temporal and not over_regions else 0
        self.temporal = FrameTransformer(channels, over_frames, heads, mlp_ratio, dropout, positions=positions)

    def forward(
        self,
        x: Tensor,
        region_ptr: Tensor | None = None,
        frame_ptr: Tensor | None = None,
        *,
        spatial_edges: Tensor | None = None,
        temporal_edges: Tensor | None = None,
    ) -> Tensor:
        """Regions to frames that know of each other.

        Args:
            x: [R, D], the regions of all frames end to end; or [B, T, N, D] and nothing else.
            region_ptr: [F + 1].
            frame_ptr: [B + 1].
            spatial_edges: [2, E], edges among regions in place of complete graphs: message passing.
            temporal_edges: [2, E], edges among frames, likewise.
        """
        if region_ptr is None:
            return self._dense(x)
        self._check(x, region_ptr, frame_ptr)
        for block in self.spatial:
            x = block(x, region_ptr, spatial_edges)
        return self.temporal(segment_reduce(x, region_ptr, "mean"), frame_ptr, temporal_edges)  # type: ignore[no-any-return]

    def observe(
        self, x: Tensor, region_ptr: Tensor, frame_ptr: Tensor
    ) -> tuple[Tensor, list[Attention], list[Attention]]:
        """The frames, and the attention of every spatial and every temporal block."""
        self._check(x, region_ptr, frame_ptr)
        x, spatial = _observe(self.spatial, x, region_ptr)
        z, temporal = self.temporal.observe(segment_reduce(x, region_ptr, "mean"), frame_ptr)
        return z, spatial, temporal

    def _dense(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or x.size(-1) != self.channels:
            shape = f"[B, T, N, {self.channels}], or [R, {self.channels}] with region_ptr and frame_ptr"
            raise DataError(f"{type(self).__name__}: x", f"has shape {list(x.shape)}", f"give {shape}")
        frames = x.flatten(0, 1)  # [B T, N, D]
        for block in self.spatial:
            frames = block(frames)
        return self.temporal(frames.mean(1).unflatten(0, x.shape[:2]))  # type: ignore[no-any-return]

    def _check(self, x: Tensor, region_ptr: Tensor, frame_ptr: Tensor | None) -> None:
        if x.dim() != 2 or x.size(-1) != self.channels:
            raise DataError(
                f"{type(self).__name__}: x", f"has shape {list(x.shape)}", f"give [R, {self.channels}] with pointers"
            )
        if frame_ptr is None:
            raise DataError("frame_ptr", "missing", "say where each video's frames begin")
        fits = frame_ptr.device.type != "cpu" or torch.compiler.is_compiling()  # looking would wait, or break a graph
        if not fits and int(frame_ptr[-1]) != region_ptr.numel() - 1:
            raise DataError(
                "frame_ptr", f"ends at {int(frame_ptr[-1])} for {region_ptr.numel() - 1} frames", "count the frames"
            )


def _blocks(count: int, channels: int, heads: int, mlp_ratio: float, dropout: float) -> nn.ModuleList:
    if count < 0:
        raise DataError("num_layers", f"is {count}", "give 0 or more")
    return nn.ModuleList(TransformerBlock(channels, heads, mlp_ratio, dropout) for _ in range(count))


def _observe(blocks: nn.ModuleList, x: Tensor, ptr: Tensor) -> tuple[Tensor, list[Attention]]:
    seen: list[Attention] = []
    for block in blocks:
        x, attention = block.observe(x, ptr)  # type: ignore[operator]
        seen.append(attention)
    return x, seen


def sinusoids(place: Tensor, channels: int) -> Tensor:
    """Position encodings of "Attention Is All You Need" (section 3.5), float64 [n, channels], of places [n]."""
    half = torch.arange(0, channels, 2, device=place.device, dtype=torch.float64)
    angle = place[:, None] * torch.exp(half * (-math.log(10000.0) / channels))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :channels]
