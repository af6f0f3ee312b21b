"""Layers, matching, losses and retrieval models."""

from graphvtr.nn.attribute_heads import AttributeHeads
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
    MCSANTextEncoder,
    MCSANVideoEncoder,
    RelationshipEncoder,
    RoleGraphEncoder,
    WordEncoder,
)
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.losses import DistributionAlignmentLoss, FocalBCELoss, SymmetricInfoNCE, TripletRankingLoss
from graphvtr.nn.match import CosineMatch, HolographicMatch, JaccardMatch, LocalAttentiveMatch
from graphvtr.nn.models import (
    HGR,
    MCSAN,
    MODELS,
    VSE,
    ConceptModel,
    DualEncoding,
    HANet,
    RetrievalModel,
    ViSERN,
    VSEPlusPlus,
    VSRNet,
)
from graphvtr.nn.pool import AttentionPool, ConceptPool, SoftAttentionPool
from graphvtr.nn.region_attention import attention_map

__all__ = [
    "HGR",
    "MCSAN",
    "MCSANTextEncoder",
    "MCSANVideoEncoder",
    "MODELS",
    "VSE",
    "AttentionPool",
    "BertEncoder",
    "AttributeHeads",
    "CompleteGraphAttention",
    "ConceptModel",
    "ConceptPool",
    "CosineMatch",
    "DenseRandomWalkGCN",
    "DistributionAlignmentLoss",
    "DualEncoding",
    "DualTextEncoder",
    "DualVideoEncoder",
    "FocalBCELoss",
    "FrameTransformer",
    "HANet",
    "HierarchicalVideoEncoder",
    "HolographicMatch",
    "JaccardMatch",
    "Level",
    "LevelEmbeddings",
    "LocalAttentiveMatch",
    "RandomWalkGCN",
    "RandomWalkGCNConv",
    "RelationshipEncoder",
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
