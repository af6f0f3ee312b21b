"""Encoders: graphs in, level embeddings out."""

from graphvtr.nn.encoders.bert import BertEncoder
from graphvtr.nn.encoders.dual_text import DualTextEncoder
from graphvtr.nn.encoders.dual_video import DualVideoEncoder
from graphvtr.nn.encoders.hierarchical_video import HierarchicalVideoEncoder
from graphvtr.nn.encoders.role_graph import RoleGraphEncoder
from graphvtr.nn.encoders.words import WordEncoder

__all__ = [
    "BertEncoder",
    "DualTextEncoder",
    "DualVideoEncoder",
    "HierarchicalVideoEncoder",
    "RoleGraphEncoder",
    "WordEncoder",
]
