"""An index of clips: opened once, asked many times."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import torch

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn import LevelEmbeddings
from graphvtr.search.filters import Where
from graphvtr.search.index.collection import open_folder
from graphvtr.search.index.model_collection import ModelCollection
from graphvtr.search.index.ranking import Found
from graphvtr.search.index.segment import embeddings_of
from graphvtr.search.results import SearchResult, SearchResults, match_phrases
from graphvtr.search.tags import ConceptFilter

Find = Literal["clips", "captions"]


class Index(ModelCollection):
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
        index = cls(path, *open_folder(path))
        index._parser = parser
        return index

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
            return self.search(
                [queries], top, filters=filters, where=where, candidates=candidates, exhaustive=exhaustive
            )[0]
        read = self.encoder.read(queries)
        if not read:
            return []
        texts = LevelEmbeddings.cat([one.text for one in read])
        found, all_scored = self._ranking.rank(texts, "text", top, filters, where, candidates, exhaustive)
        out: list[SearchResults] = []
        for query, one, places in zip(queries, read, found, strict=True):
            results = self._results(places, one.seen, one.text)
            said = query if isinstance(query, str) else str(query.caption)
            out.append(SearchResults(results, said, one.graph, one.unknown, 0.0, all_scored, self.manifest.media))
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
        if not names:
            return []
        out = self.find_by_videos(
            embeddings,
            names,
            top,
            find=find,
            filters=filters,
            where=where,
            candidates=candidates,
            exhaustive=exhaustive,
        )
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
        check_choice("find", find, ("captions", "clips"))
        out: list[SearchResults] = []
        if find == "captions":
            found, all_scored = self._ranking.rank(embeddings, "video", top, filters, where, candidates, exhaustive)
            for name, places in zip(names, found, strict=True):
                results = [self._caption(score, levels, place) for score, levels, place in places]
                out.append(SearchResults(results, name, exhaustive=all_scored, media=self.manifest.media))
            return out
        allowed = self._ranking.allowed(filters, where)
        for name, near in zip(names, self._ranking.alike(embeddings, top + 1, allowed), strict=True):
            results = [SearchResult(self.segments[place[0]].item(place[1]), score, {}) for score, place in near]
            kept = [result for result in results if result.name != name][:top]
            out.append(SearchResults(kept, name, exhaustive=True, media=self.manifest.media))
        return out

    def _results(self, found: Sequence[Found], graph: RoleGraph, text: LevelEmbeddings) -> list[SearchResult]:
        """Clips that one sentence found."""
        places = [place for _, _, place in found]
        if not places:
            return []
        times = [self.segments[number].times(position).tolist() for number, position in places]
        frames = [self.segments[number].region_frames(position) for number, position in places]
        found_in = embeddings_of(self.segments, places, "video")
        phrases = match_phrases(self.model, graph, text, found_in, times, frames)
        return [
            SearchResult(
                self.segments[number].item(position),
                score,
                dict(zip(self.model.levels, levels, strict=True)),
                own,
                times=seconds,
            )
            for (score, levels, (number, position)), own, seconds in zip(found, phrases, times, strict=True)
        ]

    def _caption(self, score: float, levels: list[float], place: tuple[int, int]) -> SearchResult:
        segment = self.segments[place[0]]
        item = segment.item(int(segment.owner[place[1]]))
        found = dict(zip(self.model.levels, levels, strict=True))
        return SearchResult(item, score, found, caption=item.captions[int(segment.number[place[1]])])
