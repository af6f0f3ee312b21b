"""PVSE: several vectors an item, the best pair counts, heads are kept apart."""

from __future__ import annotations

import torch

from tests.every_model import small_run


def test_scores_and_loss_against_loops() -> None:
    model, dataset, _ = small_run("pvse", embeddings=3)
    owner = dataset.video_of_caption
    video = model.encode_video(dataset.video_graphs.batch(range(len(dataset.videos))))
    text = model.encode_text(dataset.role_graphs.batch(range(len(dataset))))
    v, t = (side["event"].x.view(len(side["event"]), 3, -1) for side in (video, text))
    scores = model.similarity(video, text)
    for a, b in ((0, 0), (3, 5)):
        pairs = [torch.cosine_similarity(x, y, 0) for x in v[a] for y in t[b]]
        torch.testing.assert_close(scores[a, b], torch.stack(pairs).max())
    apart = torch.zeros(())
    for side in (v, t):
        unit = side / side.norm(dim=2, keepdim=True)
        apart = apart + torch.stack([(one @ one.T - torch.eye(3)).square().mean() for one in unit]).mean()
    losses = model.loss(video, text, owner)
    torch.testing.assert_close(losses["diversity"], apart)
    torch.testing.assert_close(losses["loss"], losses["ranking"] + 0.1 * apart)
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_an_item_does_not_depend_on_its_batch() -> None:
    model, dataset, _ = small_run("pvse")
    model.eval()
    together = model.encode_video(dataset.video_graphs.batch(range(4)))["event"].select(torch.tensor([2]))
    alone = model.encode_video(dataset.video_graphs[2])["event"]
    torch.testing.assert_close(together.x, alone.x)
