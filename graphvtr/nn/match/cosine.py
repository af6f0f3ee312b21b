"""Cosine similarity of one vector an item."""

from __future__ import annotations

from torch import Tensor

from graphvtr.nn.match.inner_product import InnerProductMatch
from graphvtr.ops.local_match import normalize_rows


class CosineMatch(InnerProductMatch):
    r"""The cosine of every video and every caption on a level with one vector an item (HGR section 3.3, global
    matching): :math:`\cos(v, c) = v^\top c / (\lVert v \rVert \lVert c \rVert)`.

    A zero vector, such as the event of a video without frames, has cosine 0 with everything and gets no
    gradient.

    Shapes:
        - **input:** levels of Nv videos ``[Nv, D]`` and Nt captions ``[Nt, D]``
        - **output:** ``[Nv, Nt]``

    Raises:
        DataError: a level is a ragged set.

    Example:
        >>> import torch
        >>> from graphvtr.nn.levels import Level
        >>> CosineMatch()(Level(torch.eye(2)), Level(torch.tensor([[3.0, 4.0]]))).tolist()
        [[0.6000000238418579], [0.800000011920929]]
    """

    def vectors(self, x: Tensor) -> Tensor:
        """Rows of length 1, [N, D]."""
        return normalize_rows(x)
