"""Offsets of hubs against their definition."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from graphvtr.nn.hubness import HubOffsets


def test_an_offset_is_the_soft_mean_over_the_bank() -> None:
    torch.manual_seed(0)
    video, text = (normalize(torch.randn(n, 3), dim=1) for n in (4, 6))
    offsets = HubOffsets(3, size=6, temperature=0.2)
    offsets.fill(video, text)
    assert torch.equal(offsets.text_bank, text)
    assert {tuple(row) for row in offsets.video_bank.tolist()} == {tuple(row) for row in video.tolist()}
    found = offsets.video(video) @ offsets.text(text).T
    of_video = [0.2 * torch.stack([(v @ c / 0.2).exp() for c in offsets.text_bank]).mean().log() for v in video]
    of_text = [0.2 * torch.stack([(v @ c / 0.2).exp() for v in offsets.video_bank]).mean().log() for c in text]
    torch.testing.assert_close(found, -torch.stack(of_video)[:, None] - torch.stack(of_text))


def test_captions_may_be_left_without() -> None:
    video, text = (normalize(torch.randn(n, 3, generator=torch.Generator().manual_seed(n)), dim=1) for n in (4, 6))
    both, videos = HubOffsets(3, size=6), HubOffsets(3, size=6, captions=False)
    for offsets in (both, videos):
        offsets.fill(video, text)
    assert torch.equal(videos.text(text), torch.tensor([[1.0, 0.0]]).expand(6, 2))
    assert torch.equal(videos.video(video), both.video(video))


def test_an_item_near_to_everything_loses_most() -> None:
    bank = normalize(torch.tensor([[1.0, 0.1], [1.0, -0.1], [1.0, 0.0]]), dim=1)
    offsets = HubOffsets(2, size=3)
    offsets.fill(bank, bank)
    hub, other = offsets.video(torch.eye(2))[:, 0].tolist()
    assert hub < other
