"""Matchers: ``(video level, text level) -> scores [Nv, Nt]``."""

from graphvtr.nn.match.cosine import CosineMatch
from graphvtr.nn.match.holographic import HolographicMatch
from graphvtr.nn.match.indexed import IndexedMatch
from graphvtr.nn.match.inner_product import InnerProductMatch
from graphvtr.nn.match.jaccard import JaccardMatch
from graphvtr.nn.match.local_attentive import LocalAttentiveMatch
from graphvtr.nn.match.relation import RelationMatch

__all__ = [
    "CosineMatch",
    "HolographicMatch",
    "IndexedMatch",
    "InnerProductMatch",
    "JaccardMatch",
    "LocalAttentiveMatch",
    "RelationMatch",
]
