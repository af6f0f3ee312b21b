"""A store of clips behind PyG's own interfaces, for its loaders and whatever else reads features and edges remotely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import EdgeAttr, TensorAttr
from torch_geometric.data import FeatureStore as PyGFeatureStore
from torch_geometric.data import GraphStore as PyGGraphStore
from torch_geometric.data.graph_store import EdgeLayout

if TYPE_CHECKING:
    from graphvtr.video.store.reader import StoreReader

IN_FRAME = ("region", "in", "frame")


class StoredClips(PyGFeatureStore, PyGGraphStore):  # type: ignore[misc]
    """All clips of a store as one graph: :class:`torch_geometric.data.FeatureStore` and ``GraphStore`` in one object.

    The nodes of a type, ``frame`` and (in stores with regions) ``region``, are those of all clips end to end, in the
    order of the clips' names when this was made; ``frame_x`` of the files is the tensor ``x`` of ``frame``. Rows are
    read when they are asked for, and only the clips that hold them. The edges are ``('region', 'in', 'frame')``. It is
    read-only: clips are written whole, by :meth:`graphvtr.video.FeatureStore.add`.

    Args:
        store: a store of clips, or of texts (nodes ``token``).

    Attributes:
        names: the clips, in order.
        ptr: node type -> [clips + 1], where each clip's nodes begin.
    """

    def __init__(self, store: StoreReader) -> None:
        super().__init__()
        self.store, self.names = store, store.names
        shapes = [store.entry(name).shapes for name in self.names]
        self.fields = sorted({field for shape in shapes for field in shape if field != "region_frame"})
        self.ptr: dict[str, Tensor] = {}
        for kind in sorted(set(map(_kind, self.fields))):
            count = [next((size[0] for field, size in shape.items() if _kind(field) == kind), 0) for shape in shapes]
            self.ptr[kind] = torch.tensor([0, *count]).cumsum(0)

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Every node type and tensor there is."""
        return [TensorAttr(*field.split("_", 1)) for field in self.fields]

    def get_all_edge_attrs(self) -> list[EdgeAttr]:
        """The regions' edges to their frames."""
        if "region" not in self.ptr:
            return []
        size = (int(self.ptr["region"][-1]), int(self.ptr["frame"][-1]))
        return [EdgeAttr(IN_FRAME, EdgeLayout.COO, is_sorted=True, size=size)]

    def _get_tensor(self, attr: TensorAttr) -> Tensor | None:
        field = f"{attr.group_name}_{attr.attr_name}"
        if field not in self.fields:
            return None
        ptr = self.ptr[str(attr.group_name)]
        every = torch.arange(int(ptr[-1]))
        rows = every if attr.index is None else every[attr.index].flatten().contiguous()
        clip = torch.searchsorted(ptr, rows, right=True) - 1
        parts, places = [], []
        for which in clip.unique().tolist():
            place = (clip == which).nonzero().flatten()
            parts.append(self.store.read(self.names[which])[field][rows[place] - ptr[which]])
            places.append(place)
        if not parts:
            return torch.zeros(0, *self._row(field))
        out = torch.cat(parts)
        return out[torch.cat(places).argsort()]

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...] | None:
        field = f"{attr.group_name}_{attr.attr_name}"
        if field not in self.fields:
            return None
        return (int(self.ptr[str(attr.group_name)][-1]), *self._row(field))

    def _row(self, field: str) -> tuple[int, ...]:
        """Shape of a row of a tensor."""
        shapes = (self.store.entry(name).shapes for name in self.names)
        return tuple(next(shape[field] for shape in shapes if field in shape)[1:])

    def _get_edge_index(self, edge_attr: EdgeAttr) -> tuple[Tensor, Tensor] | None:
        if edge_attr.edge_type != IN_FRAME or edge_attr.layout != EdgeLayout.COO or "region" not in self.ptr:
            return None
        frames = [self.store.read(name)["region_frame"] for name in self.names]
        target = torch.cat([frame + begin for frame, begin in zip(frames, self.ptr["frame"][:-1], strict=True)])
        return torch.arange(len(target)), target

    def _put_tensor(self, tensor: Any, attr: TensorAttr) -> bool:
        return False

    def _remove_tensor(self, attr: TensorAttr) -> bool:
        return False

    def _put_edge_index(self, edge_index: Any, edge_attr: EdgeAttr) -> bool:
        return False

    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:
        return False

    def __repr__(self) -> str:
        nodes = ", ".join(f"{kind}={int(ptr[-1])}" for kind, ptr in self.ptr.items())
        return f"{type(self).__name__}({len(self.names)} clips, {nodes})"


def _kind(field: str) -> str:
    return field.split("_")[0]
