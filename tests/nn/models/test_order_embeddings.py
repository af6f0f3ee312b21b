"""Order embeddings: violations of the order, and what is more general."""

from __future__ import annotations

import pytest
import torch

from tests.every_model import small_run


def test_scores_against_the_definition() -> None:
    model, dataset, _ = small_run("order")
    owner = dataset.video_of_caption
    video = model.encode_video(dataset.video_graphs.batch(range(len(dataset.videos))))
    text = model.encode_text(dataset.role_graphs.batch(range(len(dataset))))
    for side in (video, text):
        assert (side["event"].x >= 0).all()
        torch.testing.assert_close(side["event"].x.norm(dim=1), torch.ones(len(side["event"])))
    scores = model.similarity(video, text)
    for v in (0, 3):
        for t in (1, 5):
            gap = torch.relu(text["event"].x[t] - video["event"].x[v])
            torch.testing.assert_close(scores[v, t], -(gap @ gap))
    losses = model.loss(video, text, owner)
    assert model.ranking.mining == "all"
    losses["loss"].backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.config["margin"] == pytest.approx(0.05)
