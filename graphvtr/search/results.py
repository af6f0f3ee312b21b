"""What a search gives: clips or captions with their scores, and where in a clip each phrase was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import torch
from torch import Tensor

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.nn import LevelEmbeddings, LocalAttentiveMatch, RetrievalModel
from graphvtr.nn.match.local_attentive import weights_by_frame
from graphvtr.search.items import Item
from graphvtr.search.plain import format_plain

EVEN = 1e-3
"""Largest spread of weights, as a share of their mean, that shows nothing."""
NODE_LEVELS = {"action": "action", "entity": "entity", "individual_action": "action", "individual_entity": "entity"}


@dataclass(frozen=True)
class PhraseMatch:
    """Where in a clip a phrase was found.

    Args:
        level: level of the phrase's node, ``"action"`` or ``"entity"``.
        phrase: its words.
        role: its semantic role; ``"V"`` for actions.
        time: seconds into the clip of the frame with the largest weight.
        weight: that weight; the weights of a phrase sum to 1 over the frames.
        weights: all of them, [T].
        node: number of the node on its level.
    """

    level: str
    phrase: str
    role: str
    time: float
    weight: float
    weights: Tensor = field(repr=False)
    node: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "level": self.level,
            "phrase": self.phrase,
            "role": self.role,
            "node": self.node,
            "time": self.time,
            "weight": self.weight,
            "weights": self.weights.tolist(),
        }


@dataclass(frozen=True)
class SearchResult:
    """A found clip.

    Args:
        item: name and metadata of the clip.
        score: the model's fused score.
        levels: the score on each level.
        phrases: where each phrase was found, for models that match frames.
        caption: the found sentence, where captions were searched.
        times: seconds of the frames that ``phrases`` weigh.
    """

    item: Item
    score: float
    levels: dict[str, float]
    phrases: list[PhraseMatch] = field(default_factory=list)
    caption: str = ""
    times: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the clip."""
        return self.item.name

    @property
    def moment(self) -> float | None:
        """Seconds into the clip of the frame that all phrases together look at most; None without phrases."""
        if not self.phrases or not self.times:
            return None
        return self.times[int(torch.stack([match.weights for match in self.phrases]).sum(0).argmax())]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for json."""
        return {
            "name": self.name,
            "score": self.score,
            "levels": self.levels,
            "moment": self.moment,
            "caption": self.caption,
            "phrases": [match.to_dict() for match in self.phrases],
            "times": self.times,
            **{key: value for key, value in self.item.to_dict().items() if key not in ("name", "digest")},
        }


class SearchResults(Sequence[SearchResult]):
    """The results of one query, best first.

    Args:
        results: best first.
        query: as asked.
        graph: the role graph of a sentence.
        unknown: its words that the model has never seen.
        seconds: that the query took, its share of a batch.
        exhaustive: whether all clips were scored, not candidates only.
        media: folder of the video files.
        missing: shards of the index that did not answer.
    """

    def __init__(
        self,
        results: Sequence[SearchResult],
        query: str = "",
        graph: RoleGraph | None = None,
        unknown: Sequence[str] = (),
        seconds: float = 0.0,
        exhaustive: bool = False,
        media: str = "",
        missing: Sequence[str] = (),
    ) -> None:
        self._results = list(results)
        self.query, self.graph, self.unknown = query, graph, list(unknown)
        self.seconds, self.exhaustive, self.media, self.missing = seconds, exhaustive, media, list(missing)

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, index: int) -> SearchResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[SearchResult]: ...
    def __getitem__(self, index: int | slice) -> SearchResult | list[SearchResult]:
        return self._results[index]

    def __repr__(self) -> str:
        return f"SearchResults({self.query!r}, {[result.name for result in self]})"

    def __str__(self) -> str:
        return format_results(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for json."""
        return {
            "query": self.query,
            "unknown": self.unknown,
            "seconds": self.seconds,
            "exhaustive": self.exhaustive,
            "missing": self.missing,
            "results": [result.to_dict() for result in self],
        }

    def _repr_html_(self) -> str:
        from graphvtr.search.picture import results_html

        return results_html(self)


def match_phrases(
    model: RetrievalModel,
    graph: RoleGraph,
    text: LevelEmbeddings,
    video: LevelEmbeddings,
    times: Sequence[Sequence[float]],
    region_frames: Sequence[Tensor | None] | None = None,
) -> list[list[PhraseMatch]]:
    """Which frame of each clip each action and entity of a sentence attended to, for levels that attend over frames; a
    phrase that attends to all frames alike has none.

    Args:
        model: scores them.
        graph: the sentence, as the model sees it (:meth:`~graphvtr.nn.RetrievalModel.transform_text`).
        text: its embedding.
        video: embeddings of the clips.
        times: seconds of their frames.
        region_frames: the frame of each region, for models that match regions too; None for a clip without.
    """
    regions = region_frames or [None] * len(times)
    out: list[list[PhraseMatch]] = [[] for _ in times]
    told: set[str] = set()
    for level in model.levels:
        matcher, node_type = model.matchers[level], NODE_LEVELS.get(level)
        if node_type is None or node_type in told or level not in model.frame_levels:
            continue
        if not isinstance(matcher, LocalAttentiveMatch):
            continue
        told.add(node_type)
        with torch.inference_mode():
            each = matcher.frame_weights_each(video[level], text[level])
        weights = [
            weights_by_frame(own, len(seconds), frames)
            for own, seconds, frames in zip(each, times, regions, strict=True)
        ]
        count = len(text[level].x)
        phrases = [graph.phrase(node_type, node) for node in range(count)]
        roles = ["V"] * count if node_type == "action" else [ROLES[role] for role in graph["entity"].role.tolist()]
        for found, seconds, own in zip(out, times, weights, strict=True):
            for node, (row, values) in enumerate(zip(own, own.tolist(), strict=True)):
                most = max(values, default=0.0)
                if not seconds or (len(values) > 1 and most - min(values) <= EVEN / len(values)):
                    continue  # it attends to nothing in particular: no frame is its moment
                frame = values.index(most)
                found.append(PhraseMatch(node_type, phrases[node], roles[node], seconds[frame], most, row, node))
    return out


def format_results(results: Sequence[SearchResult], bold: Callable[[str], str] = str) -> str:
    """Results as text, see :func:`graphvtr.search.plain.format_plain`."""
    return format_plain((result.to_dict() for result in results), bold)
