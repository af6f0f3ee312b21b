"""Video graphs that stay on disk: a batch reads what it needs, straight into its own memory.

A store of regions is larger than memory: 10,000 clips of 16 frames with 36 regions of 2,048 numbers are 22 GiB.
:class:`DiskGraphs` knows where every field of every clip lies in the store's files and copies the clips of a batch
from there into the packed tensors of the batch, without an object a clip in between (``benchmarks/speed/loading.py``).
Reads take no lock and hold no Python lock while they copy, so any number of threads and processes can read at a time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import FlatType, GraphStore, VideoGraph
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.values import Positions, position, positions
from graphvtr.video.store.buffers import BufferPool
from graphvtr.video.store.feature_store import FeatureStore
from graphvtr.video.store.fields import FIELDS
from graphvtr.video.store.layout import Layout

LONGS = frozenset(("region_frame", "region_track", "region_label"))
PIECE = 2**20  # bytes read and converted at a time


def _bytes_of(tensor: Tensor) -> memoryview:
    return tensor.numpy().data.cast("B") if tensor.numel() else memoryview(b"")


class DiskGraphs(GraphStore[VideoGraph]):
    """The clips of a feature store as a :class:`~graphvtr.graphs.GraphStore` whose fields are read when asked for.

    Args:
        store: the feature store.
        names: clips, in order (repeats allowed); all, sorted, by default.
        transform: maps every packed batch that is read to a packed batch.
        raw: give features in half precision, as they are stored, instead of float32.
        pin: read into page-locked memory.

    Raises:
        DataError: no clips, an unknown one, or clips with different fields; later, a file that is cut short or gone.

    Example:
        >>> import tempfile
        >>> store = FeatureStore.create(tempfile.mkdtemp() + "/store", widths={"frame_x": 4})
        >>> for name in ("one", "two"):
        ...     store.add(name, {"frame_x": torch.ones(3, 4), "frame_time": torch.arange(3.0)})
        >>> graphs = DiskGraphs(store)
        >>> batch = graphs.batch([1, 0])
        >>> len(graphs), batch["frame"].x.shape, batch["frame"].ptr.tolist()
        (2, torch.Size([6, 4]), [0, 3, 6])
    """

    def __init__(
        self,
        store: FeatureStore,
        names: Iterable[str] | None = None,
        *,
        transform: Callable[[VideoGraph], VideoGraph] | None = None,
        raw: bool = False,
        pin: bool = False,
    ) -> None:
        self.store, self.names = store, list(store.names if names is None else names)
        self.transform, self.raw, self.pin = transform, raw, pin
        self._pool = BufferPool()
        if not self.names:
            raise DataError("names", "there are none", "name at least one clip")
        shapes = [store.entry(name).shapes for name in self.names]
        for name, shape in zip(self.names, shapes, strict=True):
            if shape.keys() != shapes[0].keys():
                differing = ", ".join(sorted(shape.keys() ^ shapes[0].keys()))
                raise DataError(f"clip '{name}'", f"differs from '{self.names[0]}' in {differing}", "extract it again")
        self._fields = [key for key in FIELDS if key in shapes[0]]
        for key in ("frame_time", *(("region_box", "region_score", "region_frame") if "region_x" in shapes[0] else ())):
            if key not in shapes[0]:
                raise DataError(f"store {store.path}: {key}", "is missing", "read the clips with store.video_graphs")
        nodes = {}
        for kind in ("frame", "region"):
            if f"{kind}_x" in shapes[0]:
                count = torch.tensor([0, *(shape[f"{kind}_x"][0] for shape in shapes)])
                nodes[kind] = FlatType(count.cumsum(0))
        super().__init__(VideoGraph, nodes, {}, {"name": self.names})
        self._layout: Layout | None = Layout(store, self.names, self._fields)
        for key in self._fields:  # shapes without memory: what asks for a width finds it, what reads them fails
            kind, field = key.split("_")
            width, dtype = self._layout.columns[key].width, torch.long if key in LONGS else torch.float32
            rows = int(nodes[kind].ptr[-1])
            nodes[kind].tensors[field] = torch.empty((rows, width) if width else rows, dtype=dtype, device="meta")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_layout": None}  # open files stay in their process

    def mapped(self, transform: Callable[[VideoGraph], VideoGraph]) -> DiskGraphs:
        """The same clips with ``transform`` applied (after the one there is) to what is read."""
        first = self.transform
        return self.with_options(transform=transform if first is None else lambda graph: transform(first(graph)))

    def with_options(self, **options: Any) -> DiskGraphs:
        """A copy with other ``transform``, ``raw`` or ``pin``."""
        other = copy.copy(self)
        for name, value in options.items():
            setattr(other, name, value)
        return other

    def without(self, node_type: str) -> DiskGraphs:
        """The same clips, of which nothing of a node type is read."""
        other = super().without(node_type)
        assert isinstance(other, DiskGraphs)
        other._fields = [key for key in self._fields if not key.startswith(f"{node_type}_")]
        return other

    def without_features(self, node_type: str) -> DiskGraphs:
        """The same clips without the features of a node type; of ``region`` boxes and scores are still read."""
        flat, unread = self.nodes[node_type], f"{node_type}_x"
        other = self.with_options(_fields=[key for key in self._fields if key != unread])
        tensors = {name: tensor for name, tensor in flat.tensors.items() if name != "x"}
        other.nodes = {**self.nodes, node_type: replace(flat, tensors=tensors)}
        return other

    def in_memory(self) -> GraphStore[VideoGraph]:
        """All clips read into memory."""
        return GraphStore.from_batch(self.whole())

    def subset(self, index: Positions) -> DiskGraphs:
        """The clips at ``index``, still on disk."""
        names = [self.names[place] for place in positions(index, len(self)).tolist()]
        chosen = DiskGraphs(self.store, names, transform=self.transform, raw=self.raw, pin=self.pin)
        if self.nodes.keys() != chosen.nodes.keys():
            return chosen.without("region")
        return chosen if self._fields == chosen._fields else chosen.without_features("region")

    def save(self, path: str | Path) -> None:
        """Write all clips as one file, see :meth:`GraphStore.save`; they are read into memory for it."""
        self.in_memory().save(path)

    def __getitem__(self, index: int) -> VideoGraph:
        index = position(index, len(self), "graph")
        return GraphStore.from_batch(self.batch([index], strings=True))[0]

    def whole(self) -> VideoGraph:
        """All clips as one packed batch, read into memory."""
        return self.batch(range(len(self)), strings=True)

    def batch(self, index: Positions, *, strings: bool = False) -> VideoGraph:
        """A packed batch, see :meth:`GraphStore.batch`.

        Raises:
            DataError: a file of the store is cut short or gone.
        """
        index = positions(index, len(self)).cpu()
        fields = {key: self._read(key, index) for key in self._fields}
        out = VideoGraph()
        out.num_graphs = index.numel()
        for kind, flat in self.nodes.items():
            count = flat.ptr[index + 1] - flat.ptr[index]
            node = out[kind]
            for key, value in fields.items():
                if key.startswith(kind):
                    node[key.split("_")[1]] = value
            node.ptr = counts_to_ptr(count)
            node.num_nodes = int(node.ptr[-1])
            node.batch = torch.repeat_interleave(count)
        if "region" in self.nodes:
            out["region"].frame += out["frame"].ptr[out["region"].batch]
        if strings:
            out.name = [self.names[place] for place in index.tolist()]
        return out if self.transform is None else self.transform(out)

    # -- inside -------------------------------------------------------------------------------------------------

    def _read(self, key: str, index: Tensor) -> Tensor:
        """A field of the clips at ``index``, end to end, in the type of the graphs."""
        layout, ptr = self._found(), self.nodes[key.split("_")[0]].ptr
        rows = (ptr[index + 1] - ptr[index]).tolist()
        width, dtype = layout.columns[key].width, FIELDS[key]
        shape = (sum(rows), width) if width else (sum(rows),)
        each = dtype.itemsize * max(width, 1)
        clips = layout.in_turn(key, [(clip, count * each) for clip, count in zip(index.tolist(), rows, strict=True)])
        if dtype is torch.float16 and not self.raw:
            out = self._empty(shape, torch.float32)
            self._read_float(out.view(-1), layout, key, clips)
            return out
        stored = self._empty(shape, dtype)
        view = _bytes_of(stored)
        begin = 0
        for clip, size in clips:
            layout = self._fill(layout, view[begin : begin + size], key, clip)
            begin += size
        return stored.long() if key in LONGS else stored

    def _read_float(self, out: Tensor, layout: Layout, key: str, clips: Iterable[tuple[int, int]]) -> None:
        """Read half-precision features of ``clips`` (position, bytes) into ``out`` [numbers], float32.

        They pass through a piece of memory that stays in the processor's cache, so that main memory sees them once.
        """
        piece = self._pool.empty((PIECE // 2,), torch.float16)
        view = _bytes_of(piece)
        place = 0
        for clip, size in clips:
            for skip in range(0, size, PIECE):
                part = view[: size - skip]
                layout = self._fill(layout, part, key, clip, skip)
                count = len(part) // 2
                out[place : place + count].copy_(piece[:count])
                place += count

    def _found(self) -> Layout:
        if self._layout is None:  # in another process
            self._layout = Layout(self.store, self.names, self._fields)
        return self._layout

    def _empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        if self.pin:  # torch keeps page-locked memory for the next batch, and knows when a copy to the device is done
            return torch.empty(shape, dtype=dtype, pin_memory=True)
        return self._pool.empty(shape, dtype)

    def _fill(self, layout: Layout, view: memoryview, key: str, clip: int, skip: int = 0) -> Layout:
        """Read bytes of one clip's field, from ``skip`` on; returns the layout to go on with."""
        try:
            found = layout.read_into(view, key, clip, skip)
        except FileNotFoundError:  # packed by another process in the meantime
            self.store.refresh()
            layout = self._layout = Layout(self.store, self.names, self._fields)
            found = layout.read_into(view, key, clip, skip)
        if found != len(view):
            path = layout.files[int(layout.columns[key].file[clip])]
            problem = f"ends after {skip + found:,} bytes of {key} of clip '{self.names[clip]}'"
            raise DataError(path, problem, "remove it and extract its clips again")
        return layout
