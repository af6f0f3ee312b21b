"""Many small graphs in flat storage, and batches cut from it by indexing.

``torch_geometric.data.Batch.from_data_list`` walks over every attribute of every graph in Python. Here the
graphs lie end to end in flat tensors with a pointer per node and edge type, so that a batch is one gather per
field however many graphs it has (``benchmarks/speed/packed_batching.py`` has the measured ratio).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphvtr.errors import DataError
from graphvtr.graphs.graph_field import GraphField
from graphvtr.values import Positions, position, positions

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


class GraphStore(Generic[G]):
    """Graphs of one class in flat tensors.

    ``store[i]`` is the i-th graph, ``store.batch(index)`` a packed batch: an object of the same class whose
    node types carry ``ptr`` [B + 1] and ``batch`` [nodes], whose edge types carry ``ptr`` too, and whose
    ``num_graphs`` is B. ``to(device)``, ``pin_memory()`` and ``validate()`` work on it as on any HeteroData.

    Example:
        >>> from graphvtr.graphs import RoleGraph
        >>> dog = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> cat = RoleGraph.build(["a", "cat"], [], [("NOUN", [0, 1])], [])
        >>> store = GraphStore.from_graphs([dog, cat])
        >>> batch = store.batch(torch.tensor([1, 0, 1]))
        >>> batch.num_graphs, batch["entity"].ptr.tolist(), batch["entity"].role.tolist()
        (3, [0, 1, 2, 3], [15, 2, 15])
        >>> store[1].caption
        'a cat'
    """

    def __init__(
        self,
        graph_class: type[G],
        nodes: dict[str, FlatType],
        edges: dict[tuple[str, str, str], FlatType],
        strings: dict[str, list[str]],
        pointers: dict[tuple[str, str], str] | None = None,
        fields: dict[str, GraphField] | None = None,
    ) -> None:
        self.graph_class = graph_class
        self.nodes, self.edges, self.strings = nodes, edges, strings
        # (node type, field) -> node type that the field's values index: shifted like edge_index in a batch
        self.pointers = {("region", "frame"): "frame"} if pointers is None else pointers
        self.fields = {} if fields is None else fields
        self._ptr = torch.stack([flat.ptr for _, flat in self.types()])  # [types, N + 1]
        self._size = self._ptr.size(1) - 1

    @classmethod
    def from_graphs(cls, graphs: Iterable[G]) -> GraphStore[G]:
        """Pack graphs that have the same node types, edge types and fields.

        Every field is kept, as PyG's Batch keeps it: tensors and NumPy arrays, on nodes, edges and the graph, numbers
        of the graph, texts.

        Raises:
            DataError: no graphs, one whose fields differ from the first one's (its position is named), or a field
                that is none of the above.
        """
        graphs = list(graphs)
        if not graphs:
            raise DataError("graphs", "there are none", "give at least one graph")
        first = graphs[0]
        fields = _field_names(first)
        for place, graph in enumerate(graphs):
            found = _field_names(graph)
            if found != fields:
                differing = sorted(str(key) for key in found.keys() | fields if found.get(key) != fields.get(key))
                raise DataError(
                    f"graph {place}", f"has other fields than graph 0 on {', '.join(differing)}",
                    "give every graph of a store the same fields",
                )  # fmt: skip
        nodes = {key: _flatten(key, [graph[key] for graph in graphs], edges=False) for key in first.node_types}
        edges = {key: _flatten(key, [graph[key] for graph in graphs], edges=True) for key in first.edge_types}
        values = {key: [graph[key] for graph in graphs] for key in first._global_store}
        strings = {key: texts for key, texts in values.items() if isinstance(texts[0], str)}
        packed = {key: GraphField.pack(key, column) for key, column in values.items() if key not in strings}
        return cls(type(first), nodes, edges, strings, fields=packed)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[G]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> G:
        """The graph at ``index``: views into the flat storage, no copies."""
        index = position(index, len(self), "graph")
        graph = self.graph_class()
        for name, values in self.strings.items():
            setattr(graph, name, values[index])
        for name, packed in self.fields.items():
            setattr(graph, name, packed[index])
        for key, flat in self.types():
            begin, end = int(flat.ptr[index]), int(flat.ptr[index + 1])
            for name, tensor in flat.tensors.items():
                graph[key][name] = tensor[..., begin:end] if name == "edge_index" else tensor[begin:end]
            for name, values in flat.strings.items():
                graph[key][name] = values[begin:end]
            if isinstance(key, str):
                graph[key].num_nodes = end - begin
        return graph

    def types(self) -> list[tuple[TypeKey, FlatType]]:
        """Every node and edge type with its flat storage, node types first."""
        return [*self.nodes.items(), *self.edges.items()]

    def batch(self, index: Positions, *, strings: bool = False) -> G:
        """A packed batch of the graphs at ``index`` [B], in that order (repeats allowed).

        Args:
            index: positions in the store, or a bool mask, see :func:`graphvtr.values.positions`.
            strings: also carry the string fields (one list a field for rows, a list of B for graph fields);
                off by default, as models need none.
        """
        index = positions(index, len(self)).to(self._ptr.device)
        rows_of, ptr_of, owner_of = _gather_rows(self._ptr, index)
        row_of_key = {key: row for row, (key, _) in enumerate(self.types())}
        out = self.graph_class()
        out.num_graphs = index.numel()
        for name, packed in self.fields.items():
            setattr(out, name, packed.batch(index))
        for key, flat in self.types():
            rows, ptr, owner = (parts[row_of_key[key]] for parts in (rows_of, ptr_of, owner_of))
            fields: dict[str, Any] = {}
            for name, tensor in flat.tensors.items():
                if name == "edge_index":
                    ends = ptr_of[[row_of_key[key[0]], row_of_key[key[2]]]]  # [2, B + 1]: source, target nodes
                    fields[name] = tensor.index_select(1, rows) + ends.index_select(1, owner)
                elif isinstance(key, str) and (key, name) in self.pointers:
                    shift = ptr_of[row_of_key[self.pointers[key, name]]]
                    fields[name] = tensor.index_select(0, rows) + shift.index_select(0, owner)
                else:
                    fields[name] = tensor.index_select(0, rows)
            if strings:
                for name, values in flat.strings.items():
                    fields[name] = [values[row] for row in rows.tolist()]
            fields["ptr"] = ptr
            if isinstance(key, str):
                fields["num_nodes"], fields["batch"] = rows.numel(), owner
            out[key].update(fields)
        if strings:
            for name, texts in self.strings.items():
                setattr(out, name, [texts[place] for place in index.tolist()])
        return out

    def mapped(self, transform: Callable[[G], G]) -> GraphStore[G]:
        """A store of ``transform(graph)`` for every graph."""
        return GraphStore.from_graphs(transform(graph) for graph in self)

    def subset(self, index: Positions) -> GraphStore[G]:
        """A store with the graphs at ``index`` (as in :meth:`batch`), copied."""
        return GraphStore.from_graphs([self[place] for place in positions(index, len(self)).tolist()])

    def save(self, path: str | Path) -> None:
        """Write the store as one safetensors file."""
        from graphvtr.graphs.storage import save_store

        save_store(self, path)

    @staticmethod
    def load(path: str | Path) -> GraphStore[Any]:
        """Read a store written by :meth:`save`.

        Raises:
            DataError: the file is missing, damaged, or no graph store.
        """
        from graphvtr.graphs.storage import load_store

        return load_store(path)


def node_ptr(graph: HeteroData, node_type: str) -> Tensor:
    """Where each graph's nodes begin, [B + 1]; a single graph counts as a batch of one."""
    store = graph[node_type]
    if "ptr" in store:
        return store.ptr
    device = next((value.device for value in store.values() if isinstance(value, Tensor)), None)
    return torch.tensor([0, int(store.num_nodes)], device=device)


def num_graphs(graph: HeteroData) -> int:
    """Number of graphs in a batch; 1 for a single graph."""
    return int(graph.get("num_graphs") or 1) if "num_graphs" in graph._global_store else 1


def _gather_rows(ptr: Tensor, index: Tensor) -> tuple[Sequence[Tensor], Tensor, Sequence[Tensor]]:
    """For all K types at once: rows of the graphs at ``index`` [B], the batch's pointers, the owner of each row.

    Args:
        ptr: [K, N + 1], one row a node or edge type.
        index: [B].

    Returns:
        K tensors of rows, ``[K, B + 1]`` pointers, K tensors of positions in ``index``.
    """
    begin = ptr.index_select(1, index)  # [K, B]
    count = ptr.index_select(1, index + 1) - begin
    new_ptr = torch.nn.functional.pad(count.cumsum(1), (1, 0))  # [K, B + 1]
    totals = new_ptr[:, -1]
    cell = torch.repeat_interleave(count.reshape(-1))  # (type, graph) of every row, all types end to end
    first = torch.nn.functional.pad(totals.cumsum(0), (1, 0))[:-1]  # where each type's rows begin
    shift = (begin - new_ptr[:, :-1] - first[:, None]).reshape(-1)
    rows = torch.arange(cell.numel(), device=ptr.device) + shift.index_select(0, cell)
    sizes = totals.tolist()
    return rows.split(sizes), new_ptr, (cell % index.numel() if index.numel() else cell).split(sizes)


def _field_names(graph: HeteroData) -> dict[TypeKey, frozenset[str]]:
    """The fields of every node and edge type, and those of the graph itself."""
    names: dict[TypeKey, frozenset[str]] = {
        key: frozenset(graph[key].keys()) for key in (*graph.node_types, *graph.edge_types)
    }
    return {**names, "the graph": frozenset(graph._global_store.keys())}


def _flatten(key: TypeKey, stores: Sequence[Any], *, edges: bool) -> FlatType:
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
