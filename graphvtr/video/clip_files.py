"""Which clips a folder holds, and which file is which."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from graphvtr.errors import DataError, check_choice
from graphvtr.terminal import printable

CLIP_SUFFIXES = frozenset(
    ".3gp .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm .wmv".split()
)
_WINDOW = 2**20
Names = Literal["file", "path"]


def find_clips(folder: str | Path, names: Names = "file") -> tuple[dict[str, Path], dict[str, str]]:
    """Video files in and under a folder, by name: the file's name without its suffix.

    Hidden files are passed over, linked folders are followed (each folder is read once). Order is natural (``clip2``
    before ``clip10``).

    Args:
        folder: where to look.
        names: ``"file"``, or ``"path"`` for names with the folders below ``folder`` (``cat/000``).

    Returns:
        Name -> file, and for every file whose name is taken already: file -> reason.

    Raises:
        DataError: no such folder, no clips in it, or an unknown kind of names.
    """
    folder = Path(folder)
    check_choice("names", names, Names)
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "give the folder that holds the clips")
    files = [
        file
        for file in sorted(_files(folder), key=_natural_key)
        if file.suffix.lower() in CLIP_SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]
    if not files:
        known = " ".join(sorted(CLIP_SUFFIXES))
        raise DataError(folder, "holds no clips", f"files with these suffixes are clips: {known}")
    clips: dict[str, Path] = {}
    duplicates: dict[str, str] = {}
    for file in files:
        name = printable(file.stem if names == "file" else file.relative_to(folder).with_suffix("").as_posix())
        if name in clips:
            first = printable(clips[name].relative_to(folder))
            duplicates[printable(file.relative_to(folder))] = f"has the same name as {first}: rename one of them" + (
                ", or take names with folders (--names path)" if names == "file" else ""
            )
        else:
            clips[name] = file
    return clips, duplicates


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder; a folder that links lead to a second time (in a circle, too) is passed over."""
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (Path(parent, file) for file in files)


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
