"""An index of clips: opened once, asked many times."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn import LevelEmbeddings, RetrievalModel
from graphvtr.nn.feeding import Mismatch
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.pretrained import read_folder
from graphvtr.search.encode import Encoder
from graphvtr.search.filters import Where
from graphvtr.search.index.arrays import Array
from graphvtr.search.index.editing import Change, add_clips, compact, delete_clips, embeddings_of, open_segments
from graphvtr.search.index.manifest import MANIFEST, MODEL, Manifest, read_manifest
from graphvtr.search.index.nearest import KINDS
from graphvtr.search.index.segment import Segment
from graphvtr.search.index.verify import verify
from graphvtr.search.items import Item
from graphvtr.search.projection import Projection
from graphvtr.search.results import SearchResult, SearchResults, match_phrases
from graphvtr.search.tags import ConceptFilter, concept_model
from graphvtr.video import FeatureStore

Find = Literal["clips", "captions"]
CANDIDATES, MORE_CANDIDATES = 100, 500
"""Clips that are scored again by the model, by default: where keys are exact, and where they only follow the score."""
SAMPLE = 256
BLOCK = 2048
OPEN_AGAIN = 5


class Index:
    """Clips that have been embedded, searched by sentences, roles or clips.

    A query goes two ways: approximate nearest neighbours of its key give candidates (:class:`Projection`), and the
    model's own similarity ranks them, from embeddings that are mapped into memory. An index is a folder::

        manifest.json    model, parser, features, segments with the digests of their files
        model/           the model, as save_pretrained writes it
        segments/s-.../  clips: embeddings a level, keys, frame times, metadata

    Segments never change; adding, deleting and merging write new files and then replace the manifest, so that readers
    see the old state or the new one, also when a writer is killed. An open index stays as it was opened;
    :meth:`refresh` takes up what has changed.

    Use :meth:`open` or :func:`graphvtr.search.build_index`, not the constructor.

    Attributes:
        path: the folder.
        manifest: what it says about itself.

    Example:
        >>> from graphvtr.search.index.example import small_index
        >>> index = small_index()
        >>> len(index), index.search("a red circle chases a blue square", top=3)[0].name in index
        (6, True)
    """

    def __init__(self, path: Path, manifest: Manifest, segments: list[Segment]) -> None:
        self.path = path
        self._encoder: Encoder | None = None
        self._parser: Any = None
        self._take(manifest, segments)

    def _take(self, manifest: Manifest, segments: list[Segment]) -> None:
        self.manifest, self.segments = manifest, segments
        self._starts = np.concatenate([[0], np.cumsum([len(segment) for segment in segments])]).astype(np.int64)
        self._samples: dict[str, LevelEmbeddings | None] = {}
        self._where: dict[Where, list[Array]] = {}
        self._changed = _stamp(self.path)

    @classmethod
    def open(cls, path: str | Path, *, parser: Any = None) -> Self:
        """An index that is there.

        Args:
            path: the folder.
            parser: of sentences, or its name, in place of the manifest's.

        Raises:
            DataError: there is none, or a file is damaged.
            MissingExtraError: faiss is not installed.
        """
        path = Path(path)
        index = cls(path, *_open(path))
        index._parser = parser
        return index

    def refresh(self) -> bool:
        """Take up what has changed on disk since the index was opened; whether something has."""
        if _stamp(self.path) == self._changed:
            return False
        digest = self.manifest.model_digest
        self._take(*_open(self.path))
        if self.manifest.model_digest != digest:
            self._encoder = None
        return True

    # -- looking ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.manifest.clips

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(segment.find(name) is not None for segment in self.segments)

    def __repr__(self) -> str:
        return f"Index('{self.path}', {len(self)} clips, {self.manifest.model})"

    def item(self, name: str) -> Item:
        """Name and metadata of a clip.

        Raises:
            DataError: there is no such clip.
        """
        number, position = self._place(name)
        return self.segments[number].item(position)

    def regions(self, name: str) -> list[tuple[int, list[float], float]]:
        """The regions of a clip, where its store had them: frame, box as fractions, weight.

        Raises:
            DataError: there is no such clip.
        """
        number, position = self._place(name)
        return self.segments[number].regions_of(position)

    def times(self, name: str) -> list[float]:
        """Seconds of a clip's frames.

        Raises:
            DataError: there is no such clip.
        """
        number, position = self._place(name)
        return [float(one) for one in self.segments[number].times(position)]

    def file_of(self, name: str) -> Path | None:
        """The video file of a clip; None where it is not known, gone, or outside the index's media folder.

        Raises:
            DataError: there is no such clip.
        """
        item = self.item(name)
        if not item.path or not self.manifest.media:
            return None
        root = Path(self.manifest.media).resolve()
        file = (root / item.path).resolve()
        return file if file.is_relative_to(root) and file.is_file() else None

    @property
    def names(self) -> list[str]:
        """Names of all clips, in the order they came."""
        return [segment.item(int(place)).name for segment in self.segments for place in np.flatnonzero(segment.alive)]

    @property
    def encoder(self) -> Encoder:
        """The model and its parser, read when first asked for."""
        if self._encoder is None:
            model = read_folder(self.path / MODEL)
            self._encoder = Encoder(model, self._parser or self.manifest.parser or None)
            self._projection = Projection(model)
        return self._encoder

    @property
    def model(self) -> RetrievalModel:
        """The model."""
        return self.encoder.model

    @property
    def projection(self) -> Projection:
        """What makes the keys."""
        self.encoder  # noqa: B018  reads it
        return self._projection

    # -- searching ----------------------------------------------------------------------------------------------

    def search(
        self,
        queries: Sequence[str | RoleGraph] | str,
        top: int = 10,
        *,
        filters: Sequence[ConceptFilter] = (),
        where: Sequence[Where | str] = (),
        candidates: int | None = None,
        exhaustive: bool = False,
    ) -> Any:
        """The clips for sentences, best first; clips of equal score by name.

        Args:
            queries: sentences, role queries (``agent=dog action=chase``) or role graphs. A single string gives its
                results alone.
            top: clips a query, at most.
            filters: concepts that a clip must show, for models that predict concepts.
            where: conditions on what is known about a clip (``"duration<30"``, ``"tag=music"``).
            candidates: clips that are scored by the model; by default 100, or 500 where keys only follow the score
                (:attr:`Projection.exact`), and at least ten times ``top``.
            exhaustive: score all clips.

        Returns:
            :class:`SearchResults` of each query.

        Raises:
            DataError: a query is empty or too long for the parser, the model knows none of its words, a number is
                below 1, or the model does not know a concept.
        """
        begin = time.perf_counter()
        if isinstance(queries, (str, RoleGraph)):
            return self.search([queries], top, filters=filters, where=where, candidates=candidates,
                               exhaustive=exhaustive)[0]  # fmt: skip
        graphs = self.encoder.graphs(queries)
        if not graphs:
            return []
        for graph in graphs:
            if len(self.encoder.unknown(graph)) == len(graph.words):
                raise DataError(
                    f"query '{graph.caption}'", "has no word that the model knows", "use words of its training captions"
                )
        seen = self.encoder.seen(graphs)
        texts = self.encoder.texts(seen)
        found, all_scored = self._rank(texts, "text", top, filters, where, candidates, exhaustive)
        out: list[SearchResults] = []
        for number, (graph, places) in enumerate(zip(graphs, found, strict=True)):
            text = texts.select(torch.tensor([number]))
            own = seen[number]
            results = [self._result(score, levels, place, own, text) for score, levels, place in places]
            query = queries[number]
            said = query if isinstance(query, str) else str(query.caption)
            out.append(SearchResults(results, said, graph, self.encoder.unknown(graph), 0.0, all_scored,
                                     self.manifest.media))  # fmt: skip
        for results_of in out:
            results_of.seconds = (time.perf_counter() - begin) / len(out)
        return out

    def search_videos(
        self,
        videos: Sequence[str | Path | VideoGraph | LevelEmbeddings],
        top: int = 10,
        *,
        find: Find = "captions",
        filters: Sequence[ConceptFilter] = (),
        where: Sequence[Where | str] = (),
        candidates: int | None = None,
        exhaustive: bool = False,
    ) -> list[SearchResults]:
        """What clips find: the captions that describe them, or clips like them.

        Clips are like each other where their keys are, the mean over the levels of one vector each; the model itself
        compares videos with captions only.

        Args:
            videos: names of clips of the index, video files, graphs, or embeddings of one clip each.
            top, filters, where, candidates, exhaustive: see :meth:`search`.
            find: ``"captions"`` or ``"clips"``. A clip of the index does not find itself.

        Raises:
            DataError: no such clip or file, or it cannot be read; captions are asked for and the index has none.
        """
        if find == "captions" and not any(segment.text for segment in self.segments):
            raise DataError(self.path, "has no captions", "build it with --captions FILE.csv")
        begin = time.perf_counter()
        embeddings, names = self.embed_videos(videos)
        out = self.find_by_videos(
            embeddings, names, top, find=find, filters=filters, where=where, candidates=candidates,
            exhaustive=exhaustive,
        ) if names else []  # fmt: skip
        for results in out:
            results.seconds = (time.perf_counter() - begin) / len(out)
        return out

    def embed_videos(
        self, videos: Sequence[str | Path | VideoGraph | LevelEmbeddings]
    ) -> tuple[LevelEmbeddings, list[str]]:
        """Embeddings and names of clips: of the index, of video files, as graphs, or embedded already.

        Raises:
            DataError: no such clip or file, or it cannot be read.
        """
        parts, names = [], []
        for video in videos:
            if isinstance(video, LevelEmbeddings):
                parts.append(video)
                names.append("clip")
            elif isinstance(video, VideoGraph):
                parts.append(self.encoder.videos([video]))
                names.append(str(video.get("name") or "clip"))
            elif isinstance(video, str) and video in self:
                parts.append(embeddings_of(self.segments, [self._place(video)], "video"))
                names.append(video)
            else:
                parts.append(self.encoder.videos([Path(video)]))
                names.append(Path(video).name)
        return (LevelEmbeddings.cat(parts) if parts else LevelEmbeddings(none=torch.zeros(0, 0))), names

    def find_by_videos(
        self,
        embeddings: LevelEmbeddings,
        names: Sequence[str],
        top: int = 10,
        *,
        find: Find = "captions",
        filters: Sequence[ConceptFilter] = (),
        where: Sequence[Where | str] = (),
        candidates: int | None = None,
        exhaustive: bool = False,
    ) -> list[SearchResults]:
        """:meth:`search_videos` for embedded clips; a clip of one of ``names`` does not find itself."""
        if find not in ("captions", "clips"):
            raise DataError(f"find '{find}'", "is unknown", "use captions or clips")
        out: list[SearchResults] = []
        if find == "captions":
            found, all_scored = self._rank(embeddings, "video", top, filters, where, candidates, exhaustive)
            for name, places in zip(names, found, strict=True):
                results = [self._caption(score, levels, place) for score, levels, place in places]
                out.append(SearchResults(results, name, exhaustive=all_scored, media=self.manifest.media))
            return out
        allowed = self._allowed(filters, where)
        for name, near in zip(names, self._alike(embeddings, top + 1, allowed), strict=True):
            results = [SearchResult(self._item(place), score, {}) for score, place in near]
            kept = [result for result in results if result.name != name][:top]
            out.append(SearchResults(kept, name, exhaustive=True, media=self.manifest.media))
        return out

    # -- changing -----------------------------------------------------------------------------------------------

    def add(
        self, store: FeatureStore | str | Path, names: Iterable[str] | None = None,
        metadata: Mapping[str, Mapping[str, Any]] | None = None, *, progress: bool = False,
        mismatch: Mismatch = "error",
    ) -> Change:  # fmt: skip
        """Embed clips of a store; those that are there as they are are passed over, see :func:`build_index`."""
        opened = store if isinstance(store, FeatureStore) else FeatureStore.open(store)
        self.model.check(opened, mismatch=mismatch)
        change = add_clips(self.path, self.encoder, opened, names, metadata, progress=progress)
        self.refresh()
        return change

    def delete(self, names: Iterable[str]) -> Change:
        """Take clips out; their bytes go with the next :meth:`compact`."""
        change = delete_clips(self.path, names)
        self.refresh()
        return change

    def compact(self, *, kind: str | None = None, progress: bool = False) -> None:
        """Merge all segments into one, without what is deleted.

        Raises:
            DataError: an unknown kind.
        """
        if kind is not None and kind not in (*KINDS, "auto"):
            raise DataError(f"kind '{kind}'", "is unknown", f"use auto, {', '.join(KINDS)}")
        compact(self.path, self.projection, kind=kind, progress=progress)
        self.refresh()

    def verify(self, *, progress: bool = False) -> dict[str, str]:
        """Compare every file with its digest: file -> what is wrong."""
        return verify(self.path, progress=progress)

    # -- inside -------------------------------------------------------------------------------------------------

    def _place(self, name: str) -> tuple[int, int]:
        for number, segment in enumerate(self.segments):
            position = segment.find(name)
            if position is not None:
                return number, position
        raise DataError(f"clip '{name[:80]}'", f"is not in {self.path}", "graphvtr index info lists what is there")

    def _item(self, place: int) -> Item:
        number, position = self._split(place)
        return self.segments[number].item(position)

    def _split(self, place: int) -> tuple[int, int]:
        """Number of the segment and position in it, of a position in the whole index."""
        number = int(np.searchsorted(self._starts, place, side="right")) - 1
        return number, place - int(self._starts[number])

    def _allowed(self, filters: Sequence[ConceptFilter], where: Sequence[Where | str]) -> list[Array]:
        """Which clips of each segment may be found."""
        out = [segment.alive for segment in self.segments]
        for wanted in filters:
            model = concept_model(self.model, self.path)
            column = model.concepts.find(wanted.level, wanted.concept) - model.concepts.columns(wanted.level).start
            for number, segment in enumerate(self.segments):
                out[number] = out[number] & (np.asarray(segment.concepts[wanted.level][:, column]) >= wanted.at_least)
        for condition in where:
            test = condition if isinstance(condition, Where) else Where.parse(condition)
            if test not in self._where:
                if len(self._where) > 64:
                    self._where.clear()
                self._where[test] = [
                    np.fromiter((test(item) for item in segment.items()), dtype=bool, count=len(segment))
                    for segment in self.segments
                ]
            out = [kept & met for kept, met in zip(out, self._where[test], strict=True)]
        return out

    def _sample(self, side: Side) -> LevelEmbeddings | None:
        """Some items of one side, evenly over the index."""
        if side not in self._samples:
            sizes = [self._size(segment, side) for segment in self.segments]
            starts = np.concatenate([[0], np.cumsum(sizes)])
            places = np.unique(np.linspace(0, max(starts[-1] - 1, 0), min(SAMPLE, starts[-1])).astype(np.int64))
            numbers = np.searchsorted(starts, places, side="right") - 1
            chosen = [(int(n), int(p - starts[n])) for n, p in zip(numbers, places, strict=True)]
            self._samples[side] = embeddings_of(self.segments, chosen, side) if chosen else None
        return self._samples[side]

    @staticmethod
    def _size(segment: Segment, side: str) -> int:
        found = segment.video if side == "video" else segment.text
        return 0 if found is None else found.rows

    def _rank(
        self, queries: LevelEmbeddings, side: Side, top: int, filters: Sequence[ConceptFilter],
        where: Sequence[Where | str], candidates: int | None, exhaustive: bool,
    ) -> tuple[list[list[tuple[float, list[float], tuple[int, int]]]], bool]:  # fmt: skip
        """For each query score, levels and (segment, position) of the best; and whether all items were scored."""
        for name, value in (("top", top), ("candidates", candidates if candidates is not None else 1)):
            if value < 1:
                raise DataError(name, f"is {value}", "give 1 or more")
        other: Side = "video" if side == "text" else "text"
        allowed = self._allowed(filters, where)
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
    ) -> list[tuple[float, list[float], tuple[int, int]]]:
        best: list[tuple[float, list[float], tuple[int, int]]] = []
        for number, kept in enumerate(allowed):
            rows = np.flatnonzero(kept)
            for begin in range(0, len(rows), BLOCK):
                places = [(number, int(row)) for row in rows[begin : begin + BLOCK]]
                best = self._best(best + self._score(queries, query, other, places, top), other, top)
        return best

    @torch.inference_mode()
    def _score(
        self, queries: LevelEmbeddings, query: int, other: Side, places: list[tuple[int, int]], top: int
    ) -> list[tuple[float, list[float], tuple[int, int]]]:
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

    def _best(
        self, found: list[tuple[float, list[float], tuple[int, int]]], other: Side, top: int
    ) -> list[tuple[float, list[float], tuple[int, int]]]:
        if len(found) > top:
            last = sorted((entry[0] for entry in found), reverse=True)[top - 1]
            found = [entry for entry in found if entry[0] >= last]
        return sorted(found, key=lambda entry: (-entry[0], self._name(entry[2], other)))[:top]

    def _name(self, place: tuple[int, int], side: Side) -> tuple[str, int]:
        """What orders items of equal score, however they came into the index."""
        segment, row = self.segments[place[0]], place[1]
        if side == "video":
            return segment.item(row).name, 0
        return segment.item(int(segment.owner[row])).name, int(segment.number[row])

    def _alike(self, queries: LevelEmbeddings, top: int, allowed: list[Array]) -> list[list[tuple[float, int]]]:
        """Cosines of keys: the nearest clips of clips."""
        keys = torch.nn.functional.normalize(self.projection.items(queries, "video"), dim=1)
        best: list[list[tuple[float, int]]] = [[] for _ in range(len(keys))]
        for number, (segment, kept) in enumerate(zip(self.segments, allowed, strict=True)):
            rows = np.flatnonzero(kept)
            for begin in range(0, len(rows), BLOCK):
                part = rows[begin : begin + BLOCK]
                items = self.projection.items(segment.video.select(part), "video")
                scores = keys @ torch.nn.functional.normalize(items, dim=1).T
                values, places = scores.topk(min(top, len(part)), dim=1)
                for query, (ours, found) in enumerate(zip(values.tolist(), places.tolist(), strict=True)):
                    start = int(self._starts[number])
                    best[query] += [(score, start + int(part[place])) for score, place in zip(ours, found, strict=True)]
                    best[query] = heapq.nlargest(top, best[query], key=lambda entry: (entry[0], -entry[1]))
        return best

    def _result(
        self, score: float, levels: list[float], place: tuple[int, int], graph: RoleGraph, text: LevelEmbeddings
    ) -> SearchResult:
        number, position = place
        times = [float(one) for one in self.segments[number].times(position)]
        video = self.segments[number].video.select([position])
        return SearchResult(
            self.segments[number].item(position), score, dict(zip(self.model.levels, levels, strict=True)),
            match_phrases(self.model, graph, text, video, times), times=times,
        )  # fmt: skip

    def _caption(self, score: float, levels: list[float], place: tuple[int, int]) -> SearchResult:
        segment = self.segments[place[0]]
        item = segment.item(int(segment.owner[place[1]]))
        found = dict(zip(self.model.levels, levels, strict=True))
        return SearchResult(item, score, found, caption=item.captions[int(segment.number[place[1]])])


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes whenever the manifest is replaced.

    Raises:
        DataError: there is none.
    """
    try:
        status = (path / MANIFEST).stat()
    except OSError as error:
        raise DataError(path, "is not an index any more", "build it again") from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def _open(path: Path) -> tuple[Manifest, list[Segment]]:
    """Manifest and segments; a manifest whose segments were merged in the meantime is read again."""
    for attempt in range(OPEN_AGAIN):
        manifest = read_manifest(path)
        try:
            return manifest, open_segments(path, manifest)
        except FileNotFoundError as error:
            if attempt == OPEN_AGAIN - 1 or read_manifest(path).generation == manifest.generation:
                raise DataError(error.filename or error, "is missing", "build the index again") from error
            time.sleep(0.05)
    raise AssertionError("unreachable")
