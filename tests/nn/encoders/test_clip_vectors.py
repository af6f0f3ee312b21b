"""What the closed form and the ensemble of GraphVTR read of clips."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn.encoders.clip_vectors import ClipVectors
from graphvtr.nn.pool import dct_pool


def clip(frames: int, regions: int) -> VideoGraph:
    return VideoGraph.build(
        torch.randn(frames, 3),
        region_x=torch.randn(regions, 2),
        region_frame=torch.randint(frames, (regions,)).sort().values,
    )


def test_frames_and_the_mean_of_their_regions() -> None:
    clips = [clip(4, 7), clip(1, 0), clip(2, 5)]
    vectors = ClipVectors(3, region_dim=2, dct=2)
    found = vectors(GraphStore.from_graphs(clips).batch(range(3)))
    assert found.shape == (3, vectors.out_channels) == (3, 10)
    for row, one in zip(found, clips, strict=True):
        means = [one["region"].x[one["region"].frame == t].sum(0) for t in range(one["frame"].num_nodes)]
        counts = torch.bincount(one["region"].frame, minlength=len(means)).clamp(min=1)[:, None]
        beside = torch.cat([one["frame"].x, torch.stack(means) / counts], 1)
        torch.testing.assert_close(row, dct_pool(beside, torch.tensor([0, len(means)]), 2)[0])
        torch.testing.assert_close(vectors(one)[0], row)
    assert vectors(clips[0], torch.double).dtype == torch.double


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="dct: is 0"):
        ClipVectors(3, dct=0)
    with pytest.raises(DataError, match=r"frame\.x: is 3 wide"):
        ClipVectors(4)(clip(2, 2))
    with pytest.raises(DataError, match="no regions"):
        ClipVectors(3, region_dim=2)(VideoGraph.build(torch.randn(2, 3)))
