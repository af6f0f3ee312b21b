"""Gold graphs against the spaCy parser: the wording is made so that a small English parser reads it rightly."""

from __future__ import annotations

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import Script
from graphvtr.datasets.moving_scenes.captions import write_captions
from graphvtr.graphs import RoleGraph
from graphvtr.text import get_parser


def canonical(graph: RoleGraph) -> tuple[object, ...]:
    """Words, action spans, and every (role, span, action span)."""
    actions = [tuple(graph.span("action", node)) for node in range(graph.num_actions)]
    entities = [(role, tuple(graph.span("entity", node))) for node, role in enumerate(graph.role_names())]
    pairs = graph["entity", "fills", "action"].edge_index.t().tolist()
    return graph.words, frozenset(actions), frozenset((entities[e], actions[a]) for e, a in pairs)


def test_parser_recovers_the_gold_graph_of_99_percent(scripts: dict[str, list[Script]]) -> None:
    pytest.importorskip("spacy")
    parser = get_parser("spacy")
    captions = [c for s in scripts["test"][:100] for c in write_captions(np.random.default_rng(s.seed), s)]
    parsed = parser.parse([caption.text for caption in captions])
    equal = [canonical(p) == canonical(c.graph) for p, c in zip(parsed, captions, strict=True)]
    assert len(equal) == 500
    assert np.mean(equal) >= 0.99
