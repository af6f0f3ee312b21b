"""Retrieval models, one file a model."""

from graphvtr.nn.models.base import MODELS, RetrievalModel
from graphvtr.nn.models.hgr import HGR

__all__ = ["HGR", "MODELS", "RetrievalModel"]
