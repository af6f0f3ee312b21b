"""The random walk over complete graphs: products in the order of their cost."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.conv import MessagePassing

from graphvtr.errors import DataError
from graphvtr.nn.batch_norm import batch_norm
from graphvtr.nn.conv.adjacency import passes_messages
from graphvtr.nn.conv.location_bias import LocationBias
from graphvtr.nn.lazy_linear import LazyLinear
from graphvtr.nn.ragged import Layout, batch_to_ptr
from graphvtr.ops import complete_graph_walk
from graphvtr.ops.transition import Affinity, transition_matrix

Normalization = Literal["random_walk", "symmetric", "row", "none"]


class CompleteWalk(MessagePassing):  # type: ignore[misc]
    """What :class:`graphvtr.nn.RandomWalkGCNConv` does where every node hears every node: no edge is stored.

    It has the arguments and parameters, and ``_by_messages``, the same along edges.
    """

    in_channels: int
    key_channels: int
    normalization: Normalization
    affinity: Affinity
    num_steps: int
    eps: float
    zero_init: bool
    location: bool
    temporal: bool
    norm: nn.BatchNorm1d | None
    edge_bias: LocationBias | None
    phi: LazyLinear
    theta: LazyLinear
    gcn: LazyLinear
    residual: LazyLinear
    temporal_phi: LazyLinear | None
    temporal_theta: LazyLinear | None
    temporal_gcn: LazyLinear | None

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for module in self.children():
            if isinstance(module, LazyLinear | nn.BatchNorm1d | LocationBias):
                module.reset_parameters()
        if self.zero_init and self.normalization != "none":
            last = (self.residual, self.temporal_gcn) if self.norm is None else (self.norm,)
            for parameter in (parameter for module in last if module is not None for parameter in module.parameters()):
                if self.in_channels != -1:
                    nn.init.zeros_(parameter)

    def transition(
        self, x: Tensor, *, ptr: Tensor | None = None, mask: Tensor | None = None, box: Tensor | None = None
    ) -> Tensor:
        """P over complete graphs, [B, n, n], 0 where there is no node.

        Args:
            x: [N, d] with ``ptr``, or [B, n, d].
            ptr: [B + 1], where each graph's nodes begin.
            mask: [B, n].
            box: as in :meth:`forward`.
        """
        if self.normalization == "none":
            raise DataError("normalization", "is 'none'", "a layer without reasoning has no transition matrix")
        x, layout, box = complete_graphs(x, None, ptr, mask, box, None, None)
        x = x.reshape(-1, x.size(-1))
        self._check(x, box)
        return self._matrix(self._scores(x, layout, box), layout.mask, layout.mask)

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
        if clip is not None and clip.shape != (layout.graphs,):
            raise DataError("clip", f"has shape {list(clip.shape)}", f"give the clip of each of {layout.graphs} frames")
        if passes_messages(self):
            return self._by_messages(x, layout, box, clip)
        walked = self._walk(x, layout, box)
        before = self._walk_from_previous(x, layout, clip) if self.temporal else None
        out = x + self._branch(walked, before, layout.row_mask)
        return out if layout.row_mask is None else out.masked_fill(~layout.row_mask[:, None], 0.0)

    def _walk(self, x: Tensor, layout: Layout, box: Tensor | None) -> Tensor:
        """P^k V, [R, d]."""
        if self.location:
            matrix = self._matrix(self._scores(x, layout, box), layout.mask, layout.mask).to(x.dtype)
            return layout.unpad(torch.linalg.matrix_power(matrix, self.num_steps) @ layout.pad(x))
        phi, theta, shift = x, x, None
        if self._fold_pays(x):
            phi = self._folded(x)
            if self.affinity != "exp" or self.normalization == "row":  # a softmax does not see the constant
                shift = 2 * (self.phi.bias @ self.theta.bias)
        else:
            phi, theta = self.phi(x), self.theta(x)
        options = (self.normalization, self.affinity, self.num_steps, self.eps, shift)
        if layout.ptr is not None:
            return complete_graph_walk(phi, theta, x, layout.ptr, None, *options)  # type: ignore[arg-type]
        phi, theta, nodes = (layout.pad(value) for value in (phi, theta, x))
        walked = complete_graph_walk(phi, theta, nodes, None, layout.mask, *options)  # type: ignore[arg-type]
        return layout.unpad(walked)

    def _scores(self, x: Tensor, layout: Layout, box: Tensor | None) -> Tensor:
        """R of Eq 1, [B, n, n]."""
        half = layout.pad(self.phi(x)) @ layout.pad(self.theta(x)).mT
        score = half + half.mT
        if self.edge_bias is not None and box is not None:
            place = layout.pad(box)  # [B, n, 4]
            score = score + self.edge_bias(place[:, :, None], place[:, None])
        return score

    def _matrix(self, score: Tensor, rows: Tensor | None, columns: Tensor | None) -> Tensor:
        return transition_matrix(score, rows, columns, self.normalization, self.affinity, self.eps)

    def _folded(self, x: Tensor) -> Tensor:
        r"""What to multiply with x instead of :math:`\phi` with :math:`\theta`, [R, d]: one map instead of two.

        :math:`\phi_i^\top \theta_j = v_i^\top W_\phi^\top W_\theta v_j + a^\top v_i + b^\top v_j + c`. As R adds the
        transpose, a + b may stand on one side. The constant c is left out.
        """
        both = self.phi.weight.T @ self.theta.weight  # [d, d]
        linear = self.theta.bias @ self.phi.weight + self.phi.bias @ self.theta.weight  # a + b, [d]
        return torch.addmm(linear, x, both)

    def _walk_from_previous(self, x: Tensor, layout: Layout, clip: Tensor | None) -> Tensor:
        """One directed step from the frame before, [R, d]: 0 in the first frame of a clip."""
        assert self.temporal_phi is not None
        assert self.temporal_theta is not None
        now, before = layout.pad(self.temporal_phi(x)), layout.pad(self.temporal_theta(x))
        mask = layout.mask
        if mask is None:
            mask = torch.ones(layout.graphs, layout.nodes, dtype=torch.bool, device=x.device)
        columns = mask[:-1]
        if clip is not None:
            columns = columns & (clip[1:] == clip[:-1])[:, None]
        matrix = self._matrix(now[1:] @ before[:-1].mT, mask[1:], columns)  # frame b from frame b - 1
        walked = matrix.to(x.dtype) @ layout.pad(x)[:-1]
        return layout.unpad(F.pad(walked, (0, 0, 0, 0, 1, 0))[: layout.graphs])

    def _by_messages(self, x: Tensor, layout: Layout, box: Tensor | None, clip: Tensor | None) -> Tensor:
        """:meth:`complete` along materialised edges."""
        raise NotImplementedError

    def _branch(self, walked: Tensor, before: Tensor | None, row_mask: Tensor | None = None) -> Tensor:
        """(P V W_g) W_r, plus the step from the frame before, normalised: what is added to V."""
        if self._same_precision() and walked.size(0) > self.in_channels:
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
        """Whether W_phi^T W_theta, once, and one product with the rows is cheaper than two; a dot product may take the
        low-rank form instead."""
        key, d = self.key_channels, self.in_channels
        return self.affinity != "dot" and self._same_precision() and x.size(0) * (2 * key - d) > d * key

    def _same_precision(self) -> bool:
        """Products of weights would lose digits in half precision; an exported program serves any number of nodes."""
        if torch.compiler.is_exporting():
            return False
        weight = self.gcn.weight
        return weight.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled(weight.device.type)

    def _check(self, x: Tensor, box: Tensor | None, with_box: bool = True) -> None:
        if self.in_channels == -1 and x.dim() == 2:
            self._materialize(x.size(-1))
        if x.dim() != 2 or x.size(-1) != self.in_channels:
            raise DataError(
                f"{type(self).__name__}: x", f"has features {list(x.shape[1:])}", f"give {self.in_channels} a node"
            )
        if with_box and self.location and (box is None or box.shape != (x.size(0), 4)):
            problem = "is missing" if box is None else f"has shape {list(box.shape)}"
            raise DataError("box", problem, "a layer with location=True needs x0 y0 x1 y1 of every node")

    def _materialize(self, width: int) -> None:
        self.in_channels, self.key_channels = width, width if self.key_channels == -1 else self.key_channels
        for name, module in self.named_children():
            if isinstance(module, LazyLinear):
                module.materialize(width, width if name.endswith(("gcn", "residual")) else self.key_channels)
        if self.zero_init:
            self.reset_parameters()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(f"{prefix}phi.weight")
        if self.in_channels == -1 and saved is not None and not hasattr(saved, "materialize"):
            self.key_channels, self.in_channels = saved.shape
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, normalization={self.normalization}, "
            f"affinity={self.affinity}, num_steps={self.num_steps})"
        )


def complete_graphs(
    x: Tensor,
    batch: Tensor | None,
    ptr: Tensor | None,
    mask: Tensor | None,
    box: Tensor | None,
    clip: Tensor | None,
    temporal_edge_index: Tensor | None,
) -> tuple[Tensor, Layout, Tensor | None]:
    """Where the nodes of complete graphs lie, from any of the ways to tell; boxes as rows.

    Raises:
        DataError: no way or more than one.
    """
    given = [name for name, value in (("batch", batch), ("ptr", ptr)) if value is not None]
    if len(given) > 1 or (not given and x.dim() != 3):
        problem = f"come together: {' and '.join(given)}" if given else f"are missing for x {list(x.shape)}"
        raise DataError("the graphs", problem, "give one of edge_index, batch and ptr, or x as [B, n, d]")
    if temporal_edge_index is not None:
        raise DataError("temporal_edge_index", "comes without edge_index", "give the clip of each graph instead")
    if batch is not None:
        ptr = batch_to_ptr(batch, None if clip is None else clip.numel())
    if ptr is not None and mask is not None:
        raise DataError("mask", "comes with batch or ptr", "give it with x as [B, n, d]")
    layout = Layout.from_mask(x, mask) if ptr is None else Layout.from_ptr(x, ptr)
    return x, layout, None if box is None else box.reshape(-1, box.size(-1))
