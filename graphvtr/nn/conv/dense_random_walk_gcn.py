"""ViSERN's random walk layer over batches of complete graphs."""

from __future__ import annotations

from torch import Tensor

from graphvtr.nn.conv.random_walk_gcn_layer import RandomWalkLayer
from graphvtr.nn.conv.random_walk_gcn_layout import Layout


class DenseRandomWalkGCN(RandomWalkLayer):
    r"""The random walk layer of ViSERN over complete graphs of equal or padded size: no edge is ever stored.

    The maths, the options and the weights are those of :class:`RandomWalkGCNConv`; a state dict of one loads into
    the other. This path picks the order of its products by their cost: P^k as one n × n matrix, the weight products
    :math:`W_\phi^\top W_\theta` and :math:`W_g W_r` once where there are more nodes than channels, and under
    ``affinity="dot"``, for n well above d_k, the form :math:`R V = \phi(\theta^\top V) + \theta(\phi^\top V)`, linear
    in n.

    Shapes:
        - **input:** ``x`` ``[B, n, in_channels]``, ``mask`` ``[B, n]`` of bool, ``box`` ``[B, n, 4]``, ``clip`` ``[B]``
        - **output:** ``[B, n, in_channels]``, 0 where ``mask`` is False

    Raises:
        DataError: shapes that do not go together, or an unknown option.

    Example:
        >>> import torch
        >>> DenseRandomWalkGCN(8)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def forward(
        self, x: Tensor, mask: Tensor | None = None, *, box: Tensor | None = None, clip: Tensor | None = None
    ) -> Tensor:
        """Let every node of every graph walk.

        Args:
            x: [B, n, in_channels].
            mask: [B, n], which places hold a node; None when all do.
            box: [B, n, 4], with ``location``.
            clip: [B], the clip of each graph (frame), in order, with ``temporal``; None when all are of one clip.
        """
        layout = Layout.from_mask(x, mask)
        rows = self.complete(x.flatten(0, 1), layout, None if box is None else box.flatten(0, 1), clip)
        return rows.view(x.shape)

    def transition(self, x: Tensor, mask: Tensor | None = None, *, box: Tensor | None = None) -> Tensor:
        """P of every graph, [B, n, n], 0 where there is no node."""
        layout = Layout.from_mask(x, mask)
        return self.complete_transition(x.flatten(0, 1), layout, None if box is None else box.flatten(0, 1))
