"""Concepts of a sequence from those of its elements: multiple instance learning (HANet)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.batch_norm import batch_norm
from graphvtr.nn.ragged import Layout

SHARE = 8


class ConceptPool(nn.Module):
    r"""How likely each concept is in a video, from how likely it is in its frames; likewise for captions and words.

    A video is known to show a concept, but not when: the mean over its :math:`\lceil T / 8 \rceil` likeliest frames,
    chosen for every concept on its own, lets a moment suffice and does not hang on a single frame.

    .. math:: p_t = \sigma(\operatorname{BN}(\operatorname{conv}_k(x)_t)), \qquad
        p = \operatorname*{mean}_{\text{top } \lceil T / 8 \rceil} p_t

    Args:
        channels: D, width of the elements.
        concepts: K; may be 0.
        kernel: width of the convolution, odd; 1 looks at elements on their own.

    Shapes:
        - **input:** elements ``[W, D]``, ``ptr`` ``[N + 1]`` where each sequence begins
        - **output:** ``[N, K]`` for the sequences, 0 for an empty one, and ``[W, K]`` for the elements

    Raises:
        DataError: an even width.

    Example:
        >>> of_videos, of_frames = ConceptPool(4, 3)(torch.randn(5, 4), torch.tensor([0, 3, 5]))
        >>> of_videos.shape, of_frames.shape
        (torch.Size([2, 3]), torch.Size([5, 3]))
    """

    def __init__(self, channels: int, concepts: int, kernel: int = 1) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise DataError("kernel", f"is {kernel}", "give an odd number")
        self.concepts, self.kernel = concepts, kernel
        self.conv = nn.Conv1d(channels, concepts, kernel) if concepts else None
        self.norm = nn.BatchNorm1d(concepts) if concepts else None

    def forward(self, x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
        """Concepts of the sequences and of their elements.

        Args:
            x: [W, D], the elements of all sequences, end to end.
            ptr: [N + 1], where each sequence begins.
        """
        layout = Layout.from_ptr(x, ptr)
        if self.conv is None or self.norm is None or not x.size(0):
            return x.new_zeros(layout.graphs, self.concepts), x.new_zeros(x.size(0), self.concepts)
        dense = F.pad(layout.pad(x).mT, (self.kernel // 2, self.kernel // 2))
        of_elements = torch.sigmoid(batch_norm(self.norm, layout.unpad(self.conv(dense).mT)))  # [W, K]
        return mean_of_top(of_elements, ptr), of_elements


def mean_of_top(x: Tensor, ptr: Tensor, share: int = SHARE) -> Tensor:
    r"""The mean over the :math:`\lceil n / share \rceil` largest of each sequence's n rows, column by column.

    Args:
        x: [W, K], 0 or more.
        ptr: [N + 1].
        share: how many rows one stands for.

    Returns:
        [N, K], 0 for an empty sequence.

    Example:
        >>> mean_of_top(torch.tensor([[0.1], [0.9], [0.5]]), torch.tensor([0, 2, 3])).flatten().tolist()
        [0.8999999761581421, 0.5]
    """
    layout = Layout.from_ptr(x, ptr)
    if not x.size(0):
        return x.new_zeros(layout.graphs, x.size(1))
    top = (ptr.diff() + share - 1) // share  # [N]
    largest = (layout.nodes + share - 1) // share
    ordered = layout.pad(x).sort(1, descending=True).values[:, :largest]  # zeros past the end come last
    counted = torch.arange(ordered.size(1), device=x.device) < top[:, None]
    return (ordered * counted[:, :, None]).sum(1) / top.clamp(min=1)[:, None].to(x.dtype)
