"""The rival of the training step computes what the model computes."""

from __future__ import annotations

import torch

from benchmarks.lib.hgr_plain import PlainHGR
from benchmarks.speed import hgr_step
from graphvtr.nn import HGR


def test_loss_and_gradients_are_the_models() -> None:
    torch.manual_seed(0)
    model = HGR.released(hgr_step.VOCAB, hgr_step.VIDEO_DIM, 16, word_dim=8).eval()
    video, text = hgr_step.inputs([5, 9, 7], torch.device("cpu"))
    pairs = torch.arange(3)
    losses = (
        PlainHGR(model, video, text).loss(pairs),
        model.loss(model.encode_video(video), model.encode_text(text), pairs)["loss"],
    )
    found = [[loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))] for loss in losses]
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(plain, ours, rtol=1e-4, atol=1e-6)
