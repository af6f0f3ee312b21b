"""The two graph types, packed batches and transforms."""

from graphvtr.graphs.packed import FlatType, GraphStore, node_ptr, num_graphs
from graphvtr.graphs.role_graph import RoleGraph
from graphvtr.graphs.roles import NOUN_ROLE, ROLE_IDS, ROLES, VERB_ROLE, role_id
from graphvtr.graphs.video_graph import VideoGraph

__all__ = [
    "NOUN_ROLE",
    "ROLES",
    "ROLE_IDS",
    "VERB_ROLE",
    "FlatType",
    "GraphStore",
    "RoleGraph",
    "VideoGraph",
    "node_ptr",
    "num_graphs",
    "role_id",
]
