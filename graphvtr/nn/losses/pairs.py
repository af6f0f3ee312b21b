"""What losses over all pairs of a batch take."""

from __future__ import annotations

from torch import Tensor

from graphvtr.errors import DataError


def check_pairs(scores: Tensor, video_of_text: Tensor) -> None:
    """Refuse scores [Nv, Nt] whose columns are not those of ``video_of_text`` [Nt].

    Raises:
        DataError: the shapes do not fit.
    """
    if scores.dim() != 2 or video_of_text.shape != scores.shape[1:]:
        raise DataError(
            "video_of_text",
            f"has shape {list(video_of_text.shape)} for scores {list(scores.shape)}",
            "give the video of every column",
        )
