"""What an index knows about a clip beside its embeddings."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphvtr.datasets.files import delimiter_of, read_table
from graphvtr.datasets.folder import clip_name, names_in_store
from graphvtr.errors import DataError
from graphvtr.video import FeatureStore
from graphvtr.video.clip_files import CLIP_SUFFIXES

FIELDS = ("name", "path", "duration", "captions", "tags")
KEPT = (*FIELDS, "fields", "digest")
FIX = "give a csv with the column video, and any of caption, tags and fields of your own"


@dataclass(frozen=True)
class Item:
    """A clip of an index.

    Args:
        name: unique within the index.
        path: of the video file below the index's media folder; empty where it is not known.
        duration: seconds.
        captions: sentences that describe it.
        tags: words that it is filed under.
        fields: anything else, by name.
        digest: checksum of the features it was embedded from.
    """

    name: str
    path: str = ""
    duration: float = 0.0
    captions: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    fields: dict[str, str | float] = field(default_factory=dict)
    digest: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values; :meth:`from_dict` is its inverse."""
        found = {name: getattr(self, name) for name in KEPT}
        return {name: value for name, value in found.items() if value or name == "name"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Item:
        """What :meth:`to_dict` gave."""
        return cls(**values)

    def value(self, name: str) -> Any:
        """A field by name, None where the clip has none."""
        return getattr(self, name) if name in FIELDS else self.fields.get(name)


def name_hash(name: str) -> int:
    """63 bits of a name, to look it up by."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def media_file(media: str, path: str) -> Path | None:
    """The video file of a clip; None where it is not known, gone, outside the index's media folder, or by its ending no
    video: what an index names is shown to whoever asks.

    Args:
        media: the folder; empty where it is not known.
        path: of the file below it.
    """
    if not media or not path:
        return None
    root = Path(media).resolve()
    file = (root / path).resolve()
    shown = file.is_relative_to(root) and file.suffix.lower() in CLIP_SUFFIXES and file.is_file()
    return file if shown else None


def read_metadata(path: str | Path) -> dict[str, dict[str, Any]]:
    """A csv file about clips: video -> captions, tags, fields.

    The column ``video`` names the clip, with or without the ending of its file and the folders it is in; ``caption`` is
    one sentence a row, and a video may have many rows; ``tags`` are separated by ``;``. Other columns become fields, as
    numbers if they can. Columns are separated and spelt as in :func:`graphvtr.datasets.folder.folder`.

    Raises:
        DataError: the file cannot be read, or a row names no video.
    """
    out: dict[str, dict[str, Any]] = {}
    for row in read_table(Path(path), ["video"], delimiter_of(Path(path), FIX), FIX, any_case=True):
        name = clip_name(row["video"])
        if not name:
            raise DataError(f"{path}, line {row.line}", "names no video", FIX)
        found = out.setdefault(name, {"captions": [], "tags": [], "fields": {}})
        for column in row.columns:
            text = " ".join((row.get(column) or "").split())
            if not text or column in ("video", "split"):
                continue
            if column == "caption":
                found["captions"].append(text)
            elif column == "tags":
                found["tags"] += [tag for tag in (part.strip() for part in text.split(";")) if tag not in found["tags"]]
            else:
                found["fields"][column] = _number(text)
    return out


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def items_of(
    store: FeatureStore,
    names: Iterable[str],
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
    below: str = "",
) -> list[Item]:
    """The items of clips of a store: their files as the store knows them, which lie in the folder ``below`` the media
    folder, and ``metadata`` of :func:`read_metadata`.

    Raises:
        DataError: two videos of the metadata are the same clip of the store.
    """
    told = {name: (metadata or {})[video] for video, name in names_in_store(metadata or {}, store, "captions").items()}
    out: list[Item] = []
    for name in names:
        entry = store.entry(name)
        file = str(entry.source.get("file", ""))
        path = posixpath.normpath(posixpath.join(below, file)) if below and file else file
        out.append(Item(name, path, digest=entry.crc32, **told.get(name, {})))
    return out
