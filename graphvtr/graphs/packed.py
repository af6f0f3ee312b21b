"""Many small graphs in flat storage, and batches cut from it by indexing.

``torch_geometric.data.Batch.from_data_list`` walks over every attribute of every graph in Python. Here the
graphs lie end to end in flat tensors with a pointer per node and edge type, so that a batch is one gather per
field however many graphs it has (``benchmarks/speed/packed_batching.py`` has the measured ratio).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphvtr.errors import DataError
from graphvtr.graphs.flat import FlatType, TypeKey, flatten, num_graphs, unpack
from graphvtr.graphs.graph_field import GraphField
from graphvtr.graphs.storage import as_tensors, read_types, write_types
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.tensor_files import contents
from graphvtr.values import Positions, position, positions

G = TypeVar("G", bound=HeteroData)
POINTERS = {("region", "frame"): "frame"}


class GraphStore(Generic[G]):
    """Graphs of one class in flat tensors.

    ``store[i]`` is the i-th graph, ``store.batch(index)`` a packed batch: an object of the same class whose
    node types carry ``ptr`` [B + 1] and ``batch`` [nodes], whose edge types carry ``ptr`` too, and whose
    ``num_graphs`` is B. ``to(device)``, ``pin_memory()`` and ``validate()`` work on it as on any HeteroData.
    It is not :class:`torch_geometric.data.GraphStore`, which holds the edges of one graph; a batch is one, as every
    HeteroData.

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
        self.pointers = POINTERS if pointers is None else pointers
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
                    f"graph {place}",
                    f"has other fields than graph 0 on {', '.join(differing)}",
                    "give every graph of a store the same fields",
                )
        nodes = {key: flatten(key, [graph[key] for graph in graphs], edges=False) for key in first.node_types}
        edges = {key: flatten(key, [graph[key] for graph in graphs], edges=True) for key in first.edge_types}
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
        flats = [
            flat.select(rows, ptr, strings=strings)
            for (_, flat), rows, ptr in zip(self.types(), rows_of, ptr_of, strict=True)
        ]
        return self._join(flats, ptr_of, owner_of, index, strings=strings)

    def whole(self) -> G:
        """All graphs in order as one packed batch with its strings: views of the storage where a field is the same."""
        owners = [torch.repeat_interleave(flat.ptr.diff()) for _, flat in self.types()]
        everything = torch.arange(len(self), device=self._ptr.device)
        return self._join([flat for _, flat in self.types()], self._ptr, owners, everything, strings=True)

    @classmethod
    def from_batch(cls, batch: G, like: GraphStore[G] | None = None) -> GraphStore[G]:
        """The store of a packed batch, the inverse of :meth:`whole`; fields that stay the same are not copied.

        Args:
            batch: packed; edge types that have been added to it need no ``ptr``.
            like: the store that the batch came from, which knows how many rows each graph has in fields of graphs as
                a whole; else every graph has as many.

        Raises:
            DataError: a node type without ``ptr``, an edge between two graphs, or a field of the graphs whose rows
                cannot be told apart.
        """
        known = POINTERS if like is None else like.pointers
        nodes = {
            key: unpack(batch, key, {name: to for (kind, name), to in known.items() if kind == key})
            for key in batch.node_types
        }
        edges = {key: unpack(batch, key, {}) for key in batch.edge_types}
        strings, fields = {}, {}
        for name, value in batch._global_store.items():
            if isinstance(value, list) and all(isinstance(text, str) for text in value):
                strings[name] = value
            elif isinstance(value, Tensor) and name != "num_graphs":
                fields[name] = GraphField.unpack(name, value, num_graphs(batch), None if like is None else like.fields)
        return cls(type(batch), nodes, edges, strings, known, fields)

    def mapped(self, transform: Callable[[G], G]) -> GraphStore[G]:
        """A store of all graphs passed through ``transform``, which is called once, on :meth:`whole`.

        Args:
            transform: maps a packed batch to a packed batch; it leaves the values of the tensors it gets alone.

        Raises:
            DataError: see :meth:`from_batch`.
        """
        return GraphStore.from_batch(transform(self.whole()), self)

    def without(self, node_type: str) -> GraphStore[G]:
        """The same graphs without a node type and its edges; the other fields are shared."""
        nodes = {key: flat for key, flat in self.nodes.items() if key != node_type}
        edges = {key: flat for key, flat in self.edges.items() if node_type not in (key[0], key[2])}
        other = copy.copy(self)
        other.nodes, other.edges = nodes, edges
        other._ptr = torch.stack([flat.ptr for _, flat in other.types()])
        return other

    def subset(self, index: Positions) -> GraphStore[G]:
        """A store with the graphs at ``index`` (as in :meth:`batch`), copied."""
        places = positions(index, len(self)).to(self._ptr.device)
        rows_of, ptr_of, _ = _gather_rows(self._ptr, places)
        chosen = iter(zip(rows_of, ptr_of, strict=True))  # in the order of types(): nodes first
        nodes = {key: flat.select(*next(chosen), strings=True) for key, flat in self.nodes.items()}
        edges = {key: flat.select(*next(chosen), strings=True) for key, flat in self.edges.items()}
        fields = {name: packed.select(places) for name, packed in self.fields.items()}
        return GraphStore(self.graph_class, nodes, edges, self._strings_of(places), self.pointers, fields)

    def _strings_of(self, index: Tensor) -> dict[str, list[str]]:
        places = index.tolist()
        return {name: [texts[place] for place in places] for name, texts in self.strings.items()}

    def _join(
        self,
        flats: Sequence[FlatType],
        ptr_of: Tensor,
        owner_of: Sequence[Tensor],
        index: Tensor,
        *,
        strings: bool,
    ) -> G:
        """A packed batch of flat types, in the order of :meth:`types`.

        Args:
            flats: fields local to their graphs.
            ptr_of: [K, B + 1].
            owner_of: the graph of each row, K tensors.
            index: the graphs, [B].
            strings: also set the fields of graphs that are strings.
        """
        row_of_key = {key: row for row, (key, _) in enumerate(self.types())}
        out = self.graph_class()
        out.num_graphs = index.numel()
        for name, packed in self.fields.items():
            setattr(out, name, packed.batch(index))
        for (key, row), flat, owner in zip(row_of_key.items(), flats, owner_of, strict=True):
            fields: dict[str, Any] = {}
            for name, tensor in flat.tensors.items():
                if name == "edge_index":
                    ends = ptr_of[[row_of_key[key[0]], row_of_key[key[2]]]]  # [2, B + 1]: source, target nodes
                    fields[name] = tensor + ends.index_select(1, owner)
                elif isinstance(key, str) and (key, name) in self.pointers:
                    fields[name] = tensor + ptr_of[row_of_key[self.pointers[key, name]]].index_select(0, owner)
                else:
                    fields[name] = tensor
            fields |= flat.strings
            fields["ptr"] = ptr_of[row]
            if isinstance(key, str):
                fields["num_nodes"], fields["batch"] = owner.numel(), owner
            out[key].update(fields)
        for name, texts in self._strings_of(index).items() if strings else ():
            setattr(out, name, texts)
        return out

    def save(self, path: str | Path) -> None:
        """Write the store as one safetensors file."""
        write_types(path, self.graph_class, self.nodes, self.edges, self.strings, self.fields)

    def digest(self) -> str:
        """Of all that the store holds: equal graphs have equal digests, in this process and the next."""
        digest = hashlib.sha256()
        for part in contents(*as_tensors(self.graph_class, self.nodes, self.edges, self.strings, self.fields)):
            digest.update(part)
        return digest.hexdigest()[:16]

    @staticmethod
    def load(path: str | Path) -> GraphStore[Any]:
        """Read a store written by :meth:`save`.

        Raises:
            DataError: the file is missing, damaged, or no graph store.
        """
        graph_class, nodes, edges, strings, fields = read_types(path)
        return GraphStore(graph_class, nodes, edges, strings, fields=fields)


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
    first = counts_to_ptr(totals)[:-1]  # where each type's rows begin
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
