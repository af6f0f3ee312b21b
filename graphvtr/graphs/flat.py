"""Flat storage of one node or edge type, and what a batch says about its graphs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, HeteroData

from graphvtr.errors import DataError
from graphvtr.graphs.texts import TextList
from graphvtr.ops.csr import counts_to_ptr

G = TypeVar("G", bound=HeteroData)
TypeKey = str | tuple[str, str, str]


@dataclass
class FlatType:
    """One node or edge type of all graphs: rows end to end, ``ptr`` [N + 1] says where each graph begins.

    ``tensors`` are concatenated along rows (``edge_index`` along columns and kept local to its graph);
    ``strings`` are lists with one string a row.
    """

    ptr: Tensor
    tensors: dict[str, Tensor] = field(default_factory=dict)
    strings: dict[str, list[str]] = field(default_factory=dict)

    def select(self, rows: Tensor, ptr: Tensor, *, strings: bool) -> FlatType:
        """The rows at ``rows``, copied, of graphs that begin at ``ptr``."""
        tensors = {name: take(tensor, name, rows) for name, tensor in self.tensors.items()}
        if not strings or not self.strings:
            return FlatType(ptr, tensors)
        positions = rows.tolist()
        return FlatType(ptr, tensors, {name: [v[row] for row in positions] for name, v in self.strings.items()})


def take(tensor: Tensor, name: str, rows: Tensor) -> Tensor:
    """Rows of a field, columns of ``edge_index``."""
    return tensor.index_select(1 if name == "edge_index" else 0, rows)


def flatten(key: TypeKey, stores: Sequence[Any], *, edges: bool) -> FlatType:
    """One node or edge type of single graphs, end to end.

    Raises:
        DataError: a field of another kind, or whose rows have another shape in another graph or are no row an item.
    """
    counts = [int(store.edge_index.size(1)) if edges else int(store.num_nodes) for store in stores]
    flat = FlatType(torch.tensor([0, *counts]).cumsum(0))
    for name, value in stores[0].items():
        if name in ("num_nodes", "ptr", "batch"):
            continue
        where = f"field '{name}' of {key}"
        values = [store[name] for store in stores]
        if isinstance(value, Tensor | np.ndarray):
            values = [torch.as_tensor(one) for one in values]
            widths = {tuple(v.shape[1:]) for v in values} if name != "edge_index" else {()}
            if len(widths) > 1:
                raise DataError(f"field '{name}'", f"has rows of different shapes {sorted(widths)}", "use one width")
            sizes = [v.size(1 if name == "edge_index" else 0) if v.dim() else -1 for v in values]
            flat.tensors[name] = torch.cat(values, dim=1 if name == "edge_index" else 0).contiguous()
        elif isinstance(value, list) and all(isinstance(text, str) for text in value):
            sizes = [len(texts) for texts in values]
            flat.strings[name] = [text for texts in values for text in texts]
        else:
            raise DataError(where, f"is a {type(value).__name__}", "give a tensor or a list of texts, one row an item")
        if sizes != counts:
            place = next(i for i, (size, count) in enumerate(zip(sizes, counts, strict=True)) if size != count)
            raise DataError(
                f"graph {place}: {where}", f"has {sizes[place]} rows for {counts[place]}", "give one an item"
            )
    return flat


def node_ptr(graph: HeteroData, node_type: str) -> Tensor:
    """Where each graph's nodes begin, [B + 1]; a single graph counts as a batch of one."""
    store = graph[node_type]
    if "ptr" in store:
        return store.ptr
    device = next((value.device for value in store.values() if isinstance(value, Tensor)), None)
    return torch.tensor([0, int(store.num_nodes)], device=device)


def num_nodes(graph: HeteroData, node_type: str) -> int:
    """Number of nodes of a type, as a number that ``torch.export`` leaves open, which :class:`int` does not."""
    return graph[node_type].num_nodes  # type: ignore[no-any-return]


def num_graphs(graph: HeteroData) -> int:
    """Number of graphs in a batch; 1 for a single graph."""
    return int(graph.get("num_graphs") or 1) if "num_graphs" in graph._global_store else 1


def unpack(batch: HeteroData, key: TypeKey, shifts: dict[str, str]) -> FlatType:
    """One node or edge type of a packed batch as flat storage, its indices local to their graphs again.

    Args:
        batch: packed; an edge type that a transform has added needs no ``ptr``.
        key: of the type.
        shifts: field -> node type that the field's values index.

    Raises:
        DataError: a node type without ``ptr``, or an edge from one graph to another.
    """
    store = batch[key]
    if isinstance(key, str):
        if "ptr" not in store:
            raise DataError(
                f"batch: {key}.ptr", "is missing", "a transform maps a packed batch to a packed batch: keep its ptr"
            )
        ptr, order = store.ptr, None
        owner = None if not shifts else _owner(ptr, int(store.num_nodes))
    else:
        ptr, owner, order = _edges_of(batch, key)
    flat = FlatType(ptr)
    for name, value in store.items():
        if name in ("num_nodes", "ptr", "batch"):
            continue
        if isinstance(value, list):
            flat.strings[name] = value if order is None else [value[row] for row in order.tolist()]
        elif isinstance(value, Tensor):
            rows = value if order is None else take(value, name, order)
            if name == "edge_index" and not isinstance(key, str) and owner is not None:
                begin = torch.stack([node_ptr(batch, key[0]), node_ptr(batch, key[2])])
                rows = rows - begin.index_select(1, owner)
            elif name in shifts and owner is not None:
                rows = rows - node_ptr(batch, shifts[name]).index_select(0, owner)
            flat.tensors[name] = rows
    return flat


def _owner(ptr: Tensor, rows: int) -> Tensor:
    return torch.repeat_interleave(ptr.diff(), output_size=rows)


def _edges_of(batch: HeteroData, key: tuple[str, str, str]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Where each graph's edges begin, the graph of each edge, and the order that puts a graph's edges together (None
    where they are)."""
    store = batch[key]
    if "ptr" in store:
        return store.ptr, _owner(store.ptr, store.edge_index.size(1)), None
    ptrs = [node_ptr(batch, end) for end in (key[0], key[2])]
    owner, other = (
        torch.bucketize(ends, ptr[1:], right=True) for ends, ptr in zip(store.edge_index, ptrs, strict=True)
    )
    if not torch.equal(owner, other):
        raise DataError(f"batch: {'-'.join(key)}", "joins nodes of two graphs", "keep edges within their graph")
    count = torch.bincount(owner, minlength=len(ptrs[0]) - 1)
    ptr = counts_to_ptr(count)
    if bool((owner.diff() >= 0).all()):
        return ptr, owner, None
    order = torch.argsort(owner, stable=True)
    return ptr, owner[order], order


def keep_nodes(graph: G, keep: dict[str, Tensor]) -> G:
    """A part of the nodes of a graph or a packed batch, and the edges among them, renumbered.

    Args:
        graph: one graph, a packed batch, or PyG's batch, which comes apart as before.
        keep: node type -> bool [nodes]; node types left out stay whole.

    Example:
        >>> from graphvtr.graphs import VideoGraph
        >>> clip = VideoGraph.build(torch.arange(4.0)[:, None])
        >>> keep_nodes(clip, {"frame": torch.tensor([True, False, False, True])})["frame"].x.flatten().tolist()
        [0.0, 3.0]
    """
    batched = isinstance(graph, Batch)
    out = copy.copy(graph) if batched else type(graph)()
    for name, value in graph._global_store.items():
        if name != "reasoning":  # made for the nodes that were
            setattr(out, name, value)
    kept: dict[TypeKey, Tensor] = {}
    kept.update(keep)
    place = {node_type: mask.cumsum(0) - 1 for node_type, mask in keep.items()}
    for node_type in graph.node_types:
        _copy(graph[node_type], out[node_type], keep.get(node_type))
    if "frame" in keep and "region" in keep:
        out["region"].frame = place["frame"][out["region"].frame]
    for edge_type in graph.edge_types:
        index = graph[edge_type].edge_index
        ends = [(row, end) for row, end in enumerate((edge_type[0], edge_type[2])) if end in keep]
        if not ends:
            _copy(graph[edge_type], out[edge_type], None)
            continue
        kept[edge_type] = mask = torch.stack([keep[end][index[row]] for row, end in ends]).all(0)
        _copy(graph[edge_type], out[edge_type], mask)
        index = out[edge_type].edge_index.clone()
        for row, end in ends:
            index[row] = place[end][index[row]]
        out[edge_type].edge_index = index
    if batched:
        _cut_slices(out, kept)
    return out


def _cut_slices(batch: Any, kept: dict[TypeKey, Tensor]) -> None:
    """What a batch of PyG's remembers of its graphs, for the rows that are kept."""
    slices, shifts = (
        {key: dict(value) if isinstance(value, dict) else value for key, value in found.items()}
        for found in (batch._slice_dict, batch._inc_dict)
    )
    new = {key: counts_to_ptr(mask.cpu()) for key, mask in kept.items()}
    for key, ptr in new.items():
        store, known = batch[key], shifts.get(key, {})
        for name, value in slices.get(key, {}).items():
            if isinstance(store[name], Tensor):
                slices[key][name] = ptr[value]
        if "_num_nodes" in store.__dict__:
            store._num_nodes = ptr[counts_to_ptr(torch.tensor(store._num_nodes))].diff().tolist()
        if "edge_index" in known:
            rows = zip((key[0], key[2]), known["edge_index"].unbind(1), strict=True)
            known["edge_index"] = torch.stack([new[end][row] if end in new else row for end, row in rows], 1)
        if key == "region" and "frame" in new:
            known["frame"] = new["frame"][known["frame"]]
    batch._slice_dict, batch._inc_dict = slices, shifts


def _copy(source: Any, target: Any, mask: Tensor | None) -> None:
    """The fields of one node or edge type for the rows of ``mask``."""
    for name, value in source.items():
        if mask is None:
            target[name] = value
        elif name == "num_nodes":
            target.num_nodes = int(mask.sum())
        elif name == "ptr":
            target.ptr = counts_to_ptr(mask)[value]
        elif isinstance(value, Tensor):
            target[name] = value[..., mask] if name == "edge_index" else value[mask]
        elif len(value) and isinstance(value[0], list):  # PyG's batches keep a list a graph
            parts = zip(value, mask.split([*map(len, value)]), strict=True)
            target[name] = [TextList(part)[kept] for part, kept in parts]
        else:
            target[name] = TextList(value)[mask]
