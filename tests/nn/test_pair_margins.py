"""Margins of pairs, plain and beside other videos."""

from __future__ import annotations

import torch

from graphvtr.nn.pair_margins import pair_margins, video_margins


def test_margins_of_pairs_do_not_pay_for_wording() -> None:
    """Scores that a caption has beside every video add nothing; a batch of one video has no other to compare with."""
    generator = torch.Generator().manual_seed(0)
    scores, owner = torch.randn(2, 4, 6, generator=generator), torch.tensor([3, 0, 3])
    wording = torch.randn(2, 1, 6, generator=generator)
    found = video_margins(scores, owner)
    torch.testing.assert_close(video_margins(scores + wording, owner), found)
    right, wrong = scores[..., :3], scores[..., 3:]
    for pair, video in enumerate(owner.tolist()):
        others = [place for place in range(4) if place != video]
        margin = (right - wrong)[..., pair]
        torch.testing.assert_close(found[..., pair], margin[..., video] - margin[..., others].mean(-1))
    alone = torch.zeros(3, dtype=torch.long)
    torch.testing.assert_close(video_margins(scores[:, :1], alone), pair_margins(scores[:, :1], alone))
