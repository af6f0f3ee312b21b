"""Graph layers, one file a layer."""

from graphvtr.nn.conv.complete_graph_attention import CompleteGraphAttention
from graphvtr.nn.conv.random_walk_conv import RandomWalkGCNConv
from graphvtr.nn.conv.random_walk_gcn import DenseRandomWalkGCN, RandomWalkGCN
from graphvtr.nn.conv.role_gat_conv import RoleGATConv
from graphvtr.nn.conv.spatio_temporal import FrameTransformer, SpatioTemporalTransformer, TransformerBlock

__all__ = [
    "CompleteGraphAttention",
    "DenseRandomWalkGCN",
    "FrameTransformer",
    "RandomWalkGCN",
    "RandomWalkGCNConv",
    "RoleGATConv",
    "SpatioTemporalTransformer",
    "TransformerBlock",
]
