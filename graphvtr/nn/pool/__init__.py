"""Pooling of ragged sets."""

from graphvtr.nn.pool.attention_pool import AttentionPool
from graphvtr.nn.pool.concept_pool import ConceptPool
from graphvtr.nn.pool.dct_pool import dct_pool
from graphvtr.nn.pool.soft_attention import SoftAttentionPool

__all__ = ["AttentionPool", "ConceptPool", "SoftAttentionPool", "dct_pool"]
