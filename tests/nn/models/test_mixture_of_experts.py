"""The mixture of experts against the sum over experts."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from tests.every_model import small_run


def test_scores_against_the_sum() -> None:
    model, dataset, _ = small_run("ce", experts=[4, 2])
    owner = dataset.video_of_caption
    video = model.encode_video(dataset.video_graphs.batch(range(len(dataset.videos))))
    text = model.encode_text(dataset.role_graphs.batch(range(len(dataset))))
    scores = model.similarity(video, text)
    for a, b in ((0, 0), (3, 5)):
        mean = dataset.video_graphs[a]["frame"].x.mean(0)
        seen = [project(part) for project, part in zip(model.projections, (mean[:4], mean[4:]), strict=True)]
        gate = torch.sigmoid(sum(model.collaborate(one) for one in seen))
        words = model.words.weight[dataset.role_graphs[b]["word"].id]
        state = model.rnn(words[:, None])[1][0, 0]
        weights = model.weigh(state).softmax(0)
        total = torch.zeros(())
        for i, one in enumerate(seen):
            total = total + weights[i] * (unit(model.video_units[i], one * gate) @ unit(model.text_units[i], state))
        torch.testing.assert_close(scores[a, b], total)
    model.loss(video, text, owner)["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def unit(part, x: torch.Tensor) -> torch.Tensor:
    z = part.into(x)
    z = z * torch.sigmoid(part.gate(z))
    return z / z.norm()


def test_experts_add_up() -> None:
    with pytest.raises(DataError, match=r"experts: are \[4, 4\] of 6"):
        small_run("ce", experts=[4, 4])
