"""Encoders: graphs in, level embeddings out."""

from graphvtr.nn.encoders.hierarchical_video import HierarchicalVideoEncoder
from graphvtr.nn.encoders.role_graph import RoleGraphEncoder
from graphvtr.nn.encoders.words import WordEncoder

__all__ = ["HierarchicalVideoEncoder", "RoleGraphEncoder", "WordEncoder"]
