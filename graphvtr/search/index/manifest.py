"""The manifest of an index: the one file whose change publishes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphvtr._version import __version__
from graphvtr.atomic import write_whole
from graphvtr.errors import DataError
from graphvtr.reading import DATA, read_json
from graphvtr.search.index.segment import Segment, SegmentInfo
from graphvtr.search.plain import FIX, MANIFEST
from graphvtr.video.store.seal import EMPTY, SEAL, is_intact, sealed

FORMAT = "graphvtr.Index/1"
MODEL, SEGMENTS = "model", "segments"
ZERO_SHOT = "zero_shot.json"
"""File in the folder ``model`` that names the directory of a model without training."""


@dataclass
class Manifest:
    """What an index is.

    Args:
        model: registered name of the model; ``zero_shot`` for one without training.
        model_digest: SHA-256 of its weights and configuration.
        levels: of the model.
        parser: of sentences, by name, where another than the training's was asked for.
        provenance: how the model was fed (:class:`graphvtr.provenance.Provenance`).
        media: folder of the video files; empty where it is not known.
        kind: of the approximate index: ``auto``, ``flat``, ``hnsw`` or ``ivf_pq``.
        segments: in order.
        shards: names of the folders of an index in shards, which has no segments of its own.
        generation: rises with every change.
        created, updated: dates, ISO 8601.
        version: of graphvtr.
    """

    model: str
    model_digest: str
    levels: list[str]
    parser: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    media: str = ""
    kind: str = "auto"
    segments: list[SegmentInfo] = field(default_factory=list)
    shards: list[str] = field(default_factory=list)
    generation: int = 0
    created: str = field(default_factory=lambda: now())
    updated: str = ""
    version: str = __version__

    @property
    def clips(self) -> int:
        """Clips that are there."""
        return sum(segment.items - len(segment.deleted) for segment in self.segments)


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_index(path: Path) -> bool:
    """Whether a folder is an index."""
    return (path / MANIFEST).is_file()


def read_manifest(path: Path) -> Manifest:
    """The manifest of the index at ``path``.

    Raises:
        DataError: there is none; it is damaged or of another format.
    """
    file = path / MANIFEST
    if not file.is_file():
        raise DataError(path, "is not an index", FIX)
    content = read_json(file, limit=DATA, fix=FIX)  # long where many clips are deleted
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(file, f"is not a {FORMAT} file", FIX)
    if SEAL in content and not is_intact(file.read_bytes()):  # older ones have no checksum
        raise DataError(file, "is damaged: its checksum is another", FIX)
    known = {item.name for item in fields(Manifest)}
    try:
        values = {key: value for key, value in content.items() if key in known}
        values["segments"] = [_segment(file, segment) for segment in values.get("segments", [])]
        for name in values.get("shards", []):
            _check_name(file, name)
        return Manifest(**values)
    except (TypeError, KeyError) as error:
        raise DataError(file, f"has a wrong or missing field ({error})", FIX) from error


def open_segments(path: Path, manifest: Manifest) -> list[Segment]:
    """The segments of the index at ``path``, mapped into memory.

    Raises:
        FileNotFoundError: one is gone, as after another process has merged it.
        DataError: a file is damaged.
    """
    return [Segment(path / SEGMENTS / info.name, info, manifest.levels) for info in manifest.segments]


def _segment(file: Path, values: Mapping[str, Any]) -> SegmentInfo:
    info = SegmentInfo(**values)
    _check_name(file, info.name)
    if any(not isinstance(place, int) or not 0 <= place < info.items for place in info.deleted):
        raise DataError(f"{file}: deleted", "has positions that no clip has", FIX)
    return info


def _check_name(file: Path, name: object) -> None:
    """A folder beside the manifest, nothing elsewhere."""
    if not isinstance(name, str) or not name or name.startswith(".") or "/" in name or "\\" in name:
        raise DataError(file, f"names the folder {str(name)[:60]!r}", FIX)


def publish(path: Path, manifest: Manifest) -> None:
    """Make ``manifest`` the one that readers see: at once or not at all.

    Raises:
        DataError: it cannot be written.
    """
    manifest.generation += 1
    manifest.updated = now()
    content = {"format": FORMAT, **asdict(manifest), SEAL: EMPTY}
    write_whole(path / MANIFEST, sealed(json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_digest(folder: Path) -> str:
    """SHA-256 of a saved model: its configuration, weights and vocabulary."""
    digest = hashlib.sha256()
    for name in ("config.json", "model.safetensors", "vocabulary.json", ZERO_SHOT):
        if (folder / name).is_file():
            digest.update(f"{name} {file_digest(folder / name)}\n".encode())
    return digest.hexdigest()
