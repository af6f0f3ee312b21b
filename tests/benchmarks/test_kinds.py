"""Shares of binary selection against a count by hand, and what their intervals draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from graphvtr.text.pairs import KINDS, BinaryPair

pytest.importorskip("pytorch_lightning")
pytest.importorskip("av")


@pytest.fixture
def binary(load_benchmark: Callable[[str], Any]) -> Any:
    return load_benchmark("lib.kinds")


def test_shares_are_means_over_seeds_and_kinds(binary: Any) -> None:
    pairs = [BinaryPair(video, "yes", "no", kind) for video in ("a", "b", "c") for kind in KINDS]
    pairs.append(BinaryPair("a", "yes", "no", KINDS[0]))
    first = torch.ones(len(pairs))
    second = torch.tensor([1.0 if pair.kind == KINDS[1] else -1.0 for pair in pairs])
    second[-1] = 0.0  # a tie is wrong
    found = binary.accuracies([first, second], pairs)
    assert found[KINDS[0]] == {"value": 50.0, "interval": (0.0, 100.0), "pairs": 4}  # seeds are drawn too
    assert found[KINDS[1]] == {"value": 100.0, "interval": (100.0, 100.0), "pairs": 3}
    assert found["average"]["value"] == pytest.approx(60.0)
    assert found["average"]["seeds"] == pytest.approx([100.0, 20.0])


def test_intervals_draw_clips_with_all_their_pairs(binary: Any) -> None:
    pairs = [BinaryPair(f"clip {clip}", "yes", "no", kind) for clip in range(10) for kind in KINDS for _ in range(50)]
    margins = torch.tensor([1.0 if pair.video < "clip 5" else -1.0 for pair in pairs])
    low, high = binary.accuracies([margins], pairs)[KINDS[0]]["interval"]
    assert low <= 25  # ten clips, all or nothing each: far wider than 500 pairs would be
    assert high >= 75
