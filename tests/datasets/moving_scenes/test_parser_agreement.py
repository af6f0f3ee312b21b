"""Gold graphs against the spaCy parser: the wording is made so that a small English parser reads it rightly."""

from __future__ import annotations

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import Script
from graphvtr.datasets.moving_scenes.captions import write_captions
from graphvtr.text import get_parser
from tests.parsers import canonical


def test_parser_recovers_the_gold_graph_of_99_percent(scripts: dict[str, list[Script]]) -> None:
    pytest.importorskip("spacy")
    parser = get_parser("spacy")
    captions = [c for s in scripts["test"][:100] for c in write_captions(np.random.default_rng(s.seed), s)]
    parsed = parser.parse([caption.text for caption in captions])
    equal = [canonical(p) == canonical(c.graph) for p, c in zip(parsed, captions, strict=True)]
    assert len(equal) == 500
    assert np.mean(equal) >= 0.99
