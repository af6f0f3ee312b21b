"""From indices to pointers: the forms of ragged data that the ops read."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._segments import check_index, host_ptr


def counts_to_ptr(counts: Tensor) -> Tensor:
    """Counts ``[S]`` of consecutive segments as row pointers ``[S + 1]``.

    Example:
        >>> counts_to_ptr(torch.tensor([2, 0, 1]))
        tensor([0, 2, 2, 3])
    """
    return torch.nn.functional.pad(counts.cumsum(0), (1, 0))


def select_rows(ptr: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of some segments, end to end: their positions [R'], and where each segment begins among them [n + 1].

    Args:
        ptr: [N + 1], where segments begin.
        index: [n], segments in the order that is wanted, repeated or not.

    Example:
        >>> select_rows(torch.tensor([0, 2, 3]), torch.tensor([1, 0, 1]))
        (tensor([2, 0, 1, 2]), tensor([0, 1, 3, 4]))
    """
    begin = ptr[index]
    count = ptr[index + 1] - begin
    ends = counts_to_ptr(count)
    shift = torch.repeat_interleave(begin - ends[:-1], count)
    return torch.arange(len(shift), device=shift.device) + shift, ends


def index_to_ptr(index: Tensor, size: int) -> Tensor:
    """The pointer of a sorted index: where the elements of each of ``size`` owners begin.

    Args:
        index: ``[E]``, the owner of each element, not decreasing (``region.frame`` of a video graph, ``batch``).
        size: the number of owners; those at the end may own nothing.

    Returns:
        ``[size + 1]`` int64.

    Raises:
        DataError: not a vector of integers.

    Example:
        >>> import torch
        >>> index_to_ptr(torch.tensor([0, 0, 2]), 4).tolist()
        [0, 2, 2, 3, 3]
    """
    check_index("index", index)
    return torch.searchsorted(index, torch.arange(size + 1, device=index.device, dtype=index.dtype))


def edges_to_csr(edge_index: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The incoming edges of every node, as :func:`graphvtr.ops.role_attention` reads them.

    Args:
        edge_index: ``[2, E]``, sources above destinations, in any order.
        size: the number of destination nodes.

    Returns:
        ``ptr [size + 1]``, ``col [E]`` (the sources) and ``order [E]``: edge ``order[e]`` of the input is edge e of the
        output; per-edge tensors follow by ``role[order]``. Edges of one destination keep their order.

    Raises:
        DataError: not two rows of integers.

    Example:
        >>> import torch
        >>> ptr, col, order = edges_to_csr(torch.tensor([[4, 5, 6], [1, 0, 1]]), 3)
        >>> ptr.tolist(), col.tolist(), order.tolist()
        ([0, 1, 3, 3], [5, 4, 6], [1, 0, 2])
    """
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise DataError("edge_index", f"has shape {list(edge_index.shape)}", "give [2, E]: sources above destinations")
    check_index("edge_index", edge_index[0])
    destination, order = torch.sort(edge_index[1], stable=True)
    return index_to_ptr(destination, size), edge_index[0].index_select(0, order), order


def complete_edges(ptr: Tensor) -> tuple[Tensor, Tensor]:
    """The incoming edges of the complete graph (self loops included) of every segment.

    It is what :func:`graphvtr.ops.spatial_attention` does without edges: with these, ``role_attention`` gives the same
    output and, where a plot wants them, the weights of all pairs.

    Args:
        ptr: ``[N + 1]``, where each graph's nodes begin.

    Returns:
        ``ptr [R + 1]`` and ``col [sum of n squared]``, int64.

    Example:
        >>> import torch
        >>> ptr, col = complete_edges(torch.tensor([0, 2, 3]))
        >>> ptr.tolist(), col.tolist()
        ([0, 2, 4, 5], [0, 1, 0, 1, 2])
    """
    check_index("ptr", ptr)
    host = getattr(ptr, "_host", None)  # what is known need not be waited for
    nodes, edges = (None, None) if host is None else (int(host[-1]), int(host.diff().square().sum()))
    ptr = ptr.long()
    count = ptr.diff()
    degree = torch.repeat_interleave(count, count, output_size=nodes)  # [R] nodes of the node's own graph
    begin = torch.repeat_interleave(ptr[:-1], count, output_size=nodes)
    edge_ptr = counts_to_ptr(degree)
    shift = torch.repeat_interleave(begin - edge_ptr[:-1], degree, output_size=edges)
    return edge_ptr, torch.arange(shift.size(0), device=ptr.device) + shift


def time_major(ptr: Tensor, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """The rows in the order a packed sequence has them, and how many sequences have a t-th row.

    First the first rows of all sequences, longest sequence first, then the second rows, and so on.

    Args:
        ptr: [N + 1], where each sequence begins.
        device: of the order; that of ``ptr`` when None.

    Returns:
        ``[R]`` on ``device``, and ``[T]`` on the CPU, where PyTorch's recurrent networks want it.
    """
    host = host_ptr(ptr)
    length, sequence = torch.sort(host.diff(), descending=True, stable=True)
    step = torch.arange(int(length[0]) if len(length) else 0)[:, None]  # [T, 1]
    present = step < length  # [T, N]
    order = (host[:-1][sequence] + step)[present]
    return order.to(ptr.device if device is None else device, non_blocking=True), present.sum(1)


def inverse_order(order: Tensor) -> Tensor:
    """The permutation that undoes ``order`` [R]: ``x[order][inverse_order(order)]`` is x."""
    place = torch.empty_like(order)
    place[order] = torch.arange(order.numel(), device=order.device)
    return place
