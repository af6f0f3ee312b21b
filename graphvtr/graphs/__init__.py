"""The two graph types, packed batches and transforms."""

import torch

from graphvtr.graphs.convert import to_networkx
from graphvtr.graphs.flat import FlatType, keep_nodes, node_ptr, num_graphs, num_nodes
from graphvtr.graphs.packed import GraphStore
from graphvtr.graphs.role_graph import RoleGraph
from graphvtr.graphs.roles import EVENT_ROLE, NOUN_ROLE, ROLE_IDS, ROLES, VERB_ROLE, role_id
from graphvtr.graphs.texts import TextList
from graphvtr.graphs.transforms import AddFrameEdges, AddSpatialEdges, AddTemporalEdges, RemoveIsolatedNodes, SplitRoles
from graphvtr.graphs.truncate import between, sample_frames, top_regions, truncate
from graphvtr.graphs.video_graph import VideoGraph

# what InMemoryDataset and DataLoader save may be read with weights_only=True
torch.serialization.add_safe_globals([RoleGraph, VideoGraph, TextList])

__all__ = [
    "EVENT_ROLE",
    "NOUN_ROLE",
    "ROLES",
    "RemoveIsolatedNodes",
    "ROLE_IDS",
    "VERB_ROLE",
    "AddFrameEdges",
    "AddSpatialEdges",
    "AddTemporalEdges",
    "FlatType",
    "GraphStore",
    "RoleGraph",
    "SplitRoles",
    "TextList",
    "VideoGraph",
    "between",
    "keep_nodes",
    "node_ptr",
    "num_graphs",
    "num_nodes",
    "role_id",
    "sample_frames",
    "to_networkx",
    "top_regions",
    "truncate",
]
