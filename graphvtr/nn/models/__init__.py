"""Retrieval models, one file a model."""

from graphvtr.nn.models.base import MODELS, RetrievalModel

__all__ = ["MODELS", "RetrievalModel"]
