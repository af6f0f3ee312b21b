"""All models as one: what they tell beside the right video, beside others, and what the video adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

pytest.importorskip("pytorch_lightning")
pytest.importorskip("av")


def test_all_models_together(load_benchmark: Callable[[str], Any]) -> None:
    vitatecs = load_benchmark("vitatecs")
    wording = torch.tensor([3.0, -3.0, 3.0, -3.0])  # what captions alone tell, loud
    seen = torch.tensor([-1.0, 1.0, -1.0, 1.0])  # what the video tells, against it
    rows = [
        {"one": [wording + seen, wording + seen], f"one, {vitatecs.BESIDE}": [wording, wording]},
        {"other": [100 * (wording + seen)], f"other, {vitatecs.BESIDE}": [wording, wording]},
        {"measured before there were others": [wording]},
    ]
    found = vitatecs.together(rows)
    right, others, video = found.values()
    assert torch.equal(right[0] > 0, wording > 0)
    assert len(others) == 2
    assert torch.equal(others[0] > 0, wording > 0)
    spread = (wording + seen).double() / (wording + seen).double().std()
    assert torch.allclose(right[0], spread)  # a row counts once, however many seeds and however loud
    assert torch.allclose(video[0], spread - others[0])
    assert vitatecs.together(rows[:1]) == {}
