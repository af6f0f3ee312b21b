"""W2VV and W2VV++ against their equations."""

from __future__ import annotations

import pytest
import torch

from tests.every_model import small_run


def test_a_caption_predicts_the_mean_frame() -> None:
    model, dataset, _ = small_run("w2vv", rnn=5)
    model.eval()
    owner = dataset.video_of_caption
    video = model.encode_video(dataset.video_graphs.batch(range(len(dataset.videos))))
    text = model.encode_text(dataset.role_graphs.batch(range(len(dataset))))
    for number, graph in enumerate(dataset.video_graphs):
        torch.testing.assert_close(video["event"].x[number], graph["frame"].x.mean(0))
    for number in (0, 4):
        ids = dataset.role_graphs[number]["word"].id
        words = model.words.weight[ids]
        state = model.rnn(words[:, None])[1][0, 0]
        hidden = torch.relu(model.text_map(torch.cat([words.mean(0), state])) + model.bag[ids].sum(0))
        torch.testing.assert_close(text["event"].x[number], model.video_map(hidden))
    loss = model.loss(video, text, owner)["loss"]
    torch.testing.assert_close(loss, (text["event"].x - video["event"].x[owner]).square().mean())
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_both_sides_meet_in_a_common_space() -> None:
    model, dataset, _ = small_run("w2vv++", rnn=5)
    model.eval()
    owner = dataset.video_of_caption
    video = model.encode_video(dataset.video_graphs.batch(range(len(dataset.videos))))
    text = model.encode_text(dataset.role_graphs.batch(range(len(dataset))))
    clip = dataset.video_graphs[2]["frame"].x.mean(0)
    torch.testing.assert_close(video["event"].x[2], torch.tanh(model.video_map(clip)))
    assert text["event"].x.shape == (len(dataset), 8)
    assert (model.ranking.mining, model.ranking.margin) == ("hardest", pytest.approx(0.2))
    model.loss(video, text, owner)["loss"].backward()
    assert all(p.grad is not None for p in model.parameters())
