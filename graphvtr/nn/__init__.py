"""Layers, matching, losses and retrieval models."""

from graphvtr.nn.conv import DenseRandomWalkGCN, RandomWalkGCN, RandomWalkGCNConv, RoleGATConv
from graphvtr.nn.encoders import (
    BertEncoder,
    DualTextEncoder,
    DualVideoEncoder,
    HierarchicalVideoEncoder,
    RoleGraphEncoder,
    WordEncoder,
)
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.losses import TripletRankingLoss
from graphvtr.nn.match import CosineMatch, LocalAttentiveMatch
from graphvtr.nn.models import HGR, MODELS, VSE, DualEncoding, RetrievalModel, ViSERN, VSEPlusPlus
from graphvtr.nn.pool import AttentionPool, SoftAttentionPool
from graphvtr.nn.region_attention import attention_map

__all__ = [
    "HGR",
    "MODELS",
    "VSE",
    "AttentionPool",
    "BertEncoder",
    "CosineMatch",
    "DenseRandomWalkGCN",
    "DualEncoding",
    "DualTextEncoder",
    "DualVideoEncoder",
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
    "VSEPlusPlus",
    "ViSERN",
    "WordEncoder",
    "attention_map",
]
