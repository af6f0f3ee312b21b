"""Pooling of ragged sets."""

from graphvtr.nn.pool.soft_attention import SoftAttentionPool

__all__ = ["SoftAttentionPool"]
