"""Layers, matching, losses and retrieval models."""

from graphvtr.nn.conv import (
    CompleteGraphAttention,
    DenseRandomWalkGCN,
    FrameTransformer,
    RandomWalkGCN,
    RandomWalkGCNConv,
    RoleGATConv,
    SpatioTemporalTransformer,
    TransformerBlock,
)
from graphvtr.nn.encoders import (
    BertEncoder,
    DualTextEncoder,
    DualVideoEncoder,
    HierarchicalVideoEncoder,
    RoleGraphEncoder,
    WordEncoder,
)
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.losses import DistributionAlignmentLoss, FocalBCELoss, SymmetricInfoNCE, TripletRankingLoss
from graphvtr.nn.match import CosineMatch, HolographicMatch, JaccardMatch, LocalAttentiveMatch
from graphvtr.nn.models import HGR, MODELS, VSE, DualEncoding, RetrievalModel, ViSERN, VSEPlusPlus, VSRNet
from graphvtr.nn.pool import AttentionPool, SoftAttentionPool
from graphvtr.nn.region_attention import attention_map

__all__ = [
    "HGR",
    "MODELS",
    "VSE",
    "AttentionPool",
    "BertEncoder",
    "CompleteGraphAttention",
    "CosineMatch",
    "DenseRandomWalkGCN",
    "DistributionAlignmentLoss",
    "DualEncoding",
    "DualTextEncoder",
    "DualVideoEncoder",
    "FocalBCELoss",
    "FrameTransformer",
    "HierarchicalVideoEncoder",
    "HolographicMatch",
    "JaccardMatch",
    "Level",
    "LevelEmbeddings",
    "LocalAttentiveMatch",
    "RandomWalkGCN",
    "RandomWalkGCNConv",
    "RetrievalModel",
    "RoleGATConv",
    "RoleGraphEncoder",
    "SoftAttentionPool",
    "SymmetricInfoNCE",
    "SpatioTemporalTransformer",
    "TransformerBlock",
    "TripletRankingLoss",
    "VSEPlusPlus",
    "VSRNet",
    "ViSERN",
    "WordEncoder",
    "attention_map",
]
