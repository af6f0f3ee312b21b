"""Where two regions stand to each other, as a score."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Sides shorter than this share of the picture count as this long.
SHORTEST_SIDE = 1e-3
GEOMETRY = 5


class LocationBias(nn.Module):
    r"""A score from the boxes of two regions, added to R (ViSERN's future work: "location information").

    .. math:: b_{ij} = m(g_{ij}) + m(g_{ji}), \qquad
        g_{ij} = \Bigl( \frac{x_j - x_i}{w_i}, \frac{y_j - y_i}{h_i}, \log \frac{w_j}{w_i}, \log \frac{h_j}{h_i},
        \operatorname{IoU}_{ij} \Bigr)

    with centres x, y, sides w, h, and m a small MLP. Both orders are added, as in Eq 1, so that R stays symmetric and
    the walk keeps its real eigenvalues. Offsets pass through :math:`\operatorname{asinh}`: beside a tiny box all
    others are hundreds of its widths away.

    Args:
        hidden: width of the MLP.

    Shapes:
        - **input:** two sets of boxes ``[..., 4]`` (x0 y0 x1 y1 in 0..1) that broadcast
        - **output:** ``[...]``

    Example:
        >>> box = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
        >>> LocationBias()(box[:, None], box).shape
        torch.Size([3, 3])
    """

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(GEOMETRY, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()

    def forward(self, box: Tensor, other: Tensor) -> Tensor:
        """The score of every pair."""
        weight = next(self.mlp.parameters())
        box, other = box.to(weight.dtype), other.to(weight.dtype)
        forth = self.mlp(relative_geometry(box, other))
        return (forth + self.mlp(relative_geometry(other, box))).squeeze(-1)


def relative_geometry(box: Tensor, other: Tensor) -> Tensor:
    """``g`` of :class:`LocationBias`, [..., 5]: the other box as ``box`` sees it."""
    side, other_side = ((value[..., 2:] - value[..., :2]).clamp(min=SHORTEST_SIDE) for value in (box, other))
    offset = (other[..., :2] + other[..., 2:] - box[..., :2] - box[..., 2:]) / 2 / side
    overlap = torch.minimum(box[..., 2:], other[..., 2:]) - torch.maximum(box[..., :2], other[..., :2])
    both = overlap.clamp(min=0).prod(-1, keepdim=True)
    either = side.prod(-1, keepdim=True) + other_side.prod(-1, keepdim=True) - both
    return torch.cat([offset.asinh(), (other_side / side).log(), both / either], dim=-1)
