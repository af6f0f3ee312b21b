"""Which clips a folder holds, and which file is which."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.terminal import printable

CLIP_SUFFIXES = frozenset(
    ".3gp .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm .wmv".split()
)
_WINDOW = 2**20


def find_clips(folder: str | Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Video files in and under a folder, by name: the file's name without its suffix.

    Hidden files are passed over. Order is natural (``clip2`` before ``clip10``).

    Returns:
        Name -> file, and for every file whose name is taken already: file -> reason.

    Raises:
        DataError: no such folder, or no clips in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "give the folder that holds the clips")
    files = [
        file
        for file in sorted(folder.rglob("*"), key=_natural_key)
        if file.suffix.lower() in CLIP_SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]
    if not files:
        known = " ".join(sorted(CLIP_SUFFIXES))
        raise DataError(folder, "holds no clips", f"files with these suffixes are clips: {known}")
    clips: dict[str, Path] = {}
    duplicates: dict[str, str] = {}
    for file in files:
        name = printable(file.stem)
        if name in clips:
            first = printable(clips[name].relative_to(folder))
            duplicates[printable(file.relative_to(folder))] = f"has the same name as {first}: rename one of them"
        else:
            clips[name] = file
    return clips, duplicates


def describe_source(file: Path, folder: Path) -> dict[str, Any]:
    """Which file it is: name, size, time of change, and a :func:`fingerprint` of its content."""
    status = file.stat()
    return {
        "file": printable(file.relative_to(folder)),
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "fingerprint": fingerprint(file),
    }


def fingerprint(file: Path) -> str:
    """BLAKE2 over the size and the first, middle and last mebibyte: a film costs as little as a clip."""
    size = file.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with file.open("rb") as content:
        for offset in sorted({0, max(0, size // 2 - _WINDOW // 2), max(0, size - _WINDOW)}):
            content.seek(offset)
            digest.update(content.read(_WINDOW))
    return digest.hexdigest()


def _natural_key(file: Path) -> list[tuple[int, int, str]]:
    """Numbers inside a name sort as numbers."""
    parts = re.split(r"(\d+)", printable(file))
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts]
