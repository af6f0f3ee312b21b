"""InfoNCE a level: the mean of the levels', and of pairs by their margins."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from graphvtr.nn import SymmetricInfoNCE
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses.level_info_nce import LevelInfoNCE
from graphvtr.nn.match import CosineMatch
from graphvtr.nn.pair_margins import video_margins


def test_each_level_alone() -> None:
    torch.manual_seed(0)
    losses = LevelInfoNCE(["event", "action"], 0.1)
    matchers = nn.ModuleDict({"event": CosineMatch(), "action": CosineMatch(), "start": CosineMatch()})
    video, text = ({name: torch.randn(n, 4) for name in matchers} for n in (3, 4))
    owner = torch.tensor([0, 2, 1, 1])
    found = losses.ranking(matchers, LevelEmbeddings(**video), LevelEmbeddings(**text), owner)
    each = {name: CosineMatch()(*(LevelEmbeddings(**side)[name] for side in (video, text))) for name in losses}
    expected = [SymmetricInfoNCE(0.1)(scores, owner) for scores in each.values()]
    assert list(found) == ["loss", "event", "action"]
    torch.testing.assert_close(found["loss"], torch.stack(expected).mean())
    pairs = losses.pairs(matchers, LevelEmbeddings(**video), LevelEmbeddings(**text), owner[:2])
    margins = [F.softplus(-video_margins(scores, owner[:2]) / 0.1).mean() for scores in each.values()]
    torch.testing.assert_close(pairs, torch.stack(margins).mean())
    assert [name for name, _ in losses.named_parameters()] == ["event.log_scale", "action.log_scale"]
