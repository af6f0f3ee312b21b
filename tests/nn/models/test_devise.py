"""DeViSE against a loop over captions."""

from __future__ import annotations

import torch

from tests.every_model import small_run


def test_loss_and_vectors_against_loops() -> None:
    model, dataset, _ = small_run("devise")
    videos, texts = range(len(dataset.videos)), range(len(dataset))
    owner = dataset.video_of_caption
    video, text = (
        model.encode_video(dataset.video_graphs.batch(videos)),
        model.encode_text(dataset.role_graphs.batch(texts)),
    )
    for number, graph in enumerate(dataset.role_graphs):
        torch.testing.assert_close(text["event"].x[number], model.words.weight[graph["word"].id].mean(0))
    for number, graph in enumerate(dataset.video_graphs):
        torch.testing.assert_close(video["event"].x[number], model.video_map(graph["frame"].x.mean(0)))
    scores, total = model.similarity(video, text), 0.0
    for own in texts:
        for other in texts:
            if owner[other] != owner[own]:
                total = total + torch.relu(0.1 + scores[owner[own], other] - scores[owner[own], own])
    loss = model.loss(video, text, owner)["loss"]
    torch.testing.assert_close(loss, total / len(texts))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
