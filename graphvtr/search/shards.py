"""An index in shards: each searched by a process of its own, on this machine or on others, by Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from graphvtr.cluster import connect
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn import LevelEmbeddings
from graphvtr.nn.feeding import Mismatch
from graphvtr.search.index import Change, Index
from graphvtr.search.index.editing import opened_store
from graphvtr.search.index.index import Find
from graphvtr.search.index.manifest import Manifest, read_manifest
from graphvtr.search.index.verify import verify
from graphvtr.search.items import Item, name_hash
from graphvtr.search.results import SearchResults
from graphvtr.video import FeatureStore

SECONDS, START_SECONDS = 60.0, 300.0  # for an answer, and for the first one of a process that has to start


class _Shard:
    """What runs in a shard's process."""

    def __init__(self, path: str, parser: Any) -> None:
        self.index = Index.open(path, parser=parser)

    def ask(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of the index, as it is on disk now."""
        self.index.refresh()
        return getattr(self.index, method)(*args, **options)


class ShardedIndex:
    """An index of :func:`graphvtr.search.build_index` with ``shards``: the calls and the answers of
    :class:`~graphvtr.search.Index`.

    Every shard is an index of its own, in a Ray actor that has its own copy of the model; their best results are merged
    by score. A shard that dies is named in the ``missing`` of results, which the others give alone, and is started
    again for the next query.

    Attributes:
        path: the folder.
        manifest: what it says about itself.
        parts: the shards, opened here for what is known about their clips.

    Raises:
        MissingExtraError: Ray is not installed.
    """

    def __init__(self, path: Path, manifest: Manifest, parts: Sequence[Index], parser: Any = None) -> None:
        self.path, self.manifest, self.parts, self._parser = path, manifest, list(parts), parser
        self._ray = connect(purpose="an index in shards")
        self._actors: list[Any] = [None] * len(self.parts)
        self._answered = [False] * len(self.parts)

    @classmethod
    def open(cls, path: str | Path, *, parser: Any = None) -> Self:
        """A sharded index that is there.

        Raises:
            DataError: there is none, or a file is damaged.
            MissingExtraError: Ray or faiss is not installed.
        """
        path = Path(path)
        manifest = read_manifest(path)
        return cls(path, manifest, [Index.open(path / name, parser=parser) for name in manifest.shards], parser)

    def close(self) -> None:
        """End the shards' processes."""
        for actor in self._actors:
            if actor is not None:
                self._ray.kill(actor)
        self._actors = [None] * len(self.parts)

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._part(name)

    def __repr__(self) -> str:
        return f"ShardedIndex('{self.path}', {len(self)} clips in {len(self.parts)} shards, {self.manifest.model})"

    def _part(self, name: str) -> Index:
        return self.parts[name_hash(name) % len(self.parts)]

    @property
    def names(self) -> list[str]:
        """Names of all clips, shard by shard."""
        return [name for part in self.parts for name in part.names]

    def item(self, name: str) -> Item:
        """See :meth:`Index.item`."""
        return self._part(name).item(name)

    def times(self, name: str) -> list[float]:
        """See :meth:`Index.times`."""
        return self._part(name).times(name)

    def regions(self, name: str) -> list[tuple[int, list[float], float]]:
        """See :meth:`Index.regions`."""
        return self._part(name).regions(name)

    def file_of(self, name: str) -> Path | None:
        """See :meth:`Index.file_of`."""
        return self._part(name).file_of(name)

    def file_at(self, item: Item) -> Path | None:
        """See :meth:`Index.file_at`."""
        return self.parts[0].file_at(item)

    @property
    def model(self) -> Any:
        """The model, which every shard has."""
        return self.parts[0].model

    @property
    def encoder(self) -> Any:
        """The model and its parser."""
        return self.parts[0].encoder

    def refresh(self) -> bool:
        """See :meth:`Index.refresh`."""
        changed = [part.refresh() for part in self.parts]
        return any(changed)

    def search(self, queries: Sequence[str | RoleGraph] | str, top: int = 10, **options: Any) -> Any:
        """See :meth:`Index.search`."""
        if isinstance(queries, (str, RoleGraph)):
            return self.search([queries], top, **options)[0]
        return self._merged(len(queries), top, "search", list(queries), top, **options)

    def search_videos(
        self,
        videos: Sequence[str | Path | VideoGraph | LevelEmbeddings],
        top: int = 10,
        *,
        find: Find = "captions",
        **options: Any,
    ) -> list[SearchResults]:
        """See :meth:`Index.search_videos`."""
        names, parts = [], []
        for video in videos:
            owner = self._part(video) if isinstance(video, str) and video in self else self.parts[0]
            embeddings, (name,) = owner.embed_videos([video])
            names.append(name)
            parts.append(embeddings)
        if not parts:
            return []
        together = LevelEmbeddings.cat(parts)
        return self._merged(len(names), top, "find_by_videos", together, names, top, find=find, **options)

    def add(
        self,
        store: FeatureStore | str | Path,
        names: Iterable[str] | None = None,
        metadata: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        media: str | Path | None = None,
        progress: bool = False,
        mismatch: Mismatch = "error",
    ) -> Change:
        """See :meth:`Index.add`."""
        opened = opened_store(store)
        wanted = list(opened.names if names is None else names)
        return self._each(
            lambda part, own: part.add(opened, own, metadata, media=media, progress=progress, mismatch=mismatch), wanted
        )

    def delete(self, names: Iterable[str]) -> Change:
        """See :meth:`Index.delete`."""
        return self._each(lambda part, own: part.delete(own), list(names))

    def compact(self, *, kind: str | None = None, progress: bool = False) -> None:
        """See :meth:`Index.compact`."""
        for part in self.parts:
            part.compact(kind=kind, progress=progress)

    def verify(self, *, progress: bool = False) -> dict[str, str]:
        """See :meth:`Index.verify`."""
        return verify(self.path, progress=progress)

    # -- inside -------------------------------------------------------------------------------------------------

    def _each(self, change: Callable[[Index, list[str]], Change], names: list[str]) -> Change:
        """A change of every shard that has to do with one of ``names``."""
        out = Change()
        for number, part in enumerate(self.parts):
            own = [name for name in names if name_hash(name) % len(self.parts) == number]
            if own:
                found = change(part, own)
                for field, values in vars(found).items():
                    getattr(out, field).extend(values)
        return out

    def _actor(self, number: int) -> Any:
        if self._actors[number] is None:
            remote = self._ray.remote(num_cpus=0)(_Shard)
            path = self.path / self.manifest.shards[number]
            self._actors[number] = remote.remote(str(path.resolve()), self._parser)
        return self._actors[number]

    def _merged(self, count: int, top: int, method: str, *args: Any, **options: Any) -> list[SearchResults]:
        """Ask all shards, and merge what they find for each of ``count`` queries.

        Raises:
            DataError: what a shard says is wrong with the query; or no shard is left.
        """
        begin = time.perf_counter()
        asked = [self._actor(number).ask.remote(method, *args, **options) for number in range(len(self.parts))]
        answers: list[list[SearchResults]] = []
        missing: list[str] = []
        for number, reference in enumerate(asked):
            try:
                wait = SECONDS if self._answered[number] else START_SECONDS
                answers.append(self._ray.get(reference, timeout=wait))
                self._answered[number] = True
            except self._ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, DataError):
                    raise error.cause from None
                raise
            except (self._ray.exceptions.RayActorError, self._ray.exceptions.GetTimeoutError):
                missing.append(self.manifest.shards[number])
                self._ray.kill(self._actors[number])
                self._actors[number], self._answered[number] = None, False
        if not answers:
            raise DataError(self.path, f"has lost all {len(missing)} shards", "ask again: they are started anew")
        out: list[SearchResults] = []
        for query in range(count):
            found = [result for answer in answers for result in answer[query]]
            found.sort(key=lambda result: (-result.score, result.name, result.caption))
            first = answers[0][query]
            out.append(
                SearchResults(
                    found[:top],
                    first.query,
                    first.graph,
                    first.unknown,
                    (time.perf_counter() - begin) / count,
                    all(answer[query].exhaustive for answer in answers),
                    first.media,
                    missing,
                )
            )
        return out
