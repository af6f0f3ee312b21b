"""The weights of ViSERN's random walk layer, and its path over complete graphs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.batch_norm import batch_norm
from graphvtr.nn.conv.random_walk_gcn_layout import Layout
from graphvtr.nn.conv.random_walk_gcn_location import LocationBias
from graphvtr.nn.conv.random_walk_gcn_walk import (
    DEGREE_EPS,
    Affinity,
    Normalization,
    check_options,
    transition_matrix,
    walk,
)
from graphvtr.ops import complete_graph_walk

OP_AFFINITIES = ("dot", "exp")
"""What :func:`graphvtr.ops.complete_graph_walk` does in full. Its softplus lets degrees underflow where all scores of
a row are far below 0; the layer normalises that one by its logarithm."""


class RandomWalkLayer(nn.Module):
    """What :class:`RandomWalkGCNConv` and :class:`DenseRandomWalkGCN` share: parameters, options, complete graphs.

    The state dict of one is that of the other. The options are described there.
    """

    def __init__(
        self,
        in_channels: int,
        key_channels: int | None = None,
        *,
        normalization: Normalization = "random_walk",
        affinity: Affinity = "softplus",
        num_steps: int = 1,
        batch_norm: bool = False,
        zero_init: bool = False,
        location: bool = False,
        temporal: bool = False,
        eps: float = DEGREE_EPS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_options(normalization, affinity, num_steps, eps)
        key_channels = in_channels if key_channels is None else key_channels
        for name, value in (("in_channels", in_channels), ("key_channels", key_channels)):
            if value < 1:
                raise DataError(name, f"is {value}", "give 1 or more")
        self.in_channels, self.key_channels = in_channels, key_channels
        self.normalization, self.affinity, self.num_steps, self.eps = normalization, affinity, num_steps, eps
        self.zero_init, self.location, self.temporal = zero_init, location, temporal
        if normalization == "none":  # Z = V: nothing to learn
            return
        self.phi = nn.Linear(in_channels, key_channels)
        self.theta = nn.Linear(in_channels, key_channels)
        self.gcn = nn.Linear(in_channels, in_channels, bias=False)  # W_g
        self.residual = nn.Linear(in_channels, in_channels, bias=False)  # W_r
        self.norm = nn.BatchNorm1d(in_channels) if batch_norm else None
        self.edge_bias = LocationBias() if location else None
        self.temporal_phi = nn.Linear(in_channels, key_channels) if temporal else None
        self.temporal_theta = nn.Linear(in_channels, key_channels) if temporal else None
        self.temporal_gcn = nn.Linear(in_channels, in_channels, bias=False) if temporal else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in self.children():
            if isinstance(module, nn.Linear | nn.BatchNorm1d | LocationBias):
                module.reset_parameters()
        if self.zero_init and self.normalization != "none":
            last = (self.residual, self.temporal_gcn) if self.norm is None else (self.norm,)
            for parameter in (parameter for module in last if module is not None for parameter in module.parameters()):
                nn.init.zeros_(parameter)

    def complete(self, x: Tensor, layout: Layout, box: Tensor | None = None, clip: Tensor | None = None) -> Tensor:
        """The layer over complete graphs, [R, d] -> [R, d]; rows that are no nodes come out as 0.

        Args:
            x: [R, d].
            layout: where the rows of each graph are.
            box: [R, 4], for ``location``.
            clip: [B], the clip of each graph (frame), for ``temporal``; None when all are of one clip.
        """
        if layout.row_mask is not None:  # what stands in the padding must not matter, NaN included
            x = x.masked_fill(~layout.row_mask[:, None], 0.0)
        if self.normalization == "none":
            return x
        self._check(x, box)
        walked = self._walk(x, layout, box)
        before = self._walk_from_previous(x, layout, clip) if self.temporal else None
        out = x + self._branch(walked, before, layout.row_mask)
        return out if layout.row_mask is None else out.masked_fill(~layout.row_mask[:, None], 0.0)

    def complete_transition(self, x: Tensor, layout: Layout, box: Tensor | None = None) -> Tensor:
        """P of every graph, [B, n, n], 0 where there is no node."""
        if self.normalization == "none":
            raise DataError("normalization", "is 'none'", "a layer without reasoning has no transition matrix")
        self._check(x, box)
        score = self._scores(x, layout, box, fold=False)
        return transition_matrix(score, layout.mask, layout.mask, self.normalization, self.affinity, self.eps)

    def _walk(self, x: Tensor, layout: Layout, box: Tensor | None) -> Tensor:
        """P^k V, [R, d]."""
        if self.location or self.affinity not in OP_AFFINITIES:
            score = self._scores(x, layout, box, fold=self._fold_pays(x))
            matrix = transition_matrix(score, layout.mask, layout.mask, self.normalization, self.affinity, self.eps)
            return layout.unpad(walk(matrix, layout.pad(x), self.num_steps))
        if self._constant_cancels() and self._fold_pays(x):
            phi, theta = self._folded(x), x
        else:
            phi, theta = self.phi(x), self.theta(x)
        options = (self.normalization, self.affinity, self.num_steps, self.eps)
        if layout.ptr is not None:
            return complete_graph_walk(phi, theta, x, layout.ptr, None, *options)  # type: ignore[arg-type]
        phi, theta, nodes = (layout.pad(value) for value in (phi, theta, x))
        walked = complete_graph_walk(phi, theta, nodes, None, layout.mask, *options)  # type: ignore[arg-type]
        return layout.unpad(walked)

    def _scores(self, x: Tensor, layout: Layout, box: Tensor | None, fold: bool) -> Tensor:
        """R of Eq 1, [B, n, n]."""
        if fold:
            half = layout.pad(self._folded(x)) @ layout.pad(x).mT + self.phi.bias @ self.theta.bias
        else:
            half = layout.pad(self.phi(x)) @ layout.pad(self.theta(x)).mT
        score = half + half.mT
        if self.edge_bias is not None and box is not None:
            place = layout.pad(box)  # [B, n, 4]
            score = score + self.edge_bias(place[:, :, None], place[:, None])
        return score

    def _folded(self, x: Tensor) -> Tensor:
        r"""What to multiply with x instead of :math:`\phi` with :math:`\theta`, [R, d]: one map instead of two.

        :math:`\phi_i^\top \theta_j = v_i^\top W_\phi^\top W_\theta v_j + a^\top v_i + b^\top v_j + c`. As R adds the
        transpose, a + b may stand on one side. The constant c is left out.
        """
        both = self.phi.weight.T @ self.theta.weight  # [d, d]
        linear = self.theta.bias @ self.phi.weight + self.phi.bias @ self.theta.weight  # a + b, [d]
        return torch.addmm(linear, x, both)

    def _constant_cancels(self) -> bool:
        """Whether P is the same when all scores are shifted alike."""
        return self.affinity == "exp" and self.normalization != "row"

    def _walk_from_previous(self, x: Tensor, layout: Layout, clip: Tensor | None) -> Tensor:
        """One directed step from the frame before, [R, d]: 0 in the first frame of a clip."""
        assert self.temporal_phi is not None
        assert self.temporal_theta is not None
        if clip is not None and clip.shape != (layout.graphs,):
            raise DataError("clip", f"has shape {list(clip.shape)}", f"give the clip of each of {layout.graphs} frames")
        now, before = layout.pad(self.temporal_phi(x)), layout.pad(self.temporal_theta(x))
        mask = layout.mask
        if mask is None:
            mask = torch.ones(layout.graphs, layout.nodes, dtype=torch.bool, device=x.device)
        columns = mask[:-1]
        if clip is not None:
            columns = columns & (clip[1:] == clip[:-1])[:, None]
        score = now[1:] @ before[:-1].mT  # [B - 1, n, n], frame b from frame b - 1
        matrix = transition_matrix(score, mask[1:], columns, self.normalization, self.affinity, self.eps)
        walked = walk(matrix, layout.pad(x)[:-1], 1)
        return layout.unpad(F.pad(walked, (0, 0, 0, 0, 1, 0))[: layout.graphs])

    def _branch(self, walked: Tensor, before: Tensor | None, row_mask: Tensor | None = None) -> Tensor:
        """(P V W_g) W_r, plus the step from the frame before, normalised: what is added to V."""
        if walked.size(0) > self.in_channels and self._same_precision():
            out = walked @ (self.residual.weight @ self.gcn.weight).T  # one product with many rows instead of two
        else:
            out = self.residual(self.gcn(walked))
        if before is not None and self.temporal_gcn is not None:
            out = out + self.temporal_gcn(before)
        if self.norm is None:
            return out
        if row_mask is None:
            return batch_norm(self.norm, out)
        return out.masked_scatter(row_mask[:, None], batch_norm(self.norm, out[row_mask]))

    def _fold_pays(self, x: Tensor) -> bool:
        """Whether W_phi^T W_theta, once, and one product with the rows is cheaper than two."""
        key, d = self.key_channels, self.in_channels
        return x.size(0) * (2 * key - d) > d * key and self._same_precision()

    def _same_precision(self) -> bool:
        """Products of weights would lose digits in half precision."""
        weight = self.gcn.weight
        return weight.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled(weight.device.type)

    def _check(self, x: Tensor, box: Tensor | None) -> None:
        if x.dim() != 2 or x.size(-1) != self.in_channels:
            raise DataError("x", f"has features {list(x.shape[1:])}", f"give {self.in_channels} a node")
        if self.location and (box is None or box.shape != (x.size(0), 4)):
            problem = "is missing" if box is None else f"has shape {list(box.shape)}"
            raise DataError("box", problem, "a layer with location=True needs x0 y0 x1 y1 of every node")

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, normalization={self.normalization}, "
            f"affinity={self.affinity}, num_steps={self.num_steps})"
        )
