"""Galleries from score matrices: what captions find, and what clips find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.plot.clips import frames_of
from graphvtr.plot.gallery import FoundCaption, Hit, plot_caption_gallery, plot_gallery

SHOWN = 3  # frames of a clip


def retrieved_clips(
    dataset: RetrievalDataset,
    queries: Sequence[int],
    scores: Tensor,
    level_scores: Tensor,
    levels: Sequence[str],
    *,
    top: int = 3,
    clips: str | Path | None = None,
) -> Any:
    """A gallery of captions and the clips they find, with the scores of each level.

    Args:
        dataset: Nv clips and Nt captions.
        queries: positions of captions.
        scores: [Nv, Nt].
        level_scores: [levels, Nv, Nt].
        levels: names of the levels.
        top: clips a caption.
        clips: folder of the video files, for datasets that cannot render their clips.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: scores of another shape, or clips that cannot be shown.
    """
    _check(dataset, scores, level_scores)
    rows = []
    for query in queries:
        found = scores[:, query].topk(min(top, len(scores))).indices.tolist()
        owner = int(dataset.video_of_caption[query])
        rows.append(
            [
                Hit(
                    _pictures(dataset, item, clips), float(scores[item, query]), item == owner, dataset.videos[item],
                    dict(zip(levels, level_scores[:, item, query].tolist(), strict=True)),
                )
                for item in found
            ]
        )  # fmt: skip
    return plot_gallery([dataset.captions[query] for query in queries], rows, frames_per_clip=SHOWN)


def retrieved_captions(
    dataset: RetrievalDataset,
    queries: Sequence[int],
    scores: Tensor,
    level_scores: Tensor,
    levels: Sequence[str],
    *,
    top: int = 3,
    clips: str | Path | None = None,
) -> Any:
    """A gallery of clips and the captions they find; arguments as :func:`retrieved_clips`, ``queries`` are clips."""
    _check(dataset, scores, level_scores)
    rows = []
    for query in queries:
        found = scores[query].topk(min(top, scores.size(1))).indices.tolist()
        rows.append(
            [
                FoundCaption(
                    dataset.captions[item], float(scores[query, item]), int(dataset.video_of_caption[item]) == query,
                    dict(zip(levels, level_scores[:, query, item].tolist(), strict=True)),
                )
                for item in found
            ]
        )  # fmt: skip
    pictures = [_pictures(dataset, query, clips) for query in queries]
    return plot_caption_gallery(pictures, rows, names=[dataset.videos[query] for query in queries])


def _pictures(dataset: RetrievalDataset, index: int, clips: str | Path | None) -> np.ndarray[Any, Any]:
    times = dataset.video_graphs[index]["frame"].time
    chosen = np.linspace(0, len(times) - 1, min(SHOWN, len(times))).round().astype(int)
    frames = frames_of(dataset, index, times[chosen].tolist(), clips)
    if frames is None:
        raise DataError(f"dataset '{dataset.name}'", "has features but no pictures", "give the folder of its clips")
    return frames


def _check(dataset: RetrievalDataset, scores: Tensor, level_scores: Tensor) -> None:
    shape = (len(dataset.videos), len(dataset.captions))
    for name, found in (("scores", scores), ("level_scores", level_scores)):
        if tuple(found.shape[-2:]) != shape:
            raise DataError(name, f"have shape {list(found.shape)}", f"give [..., {shape[0]}, {shape[1]}]")
