"""A store with frames only and one with ragged regions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.video import FeatureStore


@pytest.fixture
def frames(tmp_path: Path) -> FeatureStore:
    """Three clips of 1 to 5 frames, one second apart; one has a ``/`` in its name."""
    store = FeatureStore.create(tmp_path / "frames", {"frame_x": 4})
    for name, count in (("clip", 5), ("b/c", 1), ("vidéo_2", 3)):
        store.add(name, {"frame_x": torch.randn(count, 4), "frame_time": torch.arange(float(count))})
    return store


@pytest.fixture
def regions(tmp_path: Path) -> FeatureStore:
    """Two clips with 1 to 3 regions a frame, frame features being the means of their regions'."""
    store = FeatureStore.create(tmp_path / "regions", {"frame_x": 6, "region_x": 6})
    for name, counts in (("one", (2, 3)), ("two_4", (1, 2, 1))):
        frame = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        x = torch.randint(-64, 64, (len(frame), 6)) * 12 / 64  # whose means are exact in half precision
        low = torch.rand(len(frame), 2) / 2
        store.add(
            name,
            {
                "frame_x": torch.stack([x[frame == place].mean(0) for place in range(len(counts))]),
                "frame_time": torch.arange(float(len(counts))),
                "region_x": x,
                "region_box": torch.cat([low, low + 0.25], 1),
                "region_score": torch.ones(len(frame)),
                "region_frame": frame,
            },
        )
    return store
