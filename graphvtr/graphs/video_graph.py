"""A video as a graph of frames and regions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs.checked import CheckedGraph
from graphvtr.graphs.storage import stored

REGION_IN_FRAME = ("region", "in", "frame")


@stored
class VideoGraph(CheckedGraph):
    """Frames and the regions inside them; complete graphs between them stay implicit.

    Nothing of size (number of regions) squared is stored: models that work on complete graphs read
    ``region.frame``; :mod:`graphvtr.graphs.transforms` materialises edges for plain PyG layers.

    Fields (T frames, R regions, any number of regions a frame, frames without regions included):

    ================  ==========  ==========================================================
    ``frame.x``       [T, d_f]    frame features
    ``frame.time``    [T]         seconds from the start of the clip, not decreasing
    ``region.x``      [R, d_r]    region features
    ``region.box``    [R, 4]      x0 y0 x1 y1 as fractions of width and height, 0..1
    ``region.score``  [R]         confidence of the detector, 0..1
    ``region.frame``  [R]         index of the region's frame, sorted
    ``region.track``  [R]         optional: id of the object the region shows, -1 for none
    ``region.label``  [R]         optional: the detector's class, -1 for none
    ================  ==========  ==========================================================

    ``name`` is the clip's name. Build one with :meth:`build`, which validates. A packed batch
    (:class:`graphvtr.graphs.GraphStore`) has the same fields for many clips end to end, with ``ptr`` and
    ``batch`` on both node types; ``region.frame`` then counts through the whole batch.
    """

    @classmethod
    def build(
        cls,
        frame_x: Tensor,
        frame_time: Tensor | None = None,
        *,
        region_x: Tensor | None = None,
        region_box: Tensor | None = None,
        region_score: Tensor | None = None,
        region_frame: Tensor | None = None,
        region_track: Tensor | None = None,
        region_label: Tensor | None = None,
        name: str = "",
    ) -> VideoGraph:
        """Build and validate a graph. Without ``frame_time`` frames are one second apart; without
        ``region_x`` the graph has no region nodes.

        Raises:
            DataError: a field has a wrong shape, a value outside its range, or NaN.
        """
        graph = cls()
        graph.name = name
        graph["frame"].x = frame_x
        graph["frame"].time = torch.arange(len(frame_x), dtype=torch.float32) if frame_time is None else frame_time
        if region_x is not None:
            region = graph["region"]
            region.x = region_x
            count = len(region_x)
            region.box = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(count, 1) if region_box is None else region_box
            region.score = torch.ones(count) if region_score is None else region_score
            if region_frame is None:
                raise DataError("region.frame", "missing although region.x is given", "give each region's frame")
            region.frame = region_frame
            if region_track is not None:
                region.track = region_track
            if region_label is not None:
                region.label = region_label
        graph.validate()
        return graph

    @property
    def num_frames(self) -> int:
        """Number of frame nodes."""
        return int(self["frame"].x.size(0))

    @property
    def num_regions(self) -> int:
        """Number of region nodes; 0 when the graph has none."""
        return int(self["region"].x.size(0)) if "region" in self.node_types else 0

    def __inc__(self, key: str, value: Any, store: Any | None = None, *args: Any, **kwargs: Any) -> Any:
        if key == "frame" and store is not None and store._key == "region":
            return self.num_frames
        return super().__inc__(key, value, store, *args, **kwargs)

    def describe(self) -> str:
        """See :meth:`CheckedGraph.describe`."""
        name = self.get("name")
        return f"clip '{name}': " if isinstance(name, str) and name else ""

    def check_fields(self) -> None:
        """See :meth:`CheckedGraph.validate`."""
        self.require(
            "frame" in self.node_types and "x" in self["frame"], "frame.x", "missing", "give frame features [T, d]"
        )
        x, time = self["frame"].x, self["frame"].get("time")
        self.require(x.dim() == 2, "frame.x", f"has shape {list(x.shape)}", "give [T, d]")
        self.require(torch.isfinite(x).all(), "frame.x", "has NaN or infinite values", "extract the features again")
        if time is not None:
            self.require(time.shape == x.shape[:1], "frame.time", f"has shape {list(time.shape)}", f"give [{len(x)}]")
            if "ptr" not in self["frame"]:
                self.require((time.diff() >= 0).all(), "frame.time", "decreases", "sort the frames by time")
        if "region" not in self.node_types:
            return
        region = self["region"]
        for field, width in (("x", None), ("box", 4), ("score", 0), ("frame", 0)):
            self.require(field in region, f"region.{field}", "missing", "regions need x, box, score and frame")
            value, shape = region[field], list(region[field].shape)
            wanted = {None: "[R, d]", 4: "[R, 4]", 0: "[R]"}[width]
            fits = value.dim() == (1 if width == 0 else 2) and (width != 4 or shape[-1] == 4)
            self.require(
                fits and shape[0] == region.x.shape[0],
                f"region.{field}",
                f"has shape {shape}",
                f"give {wanted} with R = {region.x.shape[0]}",
            )
            if value.is_floating_point():
                self.require(
                    torch.isfinite(value).all(),
                    f"region.{field}",
                    "has NaN or infinite values",
                    "extract the features again",
                )
        for field in ("track", "label"):
            found = region.get(field)
            fits = found is None or (found.shape == region.x.shape[:1] and not found.is_floating_point())
            self.require(fits, f"region.{field}", "is not one whole number a region", f"give [{len(region.x)}]")
        box, frame = region.box, region.frame
        in_range = ((box >= -1e-4) & (box <= 1 + 1e-4)).all() and (box[:, :2] <= box[:, 2:]).all()
        self.require(
            in_range, "region.box", "is not x0 y0 x1 y1 with 0 <= x0 <= x1 <= 1", "divide pixels by width and height"
        )
        self.require(not frame.is_floating_point(), "region.frame", f"has dtype {frame.dtype}", "give integers")
        self.require((frame.diff() >= 0).all(), "region.frame", "is not sorted", "sort the regions by frame")
        if frame.numel():
            low, high = int(frame.min()), int(frame.max())
            self.require(
                low >= 0 and high < len(x),
                "region.frame",
                f"points to frame {low if low < 0 else high} of {len(x)}",
                f"use 0..{len(x) - 1}",
            )
        edges = self[REGION_IN_FRAME].edge_index if REGION_IN_FRAME in self.edge_types else frame.new_empty((2, 0))
        known = edges[:, (edges >= 0).all(0) & (edges[0] < len(frame))]  # PyG's own checks name the others
        self.require(
            (frame[known[0]] == known[1]).all(),
            "region.frame",
            f"says another frame than the edges {REGION_IN_FRAME}",
            "AddFrameEdges writes the edges again; where a transform has renumbered the frames "
            "(graphvtr.graphs.RemoveIsolatedNodes would have kept both), take them from the edges: edge_index[1]",
        )
