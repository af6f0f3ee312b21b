"""Layers, matching, losses and retrieval models."""

from graphvtr.nn.conv import DenseRandomWalkGCN, RandomWalkGCN, RandomWalkGCNConv, RoleGATConv
from graphvtr.nn.encoders import HierarchicalVideoEncoder, RoleGraphEncoder, WordEncoder
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.losses import TripletRankingLoss
from graphvtr.nn.match import CosineMatch, LocalAttentiveMatch
from graphvtr.nn.models import HGR, MODELS, RetrievalModel
from graphvtr.nn.pool import SoftAttentionPool

__all__ = [
    "HGR",
    "MODELS",
    "CosineMatch",
    "DenseRandomWalkGCN",
    "HierarchicalVideoEncoder",
    "Level",
    "LevelEmbeddings",
    "LocalAttentiveMatch",
    "RandomWalkGCN",
    "RandomWalkGCNConv",
    "RetrievalModel",
    "RoleGATConv",
    "RoleGraphEncoder",
    "SoftAttentionPool",
    "TripletRankingLoss",
    "WordEncoder",
]
