"""How much higher the true caption of a pair scores than the wrong one."""

from __future__ import annotations

import torch
from torch import Tensor


def pair_margins(scores: Tensor, video_of_pair: Tensor) -> Tensor:
    """How much higher the true caption of each pair scores than the wrong one, [..., n].

    Args:
        scores: [..., Nv, 2 n].
        video_of_pair: [n].
    """
    column = torch.arange(len(video_of_pair), device=scores.device)
    right, wrong = scores.chunk(2, dim=-1)
    return right[..., video_of_pair, column] - wrong[..., video_of_pair, column]


def video_margins(scores: Tensor, video_of_pair: Tensor) -> Tensor:
    """:func:`pair_margins` less their mean beside the other videos, which only the wording can give.

    Wrong captions that are made have a wording of their own, and a model that learns to tell it has not looked at the
    video.

    Args:
        scores: [..., Nv, 2 n].
        video_of_pair: [n].
    """
    own = pair_margins(scores, video_of_pair)
    right, wrong = scores.chunk(2, dim=-1)
    others = max(1, scores.size(-2) - 1)
    return own - ((right - wrong).sum(-2) - own) / others
