"""JEMC: two spaces and a loss weighted by ranks, against loops."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from tests.every_model import small_run


@pytest.mark.parametrize("motion", [0, 2])
def test_loss_against_loops(motion: int) -> None:
    model, dataset, _ = small_run("jemc", motion_dim=motion)
    owner = dataset.video_of_caption
    video = model.encode_video(dataset.video_graphs.batch(range(len(dataset.videos))))
    text = model.encode_text(dataset.role_graphs.batch(range(len(dataset))))
    clip = dataset.video_graphs[3]["frame"].x.mean(0)
    torch.testing.assert_close(video["object"].x[3], model.video_map(clip[: 6 - motion]))
    torch.testing.assert_close(video["activity"].x[3], model.motion_map(clip[6 - motion :] if motion else clip))
    total = torch.zeros(())
    for scores in model.level_scores(video, text):
        for t, v in enumerate(owner.tolist()):
            positive = scores[v, t]
            for negatives in (
                [scores[v, u] for u in range(len(owner)) if owner[u] != v],
                [scores[u, t] for u in range(len(scores)) if u != v],
            ):
                rank = 1 + sum(bool(one > positive) for one in negatives)
                weight = 1 + 1.0 / (len(negatives) + 1 - rank + 1)
                total = total + weight * torch.relu(0.2 + torch.stack(negatives).max() - positive)
    losses = model.loss(video, text, owner)
    torch.testing.assert_close(losses["loss"], total / len(owner))
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_motion_needs_room() -> None:
    with pytest.raises(DataError, match="motion_dim: is 6 of 6"):
        small_run("jemc", motion_dim=6)
