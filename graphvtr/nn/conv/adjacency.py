"""Edges in all the forms that PyG's layers take: sorted by where they end, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.utils import is_torch_sparse_tensor, to_edge_index
from torch_geometric.utils.sparse import set_sparse_value

from graphvtr.errors import DataError
from graphvtr.ops import complete_edges, requested_backend, segment_softmax
from graphvtr.ops._segments import segment_of

HOOKS = ("propagate", "message", "aggregate", "edge_update")


def passes_messages(conv: MessagePassing) -> bool:
    """Whether a layer must pass messages step by step: someone looks inside (an explainer or a hook waits there), or
    ``backend("message_passing")`` asks for it."""
    hooks = (getattr(conv, f"_{name}_forward{kind}hooks") for name in HOOKS for kind in ("_", "_pre_"))
    return bool(conv.explain) or requested_backend() == "message_passing" or any(len(hook) > 0 for hook in hooks)


@dataclass
class Adjacency:
    """Incoming edges of every node.

    Attributes:
        edge_index: [2, E], in the order and direction given; a sparse matrix's edges run from columns to rows.
        source: [E], where messages come from, sorted by where they go.
        target: [E], where they go, sorted.
        ptr: [N + 1], where each target's edges begin in ``source``.
        order: [E], edge ``order[e]`` as given is edge e as sorted; None when they were sorted.
        weight: [E] in the order given, or None.
    """

    edge_index: Tensor
    source: Tensor
    target: Tensor
    ptr: Tensor
    order: Tensor | None
    weight: Tensor | None

    def sort(self, value: Tensor) -> Tensor:
        """[E, ...] from the order given to that of ``source``."""
        return value if self.order is None else value.index_select(0, self.order)

    def unsort(self, value: Tensor) -> Tensor:
        """[E, ...] from the order of ``source`` to that given."""
        if self.order is None:
            return value
        return torch.empty_like(value).index_copy(0, self.order, value)

    def softmax(self, score: Tensor) -> Tensor:
        """Softmax of [E, H] over the edges into each node, in the order given; an edge counts ``weight`` times."""
        if self.weight is not None:
            present = self.weight > 0
            log = torch.where(present, self.weight, 1.0).to(score.dtype).log()
            score = torch.where(present[:, None], score + log[:, None], -torch.inf)
        return self.unsort(segment_softmax(self.sort(score), self.ptr))


def adjacency(
    edges: Any,
    num_sources: int,
    num_targets: int,
    flow: str = "source_to_target",
    edge_weight: Tensor | None = None,
    ptr: Tensor | None = None,
) -> Adjacency:
    """Read edges.

    Args:
        edges: ``edge_index`` [2, E] in any order; a :class:`torch_geometric.EdgeIndex`, whose cached order is used;
            or a ``torch.sparse`` COO, CSR or CSC matrix ``[num_targets, num_sources]`` (PyG's ``adj_t``), whose values
            are edge weights unless all are 1.
        num_sources: number of nodes that edges may come from.
        num_targets: number of nodes that they may go to.
        flow: ``"target_to_source"`` sends messages from the second row of ``edges`` to the first.
        edge_weight: [E], in the order of ``edges``.
        ptr: [num_targets + 1], where each target's edges begin, for edges that are sorted by target.

    Raises:
        DataError: edges of a wrong form, indices outside the nodes or (with ``ptr``) unsorted, on a CPU.
    """
    reverse = flow == "target_to_source"
    if is_torch_sparse_tensor(edges):
        return _from_sparse(edges, num_sources, num_targets, reverse, edge_weight)
    if not isinstance(edges, Tensor) or edges.dim() != 2 or edges.size(0) != 2 or edges.is_floating_point():
        found = f"is {edges.dtype} of shape {list(edges.shape)}" if isinstance(edges, Tensor) else f"is {type(edges)}"
        raise DataError("edge_index", found, "give integers [2, E], an EdgeIndex or a torch.sparse matrix")
    plain = edges.as_tensor() if hasattr(edges, "as_tensor") else edges
    source, target = plain.flip(0) if reverse else plain
    if ptr is None:
        _check_range("edge_index", source, num_sources)
        _check_range("edge_index", target, num_targets)
    if edge_weight is not None and edge_weight.shape != source.shape:
        raise DataError("edge_weight", f"has shape {list(edge_weight.shape)}", f"give one for {source.numel()} edges")
    if ptr is not None:
        if torch.compiler.is_compiling() or not _seen_sorted(plain, ptr):  # layers of a stack read the same edges
            _check_sorted(target, ptr, num_targets)
            if type(plain) is Tensor and not torch.compiler.is_compiling():
                plain._sorted_by = (ptr, *_written(plain, ptr))  # type: ignore[attr-defined]
        return Adjacency(plain, source, target, ptr, None, edge_weight)
    if hasattr(edges, "get_csc"):
        sort = edges.get_csr if reverse else edges.get_csc  # type: ignore[attr-defined]
        (found, source), order = sort()
        ptr = _fit(found, num_targets)
        target = target if order is None else target.index_select(0, order)
        return Adjacency(plain, source, target, ptr, order, edge_weight)
    target, order = torch.sort(target, stable=True)
    ptr = torch.searchsorted(target, torch.arange(num_targets + 1, device=target.device))
    return Adjacency(plain, source.index_select(0, order), target, ptr, order, edge_weight)


def complete_edge_index(ptr: Tensor) -> Tensor:
    """All pairs of nodes of each graph, self loops included, [2, sum of n²]: sources above destinations."""
    edge_ptr, source = complete_edges(ptr)
    return torch.stack([source, segment_of(edge_ptr, source.size(0))])


def attention_of(edges: Any, adjacency: Adjacency, alpha: Tensor) -> tuple[Any, Tensor]:
    """What ``return_attention_weights=True`` returns beside the output: a sparse matrix comes back with its values."""
    if is_torch_sparse_tensor(edges):
        return set_sparse_value(edges, alpha), alpha
    return edges, alpha


def node_pair(x: Any, size: tuple[int, int] | None) -> tuple[Tensor, Tensor]:
    """Features of the nodes that send and of those that receive, from a tensor or ``(x_src, x_dst)``.

    Raises:
        DataError: the features of the receiving nodes are missing, or ``size`` does not fit.
    """
    source, target = x if isinstance(x, tuple | list) else (x, x)
    if target is None:
        raise DataError("x", "has no features of the destination nodes", "give (x_src, x_dst): scores need both")
    if size is not None and tuple(size) != (source.size(0), target.size(0)):
        raise DataError("size", f"is {tuple(size)}", f"give ({source.size(0)}, {target.size(0)}), the rows of x")
    return source, target


def oriented(flow: str, source: Any, target: Any) -> tuple[Any, Any]:
    """What belongs to the nodes that send and that receive, in the order that ``propagate`` wants: as the rows of
    ``edge_index`` stand."""
    return (target, source) if flow == "target_to_source" else (source, target)


def _from_sparse(
    matrix: Tensor, num_sources: int, num_targets: int, reverse: bool, edge_weight: Tensor | None
) -> Adjacency:
    if reverse:
        raise DataError("flow", "is 'target_to_source'", "give the transposed sparse matrix instead")
    if tuple(matrix.shape) != (num_targets, num_sources):
        raise DataError(
            "edge_index",
            f"is a sparse matrix {list(matrix.shape)}",
            f"give [{num_targets}, {num_sources}]: a row for each node that receives",
        )
    if matrix.layout == torch.sparse_coo:  # PyG's to_edge_index loses the gradient of its values
        (row, col), value = matrix.detach().coalesce().indices(), matrix.coalesce().values()
    else:
        (row, col), value = to_edge_index(matrix)
    if edge_weight is not None:
        raise DataError("edge_weight", "comes with a sparse matrix", "give the weights as its values")
    weight = value if value is not None and value.dim() == 1 else None
    if weight is not None and weight.device.type == "cpu" and bool((weight == 1).all()):
        weight = None
    if matrix.layout == torch.sparse_csr:
        return Adjacency(torch.stack([col, row]), col, row, matrix.crow_indices(), None, weight)
    target, order = torch.sort(row, stable=True)
    ptr = torch.searchsorted(target, torch.arange(num_targets + 1, device=row.device))
    return Adjacency(torch.stack([col, row]), col.index_select(0, order), target, ptr, order, weight)


def _fit(ptr: Tensor, size: int) -> Tensor:
    """An EdgeIndex may not know of the last nodes: they have no edges."""
    missing = size + 1 - ptr.size(0)
    if missing == 0:
        return ptr
    return ptr[: size + 1] if missing < 0 else torch.cat([ptr, ptr[-1:].expand(missing)])


def _check_range(name: str, index: Tensor, size: int) -> None:
    """Only on a CPU, and in code that is not traced: elsewhere looking would wait."""
    if torch.compiler.is_compiling() or type(index) is not Tensor or index.device.type != "cpu" or not index.numel():
        return
    low, high = torch.aminmax(index)
    if int(low) < 0 or int(high) >= size:
        raise DataError(name, f"names node {int(low) if int(low) < 0 else int(high)} of {size}", f"use 0..{size - 1}")


def _seen_sorted(edges: Tensor, ptr: Tensor) -> bool:
    """Whether these very edges have been found sorted by this very pointer, and none was written to since."""
    known, *written = getattr(edges, "_sorted_by", (None,))
    return known is ptr and written == _written(edges, ptr)


def _written(*tensors: Tensor) -> list[int | None]:
    """How often each was written to; inference tensors do not count it."""
    return [None if tensor.is_inference() else tensor._version for tensor in tensors]


def _check_sorted(target: Tensor, ptr: Tensor, size: int) -> None:
    if ptr.shape != (size + 1,):
        raise DataError("ptr", f"has shape {list(ptr.shape)}", f"give [{size + 1}]: where each node's edges begin")
    if torch.compiler.is_compiling() or type(target) is not Tensor or target.device.type != "cpu":
        return
    if not torch.equal(torch.searchsorted(target, torch.arange(size + 1)), ptr.long()) or (target.diff() < 0).any():
        raise DataError("ptr", "is not that of the edges", "sort edges by destination, or leave ptr out")
