"""Models that see only so many words, nodes and frames of an item."""

from __future__ import annotations

from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.graphs.truncate import sample_frames, truncate
from graphvtr.nn.models.base import RetrievalModel


class LimitedInputs(RetrievalModel):
    """A model whose configuration has ``max_words``, ``max_actions``, ``max_entities`` and ``max_frames``, None for all
    there are."""

    def transform_text(self, graph: RoleGraph) -> RoleGraph:
        """Cut the caption to ``max_words``, ``max_actions`` and ``max_entities``."""
        short = truncate(graph, *(self.config[name] for name in ("max_words", "max_actions", "max_entities")))
        return super().transform_text(short)

    def transform_video(self, graph: VideoGraph) -> VideoGraph:
        """Sample ``max_frames`` frames."""
        limit = self.config["max_frames"]
        return graph if limit is None else sample_frames(graph, limit)
