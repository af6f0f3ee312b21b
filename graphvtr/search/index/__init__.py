"""Indexes of clips on disk."""

from graphvtr.search.index.build import build_index
from graphvtr.search.index.editing import Change
from graphvtr.search.index.index import Index
from graphvtr.search.index.manifest import Manifest
from graphvtr.search.index.model_folder import zero_shot
from graphvtr.search.index.verify import verify

__all__ = ["Change", "Index", "Manifest", "build_index", "verify", "zero_shot"]
