"""Models that see only so many words and nodes of a caption."""

from __future__ import annotations

from graphvtr.graphs import RoleGraph
from graphvtr.graphs.truncate import truncate
from graphvtr.nn.models.base import RetrievalModel


class LimitedInputs(RetrievalModel):
    """A model whose configuration has ``max_words``, ``max_actions`` and ``max_entities``, None for all there are."""

    def transform_text(self, graph: RoleGraph) -> RoleGraph:
        """Cut the captions to ``max_words``, ``max_actions`` and ``max_entities``."""
        short = truncate(graph, *(self.config[name] for name in ("max_words", "max_actions", "max_entities")))
        return super().transform_text(short)
