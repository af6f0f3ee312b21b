"""Soft attention pooling over ragged sets."""

from __future__ import annotations

from typing import Literal, overload

from torch import Tensor, nn

from graphvtr.ops import segment_reduce, segment_softmax


class SoftAttentionPool(nn.Module):
    r"""The weighted mean of each set of vectors, the weights learned from the vectors themselves.

    HGR, Eq 4-5: words to the event of a caption, frames to the event of a video.

    .. math::
        g = \sum_i \alpha_i x_i, \qquad \alpha_i = \frac{\exp(W_e x_i)}{\sum_j \exp(W_e x_j)}

    A bias on the score would shift all of a set's scores alike and cancel in the softmax, so there is none.

    Args:
        channels: D, width of the vectors.

    Shapes:
        - **input:** vectors ``[sum n_i, D]``, ``ptr`` ``[N + 1]`` where each set begins
        - **output:** ``[N, D]``, 0 for an empty set; with ``return_weights=True`` also ``[sum n_i]``

    Example:
        >>> import torch
        >>> pool = SoftAttentionPool(4)
        >>> pool(torch.randn(5, 4), torch.tensor([0, 3, 5])).shape
        torch.Size([2, 4])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.score = nn.Linear(channels, 1, bias=False)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.score.reset_parameters()

    @overload
    def forward(self, x: Tensor, ptr: Tensor, return_weights: Literal[False] = ...) -> Tensor: ...

    @overload
    def forward(self, x: Tensor, ptr: Tensor, return_weights: Literal[True]) -> tuple[Tensor, Tensor]: ...

    def forward(self, x: Tensor, ptr: Tensor, return_weights: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Pool every set.

        Args:
            x: [sum n_i, D], the vectors of all sets, end to end.
            ptr: [N + 1], where each set begins.
            return_weights: also return the attention weights.

        Raises:
            DataError: ``ptr`` does not fit ``x``.
        """
        weights = segment_softmax(self.score(x).squeeze(-1), ptr)  # [sum n_i]
        pooled = segment_reduce(weights.unsqueeze(-1) * x, ptr)  # [N, D]
        return (pooled, weights) if return_weights else pooled

    def extra_repr(self) -> str:
        return f"{self.channels}"
