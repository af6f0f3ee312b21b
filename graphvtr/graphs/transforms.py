"""Transforms that write out the implicit edges, for anyone who wants plain PyG layers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs.checked import CheckedGraph
from graphvtr.graphs.flat import node_ptr
from graphvtr.graphs.role_graph import FILLS
from graphvtr.graphs.roles import ROLES
from graphvtr.graphs.video_graph import REGION_IN_FRAME
from graphvtr.ops.csr import counts_to_ptr

SPATIAL = ("region", "spatial", "region")
TEMPORAL = ("region", "temporal", "region")
NEXT = ("frame", "next", "frame")


class GraphTransform(BaseTransform):  # type: ignore[misc]
    """A transform that shows its arguments."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class AddSpatialEdges(GraphTransform):
    """``('region','spatial','region')``: the complete graph among the regions of each frame.

    Args:
        self_loops: include i = j, as ViSERN's graph does (specs/visern.md).

    Works on a single graph and on a packed batch. Shape: ``edge_index`` [2, sum n_f (n_f - 1)] for frames of n_f
    regions (n_f squared with self loops).
    """

    def __init__(self, self_loops: bool = True) -> None:
        self.self_loops = self_loops

    def forward(self, data: HeteroData) -> HeteroData:
        _need_regions(data)
        frame = data["region"].frame
        count = torch.bincount(frame, minlength=int(data["frame"].num_nodes))
        edge_index = _bipartite(count, count, same=True)
        if not self.self_loops:
            edge_index = edge_index[:, edge_index[0] != edge_index[1]]
        data[SPATIAL].edge_index = edge_index
        return data


class AddTemporalEdges(GraphTransform):
    """``('region','temporal','region')``: regions of a frame to regions of the next one.

    Args:
        by: ``'all'`` joins every region to every region of the next frame of the same clip; ``'track'`` joins
            only the two that show the same object (``region.track``, -1 joins nothing).
        both_directions: also the reverse edges.

    Raises:
        DataError: ``by='track'`` on a graph without tracks.
    """

    def __init__(self, by: str = "all", both_directions: bool = False) -> None:
        check_choice("by", by, ("all", "track"))
        self.by, self.both_directions = by, both_directions

    def forward(self, data: HeteroData) -> HeteroData:
        _need_regions(data)
        count = torch.bincount(data["region"].frame, minlength=int(data["frame"].num_nodes))
        following = count.roll(-1)
        following[node_ptr(data, "frame")[1:] - 1] = 0  # the last frame of a clip has no next one
        edge_index = _bipartite(count, following, same=False)
        if self.by == "track":
            if "track" not in data["region"]:
                raise DataError("region.track", "missing", "give tracks, or use by='all'")
            source, target = data["region"].track[edge_index]
            edge_index = edge_index[:, (source == target) & (source >= 0)]
        if self.both_directions:
            edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
        data[TEMPORAL].edge_index = edge_index
        return data


class AddFrameEdges(GraphTransform):
    """``('frame','next','frame')`` and, where there are regions, ``('region','in','frame')``."""

    def forward(self, data: HeteroData) -> HeteroData:
        ptr = node_ptr(data, "frame")
        source = torch.arange(int(data["frame"].num_nodes), device=ptr.device)
        is_last = torch.zeros_like(source, dtype=torch.bool)
        is_last[ptr[1:][ptr.diff() > 0] - 1] = True
        source = source[~is_last]
        data[NEXT].edge_index = torch.stack([source, source + 1])
        if "region" in data.node_types:
            frame = data["region"].frame
            data[REGION_IN_FRAME].edge_index = torch.stack([torch.arange(len(frame), device=frame.device), frame])
        return data


class SplitRoles(GraphTransform):
    """One relation a role, for HeteroConv and RGCN users: ``('entity','ARG0','action')`` and so on.

    ``('entity','fills','action')`` is replaced; its reverse stays as it is.

    Args:
        all_roles: make every role's relation, empty ones too, so that all graphs have the same edge types.
    """

    def __init__(self, all_roles: bool = True) -> None:
        self.all_roles = all_roles

    def forward(self, data: HeteroData) -> HeteroData:
        edge_index, role = data[FILLS].edge_index, data[FILLS].role
        for index, label in enumerate(ROLES[1:], start=1):
            chosen = role == index
            if self.all_roles or bool(chosen.any()):
                data["entity", label, "action"].edge_index = edge_index[:, chosen]
        del data[FILLS]
        return data


class RemoveIsolatedNodes(GraphTransform):
    """Nodes that no edge touches go, as with :class:`torch_geometric.transforms.RemoveIsolatedNodes`, and
    ``region.frame`` follows.

    PyG's own keeps texts true; a field that numbers nodes, as ``region.frame`` does, it cuts to the rows that stay
    without a look at what the numbers mean. ``validate()`` says so then. It also removes all nodes of types that have
    no edges, which here are the ones whose edges stay implicit.

    Args:
        node_types: remove nodes of these types only; of all types that have edges when None.
    """

    def __init__(self, node_types: tuple[str, ...] | None = None) -> None:
        self.node_types = node_types

    def forward(self, data: CheckedGraph) -> CheckedGraph:
        touched: dict[str, Tensor] = {}
        for source, relation, target in data.edge_types:
            for row, end in zip(data[source, relation, target].edge_index, (source, target), strict=True):
                mask = touched.setdefault(end, row.new_zeros(int(data[end].num_nodes), dtype=torch.bool))
                mask[row] = True
        wanted = touched if self.node_types is None else self.node_types
        return data.subgraph({kind: mask for kind, mask in touched.items() if kind in wanted})


def _need_regions(data: HeteroData) -> None:
    if "region" not in data.node_types:
        raise DataError("region", "the graph has no regions", "extract regions, or build it with region_x")


def _bipartite(count: Tensor, following: Tensor, *, same: bool) -> Tensor:
    """All pairs between consecutive groups: group g (``count[g]`` rows) times ``following[g]`` rows, which are
    group g itself (``same``) or the rows right after it. Rows of the groups lie end to end."""
    begin = counts_to_ptr(count)[:-1]
    pairs = count * following
    group = torch.repeat_interleave(pairs)
    within = torch.arange(len(group), device=count.device) - (pairs.cumsum(0) - pairs)[group]
    width = following[group]
    target = begin if same else begin + count
    return torch.stack([begin[group] + within // width, target[group] + within % width])
