"""Twins: clips of the same things, told by the same words, that differ in who does what to whom or in what order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

TWIN = "-twin"
"""Ends the name of a clip's twin, whose name it is otherwise."""


def twin_positions(names: Sequence[str]) -> Tensor:
    """The position of each clip's twin, [Nv]; -1 for one without.

    Example:
        >>> twin_positions(["a", "b", "a-twin", "c-twin"]).tolist()
        [2, -1, 0, -1]
    """
    place = {name: position for position, name in enumerate(names)}
    other = (name.removesuffix(TWIN) if name.endswith(TWIN) else name + TWIN for name in names)
    return torch.tensor([place.get(name, -1) for name in other], dtype=torch.long)


def between_twins(scores: Tensor, video_of_text: Tensor, twin: Tensor) -> tuple[Tensor, Tensor]:
    """How often a clip is told from its twin; equal scores are wrong, and chance is 1/2.

    Args:
        scores: [Nv, Nt].
        video_of_text: [Nt].
        twin: [Nv], see :func:`twin_positions`.

    Returns:
        Of each caption, [Nt], NaN where its clip has no twin: whether its clip scores higher than the twin, and the
        share of the twin's captions that score lower with its clip.

    Example:
        >>> right, share = between_twins(torch.tensor([[2.0, 1.0], [3.0, 4.0]]), torch.arange(2), torch.tensor([1, 0]))
        >>> right.tolist(), share.tolist()
        ([0.0, 1.0], [1.0, 1.0])
    """
    column = torch.arange(len(video_of_text), device=scores.device)
    other = twin[video_of_text]
    has = other >= 0
    own = scores[video_of_text, column]
    right = (own > scores[other.clamp(min=0), column]).double()
    lower = own[:, None] > scores[video_of_text]  # [Nt, Nt], each caption's clip with all captions
    theirs = video_of_text[None] == other[:, None]
    share = (lower & theirs).sum(1).double() / theirs.sum(1)
    return right.masked_fill(~has, torch.nan), share.masked_fill(~has, torch.nan)
