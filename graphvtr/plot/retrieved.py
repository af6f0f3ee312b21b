"""Galleries from score matrices: what captions find, and what clips find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.plot.clips import frames_of
from graphvtr.plot.gallery import FoundCaption, Hit, plot_caption_gallery, plot_gallery

SHOWN = 3  # frames of a clip


@dataclass(frozen=True)
class Retrieved:
    """What the captions and the clips of a split find, with the scores of each level.

    Args:
        dataset: Nv clips and Nt captions.
        scores: [Nv, Nt].
        level_scores: [levels, Nv, Nt].
        levels: names of the levels.
        clips: folder of the video files, for datasets that cannot render their clips. Without it their clips are shown
            by a caption.

    Raises:
        DataError: scores of another shape.
    """

    dataset: RetrievalDataset
    scores: Tensor
    level_scores: Tensor
    levels: Sequence[str]
    clips: str | Path | None = None

    def __post_init__(self) -> None:
        shape = (len(self.dataset.videos), len(self.dataset.captions))
        for name, found in (("scores", self.scores), ("level_scores", self.level_scores)):
            if tuple(found.shape[-2:]) != shape:
                raise DataError(name, f"have shape {list(found.shape)}", f"give [..., {shape[0]}, {shape[1]}]")

    def plot(self, queries: Sequence[int], direction: Literal["t2v", "v2t"] = "t2v", *, top: int = 3) -> Any:
        """The gallery of some queries.

        Args:
            queries: positions of captions (``t2v``) or of clips (``v2t``).
            direction: captions find clips, or clips captions.
            top: results a query.

        Returns:
            The matplotlib Figure.

        Raises:
            DataError: clips that cannot be shown.
        """
        dataset = self.dataset
        if direction == "t2v":
            captions = [dataset.captions[query] for query in queries]
            return plot_gallery(captions, [self.clips_for(query, top) for query in queries], frames_per_clip=SHOWN)
        return plot_caption_gallery(
            [self._pictures(query) for query in queries],
            [self.captions_for(query, top) for query in queries],
            names=[dataset.videos[query] for query in queries],
            captions=[self._caption(query) for query in queries],
        )

    def clips_for(self, query: int, top: int) -> list[Hit]:
        """The best clips of a caption."""
        column = self.scores[:, query]
        owner = int(self.dataset.video_of_caption[query])
        return [
            Hit(
                self._pictures(clip),
                float(column[clip]),
                clip == owner,
                self.dataset.videos[clip],
                self._levels(clip, query),
                self._caption(clip, other_than=self.dataset.captions[query]),
            )
            for clip in column.topk(min(top, len(column))).indices.tolist()
        ]

    def captions_for(self, query: int, top: int) -> list[FoundCaption]:
        """The best captions of a clip."""
        row, owner = self.scores[query], self.dataset.video_of_caption
        return [
            FoundCaption(
                self.dataset.captions[caption],
                float(row[caption]),
                int(owner[caption]) == query,
                self._levels(query, caption),
            )
            for caption in row.topk(min(top, len(row))).indices.tolist()
        ]

    def _levels(self, clip: int, caption: int) -> Mapping[str, float]:
        return dict(zip(self.levels, self.level_scores[:, clip, caption].tolist(), strict=True))

    def _caption(self, clip: int, other_than: str = "") -> str:
        """A caption of a clip, another one than the query where it has one."""
        own = [self.dataset.captions[i] for i in (self.dataset.video_of_caption == clip).nonzero().flatten().tolist()]
        return next((caption for caption in own if caption != other_than), own[0] if own else "")

    def _pictures(self, clip: int) -> np.ndarray[Any, Any] | None:
        times = self.dataset.video_graphs[clip]["frame"].time
        chosen = np.linspace(0, len(times) - 1, min(SHOWN, len(times))).round().astype(int)
        return frames_of(self.dataset, clip, times[chosen].tolist(), self.clips)


def plot_side_by_side(
    models: Sequence[Retrieved],
    names: Sequence[str],
    queries: Sequence[int],
    direction: Literal["t2v", "v2t"] = "t2v",
    *,
    top: int = 3,
) -> Any:
    """The gallery of some queries with a row for each model, one below the other (VSR-Net, Figures 3 and 4).

    Args:
        models: what each model retrieves, of one dataset.
        names: of the models; each stands before the query of its row (of clips, after it).
        queries: positions of captions (``t2v``) or of clips (``v2t``).
        direction: captions find clips, or clips captions.
        top: results a query.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: no models, or not as many names.
    """
    if not models or len(models) != len(names):
        raise DataError("models", f"are {len(models)} for {len(names)} names", "give a name a model")
    rows = [(query, model, name) for query in queries for model, name in zip(models, names, strict=True)]
    dataset = models[0].dataset
    if direction == "t2v":
        titles = [f"[{name}] {dataset.captions[query]}" for query, _, name in rows]
        return plot_gallery(titles, [model.clips_for(query, top) for query, model, _ in rows], frames_per_clip=SHOWN)
    return plot_caption_gallery(
        [model._pictures(query) for query, model, _ in rows],
        [model.captions_for(query, top) for query, model, _ in rows],
        names=[f"{dataset.videos[query]} [{name}]" for query, _, name in rows],
        captions=[model._caption(query) for query, model, _ in rows],
    )
