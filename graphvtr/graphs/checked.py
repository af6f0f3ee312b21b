"""What both graph types share: validation whose errors name the item and the field."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphvtr.errors import DataError
from graphvtr.graphs.flat import keep_nodes
from graphvtr.graphs.packed import GraphStore
from graphvtr.graphs.texts import EdgeStorage, NodeStorage
from graphvtr.ops._segments import remember_host
from graphvtr.values import position


class CheckedGraph(HeteroData):  # type: ignore[misc]
    """A HeteroData with fields of its own to check; a subclass writes :meth:`check_fields`.

    A packed batch (:meth:`graphvtr.graphs.GraphStore.batch`) answers as PyG's batches do: ``len(batch)``, ``batch[i]``,
    ``batch[1:3]``, ``get_example``, ``index_select``, ``to_data_list``, ``batch_size``.
    """

    # ---- packed batches ------------------------------------------------------------------------------------------

    @property
    def is_packed(self) -> bool:
        """Whether this is a packed batch."""
        return "num_graphs" in self._global_store

    @property
    def batch_size(self) -> int:
        """Number of graphs of a packed batch, 1 for a single graph."""
        return int(self._global_store["num_graphs"]) if self.is_packed else 1

    def to_data_list(self) -> list[Self]:
        """The graphs of a packed batch, views of its tensors.

        Raises:
            DataError: an edge between two graphs, or a field of the graphs whose rows cannot be told apart.
        """
        return list(self._unpacked())

    def get_example(self, index: int) -> Self:
        """One graph of a packed batch.

        Raises:
            DataError: this is a single graph.
            IndexError: there are fewer graphs.
        """
        return self._unpacked()[index]  # type: ignore[no-any-return]

    def index_select(self, index: Any) -> list[Self]:
        """Some graphs of a packed batch: a slice, positions, or a bool mask."""
        store = self._unpacked()
        if isinstance(index, slice):
            places = list(range(*index.indices(len(store))))
        else:
            chosen = torch.as_tensor(index)
            places = (chosen.nonzero().flatten() if chosen.dtype == torch.bool else chosen).tolist()
        return [store[position(place, len(store), "graph")] for place in places]

    def _unpacked(self) -> Any:
        if not self.is_packed:
            raise DataError("batch", "is a single graph", "use GraphStore.batch, or the graph itself")
        return GraphStore.from_batch(self)

    def __getitem__(self, *args: Any) -> Any:
        key = args[0] if len(args) == 1 else args
        if isinstance(key, int | np.integer) or (isinstance(key, Tensor) and not key.dim()):
            return self.get_example(int(key))
        if isinstance(key, slice | Tensor | np.ndarray) or (
            isinstance(key, Sequence) and len(key) and not isinstance(key[0], str) and not isinstance(key, str)
        ):
            return self.index_select(key)
        return super().__getitem__(*args)

    def __len__(self) -> int:
        return self.batch_size if self.is_packed else super().__len__()

    # ---- what PyG does to any HeteroData -------------------------------------------------------------------------

    @classmethod
    def from_dict(cls, mapping: Mapping[Any, Mapping[str, Any]]) -> Self:
        """As :meth:`torch_geometric.data.HeteroData.from_dict`."""
        out = cls()
        for key, fields in mapping.items():
            store = out._global_store if key == "_global_store" else out[key]
            for name, value in fields.items():
                setattr(store, name, value)
        return out

    def get_node_store(self, key: str) -> NodeStorage:
        """The fields of a node type, whose lists of texts are cut as tensors are (:mod:`graphvtr.graphs.texts`)."""
        if key not in self._node_store_dict:
            super().get_node_store(key)  # checks the name
            self._node_store_dict[key] = NodeStorage(_parent=self, _key=key)
        return self._node_store_dict[key]  # type: ignore[no-any-return]

    def get_edge_store(self, *key: str) -> EdgeStorage:
        """The fields of an edge type."""
        if key not in self._edge_store_dict:
            super().get_edge_store(*key)
            self._edge_store_dict[key] = EdgeStorage(_parent=self, _key=key)
        return self._edge_store_dict[key]  # type: ignore[no-any-return]

    def subgraph(self, subset_dict: Mapping[str, Tensor]) -> Self:
        """The graph of some nodes, the edges among them, and the regions of the frames among them.

        Args:
            subset_dict: node type -> bool mask or positions of the nodes to keep, which keep their order; types left
                out stay whole.
        """
        masks = {}
        for node_type, subset in subset_dict.items():
            mask = torch.zeros(int(self[node_type].num_nodes), dtype=torch.bool, device=subset.device)
            mask[subset] = True
            masks[node_type] = mask
        if "frame" in masks and "region" in self.node_types:
            kept = masks["frame"][self["region"].frame]
            masks["region"] = masks["region"] & kept if "region" in masks else kept
        return keep_nodes(self, masks)

    def to_homogeneous(self, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`torch_geometric.data.HeteroData.to_homogeneous`. Pointers of a packed batch say nothing about nodes
        of all types together and are left out; ``batch`` stays."""
        out = copy.copy(self)
        for store in out.stores:
            store.pop("ptr", None)
        return HeteroData.to_homogeneous(out, *args, **kwargs)

    def apply(self, func: Callable[..., Any], *args: str) -> Self:
        """Apply to all tensors. Pointers that leave the CPU take their values along, so that nobody who wants to know
        how long something is has to wait for the device (:func:`graphvtr.ops._segments.host_ptr`)."""
        before = {
            (store._key, name): getattr(store[name], "_host", store[name])
            for store in self.node_stores
            for name in ("ptr", "frame")
            if isinstance(store.get(name), Tensor)
        }
        out = super().apply(func, *args)
        for (key, name), host in before.items():
            value = out[key].get(name)
            if isinstance(value, Tensor) and value.device.type != "cpu" and host.device.type == "cpu":
                remember_host(value, host)
        return out  # type: ignore[no-any-return]

    # ---- checks --------------------------------------------------------------------------------------------------

    def check_fields(self) -> None:
        """Raise a DataError for the first field that is wrong."""

    def validate(self, raise_on_error: bool = True) -> bool:
        """Check every field; the error names the clip or caption, the field and the mend.

        Raises:
            DataError: when ``raise_on_error`` and a field is wrong.
        """
        try:
            self.check_fields()
            for store in self.node_stores:
                if "ptr" in store:
                    self.require(
                        store.ptr[-1] == store.num_nodes,
                        f"{store._key}.ptr",
                        f"ends at {int(store.ptr[-1])} of {store.num_nodes} nodes",
                        "a transform that removes nodes takes single graphs, or keeps ptr as subgraph() does",
                    )
        except DataError:
            if raise_on_error:
                raise
            return False
        with warnings.catch_warnings():  # node types without edges are what these graphs are, not a mistake
            warnings.filterwarnings("ignore", message="The node types .* are isolated")
            return bool(super().validate(raise_on_error))

    def require(self, ok: bool | Tensor, field: str, problem: str, fix: str) -> None:
        """Raise a DataError that names this graph and ``field`` unless ``ok``."""
        if not bool(ok):
            raise DataError(f"{self.describe()}{field}", problem, fix)

    def describe(self) -> str:
        """How errors name this graph, ``"clip 'x': "`` for instance; empty for a batch."""
        return ""
