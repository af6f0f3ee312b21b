"""Correspondence autoencoders against the equations."""

from __future__ import annotations

import pytest
import torch

from tests.every_model import small_run


def test_loss_against_the_equations() -> None:
    model, dataset, vocabulary = small_run("corr_ae")
    owner = dataset.video_of_caption
    video = model.encode_video(dataset.video_graphs.batch(range(len(dataset.videos))))
    text = model.encode_text(dataset.role_graphs.batch(range(len(dataset))))
    total = torch.zeros(())
    for number, graph in enumerate(dataset.role_graphs):
        bag = torch.zeros(len(vocabulary))
        for word in graph["word"].id.tolist():
            bag[word] += 1
        frames = dataset.video_graphs[int(owner[number])]["frame"].x.mean(0)
        codes = []
        for x, into, back in ((frames, model.video_map, model.video_back), (bag, model.text_map, model.text_back)):
            codes.append(torch.sigmoid(into(x)))
            total = total + (1 - 0.8) * (back(codes[-1]) - x).square().mean()
        total = total + 0.8 * (codes[0] - codes[1]).square().mean()
    losses = model.loss(video, text, owner)
    torch.testing.assert_close(losses["loss"], total / len(dataset))
    assert set(losses) == {"loss", "reconstruction", "correspondence"}
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert model.word_embedding is None
    assert model.config["alpha"] == pytest.approx(0.8)
