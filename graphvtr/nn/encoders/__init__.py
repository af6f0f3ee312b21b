"""Encoders: graphs in, level embeddings out."""

from graphvtr.nn.encoders.bert import BertEncoder
from graphvtr.nn.encoders.dual_text import DualTextEncoder
from graphvtr.nn.encoders.dual_video import DualVideoEncoder
from graphvtr.nn.encoders.hanet import HANetTextEncoder, HANetVideoEncoder
from graphvtr.nn.encoders.hierarchical_video import HierarchicalVideoEncoder
from graphvtr.nn.encoders.mcsan_text import MCSANTextEncoder
from graphvtr.nn.encoders.mcsan_video import MCSANVideoEncoder
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.encoders.relationship import RelationshipEncoder
from graphvtr.nn.encoders.role_graph import RoleGraphEncoder
from graphvtr.nn.encoders.words import WordEncoder

__all__ = [
    "BertEncoder",
    "DualTextEncoder",
    "DualVideoEncoder",
    "HANetTextEncoder",
    "HANetVideoEncoder",
    "HierarchicalVideoEncoder",
    "MCSANTextEncoder",
    "MCSANVideoEncoder",
    "PretrainedWords",
    "RelationshipEncoder",
    "RoleGraphEncoder",
    "WordEncoder",
]
