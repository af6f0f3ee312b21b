"""Writing a segment: embeddings, keys and metadata as they come, batch by batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from graphvtr.nn import LevelEmbeddings
from graphvtr.nn.match.indexed import Side as SideName
from graphvtr.search.index.arrays import Array, ArrayWriter, read_array
from graphvtr.search.index.manifest import file_digest
from graphvtr.search.index.nearest import build_nearest, choose_kind
from graphvtr.search.index.segment import SegmentInfo
from graphvtr.search.items import Item, name_hash
from graphvtr.search.projection import Projection

ZERO = np.zeros(1, dtype=np.int64)
REGION_FIELDS = ("box", "frame", "weight")


class SegmentWriter:
    """A segment in the making; :meth:`finish` writes what comes last.

    Args:
        folder: a new one.
        projection: makes the keys.
        kind: ``auto`` or one of :data:`graphvtr.search.index.nearest.KINDS`.
    """

    def __init__(self, folder: Path, projection: Projection, kind: str = "auto") -> None:
        self.folder, self.projection, self.kind = folder, projection, kind
        self._stack = ExitStack()
        self._files: dict[str, ArrayWriter] = {}
        self._ends: dict[str, int] = {}
        self._hashes: list[int] = []
        (folder / "video").mkdir(parents=True)
        self._lines = self._stack.enter_context((folder / "items.jsonl").open("wb"))
        self.texts = 0

    def _put(self, name: str, values: Array) -> None:
        if name not in self._files:
            self._files[name] = self._stack.enter_context(ArrayWriter(self.folder / f"{name}.npy"))
        self._files[name].append(values)

    def _put_ends(self, name: str, counts: Array) -> None:
        """Go on with a pointer: where ragged items begin and end."""
        if name not in self._ends:
            self._put(f"{name}.ptr", ZERO)
            self._ends[name] = 0
        ends = self._ends[name] + np.asarray(counts, dtype=np.int64).cumsum()
        self._put(f"{name}.ptr", ends)
        self._ends[name] = int(ends[-1]) if len(ends) else self._ends[name]

    def _put_levels(self, side: SideName, embeddings: LevelEmbeddings) -> None:
        for level in self.projection.model.levels:
            found = embeddings[level]
            self._put(f"{side}/{level}", found.x.float().numpy())
            if found.ptr is not None:
                self._put_ends(f"{side}/{level}", found.ptr.diff().numpy())
        self._put(f"{side}/keys", self.projection.items(embeddings, side).numpy())

    def add_videos(
        self,
        items: Sequence[Item],
        embeddings: LevelEmbeddings,
        times: Sequence[Array],
        concepts: Mapping[str, Array],
        regions: Sequence[Mapping[str, Array]] | None = None,
    ) -> None:
        """Clips, in order.

        Args:
            items: what is told of N clips.
            embeddings: of N clips.
            times: seconds of their frames.
            concepts: level -> probabilities [N, K].
            regions: their boxes [R, 4], frames [R] and weights [R].
        """
        lines = [json.dumps(item.to_dict(), ensure_ascii=False).encode("utf-8", "surrogatepass") for item in items]
        self._lines.write(b"".join(lines))
        self._put_ends("items", np.array([len(line) for line in lines]))
        self._hashes += [name_hash(item.name) for item in items]
        self._put("duration", np.array([item.duration for item in items], dtype=np.float32))
        self._put("time", np.concatenate(times).astype(np.float32))
        self._put_ends("time", np.array([len(one) for one in times]))
        self._put_levels("video", embeddings)
        for level, probabilities in concepts.items():
            self._put(f"concept.{level}", probabilities.astype(np.float16))
        if regions is not None:
            for key in REGION_FIELDS:
                self._put(f"region.{key}", np.concatenate([one[key] for one in regions]))
            self._put_ends("region", np.array([len(one["frame"]) for one in regions]))

    def add_texts(self, owner: Array, number: Array, embeddings: LevelEmbeddings) -> None:
        """Captions of clips that were added.

        Args:
            owner: position of each one's clip in the segment.
            number: which of its clip's captions it is.
            embeddings: of them.
        """
        (self.folder / "text").mkdir(exist_ok=True)
        self._put("text/owner", owner.astype(np.int64))
        self._put("text/number", number.astype(np.int32))
        self._put_levels("text", embeddings)
        self.texts += len(owner)

    def finish(self, name: str) -> SegmentInfo:
        """Build the approximate indexes, and say what was written; ``name`` is the segment's."""
        hashes = np.array(self._hashes, dtype=np.int64)
        order = np.argsort(hashes, kind="stable")
        self._put("names", hashes[order])
        self._put("names.order", order.astype(np.int64))
        self._stack.close()
        kind = self.kind if self.kind != "auto" else choose_kind(len(hashes))
        for side in ("video", "text")[: 1 + bool(self.texts)]:
            keys = self.folder / side / "keys.npy"
            rows = read_array(keys)
            own = self.kind if self.kind != "auto" else choose_kind(len(rows))
            build_nearest(rows, own, self.folder / side / "keys.faiss")
            keys.unlink()
        files = sorted(file for file in self.folder.rglob("*") if file.is_file())
        digests = {file.relative_to(self.folder).as_posix(): file_digest(file) for file in files}
        return SegmentInfo(name, len(hashes), self.texts, kind, digests, [])

    def close(self) -> None:
        """Give up what is open."""
        self._stack.close()
