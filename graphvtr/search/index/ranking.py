"""Ranking in two stages: keys give candidates, the model's own scores order them."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from graphvtr.errors import DataError
from graphvtr.nn import LevelEmbeddings
from graphvtr.nn.match.indexed import Side
from graphvtr.search.filters import Where
from graphvtr.search.index.arrays import Array
from graphvtr.search.index.segment import Segment, embeddings_of
from graphvtr.search.projection import Projection, Sample
from graphvtr.search.tags import ConceptFilter, concept_model

Place = tuple[int, int]
"""Number of the segment, and position of the clip or caption in it."""
Found = tuple[float, list[float], Place]
"""Score, the score of each level, and the place of what was found."""
CANDIDATES, MORE_CANDIDATES = 100, 500
"""Clips that are scored again by the model, by default: where keys are exact, and where they only follow the score."""
SAMPLE = 512
BLOCK = 2048


class Ranker:
    """Ranks the clips, or the captions, of some segments.

    Args:
        path: of the index, for messages.
        segments: open ones.
        projection: makes the keys, and has the model.
    """

    def __init__(self, path: Path, segments: Sequence[Segment], projection: Projection) -> None:
        self.path, self.segments, self.projection, self.model = path, segments, projection, projection.model
        self._samples: dict[str, Sample | None] = {}
        self._where: dict[Where, list[Array]] = {}

    def allowed(self, filters: Sequence[ConceptFilter], where: Sequence[Where | str]) -> list[Array]:
        """Which clips of each segment may be found."""
        out = [segment.alive for segment in self.segments]
        for wanted in filters:
            model = concept_model(self.model, self.path)
            column = model.concepts.find(wanted.level, wanted.concept) - model.concepts.columns(wanted.level).start
            for number, segment in enumerate(self.segments):
                out[number] = out[number] & (np.asarray(segment.concepts[wanted.level][:, column]) >= wanted.at_least)
        for condition in where:
            test = condition if isinstance(condition, Where) else Where.parse(condition)
            if (test.field, test.sign) == ("name", "="):  # no need to look at all of them
                out = [kept & _only(segment, test.value) for kept, segment in zip(out, self.segments, strict=True)]
                continue
            if test not in self._where:
                if len(self._where) > 64:
                    self._where.clear()
                self._where[test] = [
                    np.fromiter((test(item) for item in segment.items()), dtype=bool, count=len(segment))
                    for segment in self.segments
                ]
            out = [kept & met for kept, met in zip(out, self._where[test], strict=True)]
        return out

    def _sample(self, side: Side) -> Sample | None:
        """Some items of one side, evenly over the index."""
        if side not in self._samples:
            sizes = [self._size(segment, side) for segment in self.segments]
            starts = np.concatenate([[0], np.cumsum(sizes)])
            places = np.unique(np.linspace(0, max(starts[-1] - 1, 0), min(SAMPLE, starts[-1])).astype(np.int64))
            numbers = np.searchsorted(starts, places, side="right") - 1
            chosen = [(int(n), int(p - starts[n])) for n, p in zip(numbers, places, strict=True)]
            self._samples[side] = (
                self.projection.sample(embeddings_of(self.segments, chosen, side), side) if len(chosen) > 1 else None
            )
        return self._samples[side]

    @staticmethod
    def _size(segment: Segment, side: str) -> int:
        found = segment.video if side == "video" else segment.text
        return 0 if found is None else found.rows

    def rank(
        self,
        queries: LevelEmbeddings,
        side: Side,
        top: int,
        filters: Sequence[ConceptFilter],
        where: Sequence[Where | str],
        candidates: int | None,
        exhaustive: bool,
    ) -> tuple[list[list[Found]], bool]:
        """For each query score, levels and (segment, position) of the best; and whether all items were scored."""
        for name, value in (("top", top), ("candidates", candidates if candidates is not None else 1)):
            if value < 1:
                raise DataError(name, f"is {value}", "give 1 or more")
        other: Side = "video" if side == "text" else "text"
        allowed = self.allowed(filters, where)
        if other == "text":
            allowed = [
                kept[np.asarray(segment.owner)] if segment.text is not None else np.zeros(0, dtype=bool)
                for kept, segment in zip(allowed, self.segments, strict=True)
            ]
        usual = CANDIDATES if self.projection.exact else MORE_CANDIDATES
        wanted = max(top, candidates if candidates is not None else max(usual, 10 * top))
        left = sum(int(kept.sum()) for kept in allowed)
        if exhaustive or left <= wanted:
            return [self._score_all(queries, number, other, allowed, top) for number in range(queries.num_items)], True
        keys = self.projection.queries(queries, side, self._sample(other)).numpy()
        near: list[list[tuple[float, int, int]]] = [[] for _ in range(len(keys))]
        for number, (segment, kept) in enumerate(zip(self.segments, allowed, strict=True)):
            embedded = segment.video if other == "video" else segment.text
            if embedded is None or not kept.any():
                continue
            scores, rows = embedded.nearest.search(keys, wanted, None if kept.all() else kept)
            for query, (ours, places) in enumerate(zip(scores, rows, strict=True)):
                near[query] += [(float(s), number, int(p)) for s, p in zip(ours, places, strict=True) if p >= 0]
        out = []
        for query, found in enumerate(near):
            best = heapq.nlargest(wanted, found)
            out.append(self._score(queries, query, other, [(number, place) for _, number, place in best], top))
        return out, False

    def _score_all(
        self, queries: LevelEmbeddings, query: int, other: Side, allowed: list[Array], top: int
    ) -> list[Found]:
        best: list[Found] = []
        for number, kept in enumerate(allowed):
            rows = np.flatnonzero(kept)
            for begin in range(0, len(rows), BLOCK):
                places = [(number, int(row)) for row in rows[begin : begin + BLOCK]]
                best = self._best(best + self._score(queries, query, other, places, top), other, top)
        return best

    @torch.inference_mode()
    def _score(self, queries: LevelEmbeddings, query: int, other: Side, places: list[Place], top: int) -> list[Found]:
        """The model's own scores of items, the best of them."""
        if not places:
            return []
        items = embeddings_of(self.segments, places, other)
        one = queries.select(torch.tensor([query]))
        pair = (items, one) if other == "video" else (one, items)
        levels = self.model.level_scores(*pair).flatten(1)  # [levels, items]
        scores = self.model.fuse(levels)
        order = torch.topk(scores, min(len(scores), top)).values[-1]  # all that score as the last one stay in
        chosen = (scores >= order).nonzero().flatten().tolist()
        table = levels.T
        return self._best([(float(scores[i]), table[i].tolist(), places[i]) for i in chosen], other, top)

    def _best(self, found: list[Found], other: Side, top: int) -> list[Found]:
        if len(found) > top:
            last = sorted((entry[0] for entry in found), reverse=True)[top - 1]
            found = [entry for entry in found if entry[0] >= last]
        return sorted(found, key=lambda entry: (-entry[0], self._name(entry[2], other)))[:top]

    def _name(self, place: Place, side: Side) -> tuple[str, int]:
        """What orders items of equal score, however they came into the index."""
        segment, row = self.segments[place[0]], place[1]
        if side == "video":
            return segment.item(row).name, 0
        return segment.item(int(segment.owner[row])).name, int(segment.number[row])

    def alike(self, queries: LevelEmbeddings, top: int, allowed: list[Array]) -> list[list[tuple[float, Place]]]:
        """Cosines of keys: the nearest clips of clips."""
        keys = normalize(self.projection.items(queries, "video"), dim=1)
        best: list[list[tuple[float, Place]]] = [[] for _ in range(len(keys))]
        for number, (segment, kept) in enumerate(zip(self.segments, allowed, strict=True)):
            rows = np.flatnonzero(kept)
            for begin in range(0, len(rows), BLOCK):
                part = rows[begin : begin + BLOCK]
                items = self.projection.items(segment.video.select(part), "video")
                values, places = (keys @ normalize(items, dim=1).T).topk(min(top, len(part)), dim=1)
                for query, (ours, found) in enumerate(zip(values.tolist(), places.tolist(), strict=True)):
                    best[query] += [(score, (number, int(part[at]))) for score, at in zip(ours, found, strict=True)]
                    best[query] = sorted(best[query], key=lambda entry: (-entry[0], entry[1]))[:top]
        return best


def _only(segment: Segment, name: str) -> Array:
    """Which clip of a segment has a name."""
    out = np.zeros(len(segment), dtype=bool)
    position = segment.find(name)
    if position is not None:
        out[position] = True
    return out
