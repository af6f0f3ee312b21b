"""What a feature store says about itself: format, widths, and the settings that made its features."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from graphvtr._version import __version__
from graphvtr.errors import DataError
from graphvtr.locks import LOCK
from graphvtr.reading import need, parse_json, read_bytes
from graphvtr.terminal import printable
from graphvtr.video.store.files import FORMAT, differences, locked, make_folder, write_store_file
from graphvtr.video.store.seal import EMPTY, SEAL, is_intact, sealed

MANIFEST = "manifest.json"


def has_manifest(path: str | Path) -> bool:
    """Whether there is a store, sound or not, at ``path``."""
    return (Path(path) / MANIFEST).exists()


def read_manifest(path: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """Widths and settings of the store at ``path``.

    Raises:
        DataError: there is none, or its manifest is damaged or of another format.
    """
    manifest = path / MANIFEST
    if not manifest.is_file():
        fix = "make one with: graphvtr extract FOLDER --out STORE"
        raise DataError(path, "is not a feature store", fix)
    again = "extract the store again"
    text = read_bytes(manifest, fix=again)
    content = need(parse_json(text, manifest, fix=again), manifest, {"format": str}, again)
    if content["format"] != FORMAT:
        raise DataError(manifest, f"has format {printable(content['format'])}", f"this version reads {FORMAT}")
    need(content, manifest, {"widths": dict, "settings": dict}, again)
    need(content["widths"], f"{manifest}: widths", dict.fromkeys(content["widths"], _is_width), again)
    known = {"format", "widths", "settings", "written_with"}  # stores of earlier versions have no seal
    if content.keys() != known and not (content.keys() == {*known, SEAL} and is_intact(text)):
        problem = "was changed after it was written: its checksum does not match"
        raise DataError(manifest, problem, "restore it, or extract the store again")
    return content["widths"], content["settings"]


def _is_width(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**24


def write_manifest(path: Path, widths: Mapping[str, int], settings: Mapping[str, Any], *, replace: bool) -> None:
    """Make the folder a store; of several processes that do so at once one wins and the others are told.

    Args:
        path: the folder.
        widths: feature field -> width.
        settings: plain JSON values.
        replace: the store that is there has been emptied and gets this manifest.

    Raises:
        DataError: the folder holds a store (without ``replace``) or something else.
        StoreWriteError: the disk is full or the like.
    """
    taken = DataError(path, "holds a feature store already", "open it, or overwrite it")
    if has_manifest(path) and not replace:
        raise taken
    if not replace and path.exists() and (not path.is_dir() or any(not _is_new(file) for file in path.iterdir())):
        raise DataError(path, "exists and is not a feature store", "choose another folder")
    content = {
        "format": FORMAT,
        "widths": dict(widths),
        "settings": dict(settings),
        "written_with": {"graphvtr": __version__, "torch": torch.__version__},
        SEAL: EMPTY,
    }
    make_folder(path)
    with locked(path, exclusive=True):
        if has_manifest(path) and not replace:  # made by another process just now
            raise taken
        write_store_file(path / MANIFEST, sealed(json.dumps(content, indent=2).encode()))


def check_same(
    path: Path,
    stored: tuple[Mapping[str, int], Mapping[str, Any]],
    wanted: tuple[Mapping[str, int], Mapping[str, Any]],
) -> None:
    """Refuse to go on with other widths or settings than the store was made with.

    Raises:
        DataError: says which differ.
    """
    now = json.loads(json.dumps({"widths": dict(wanted[0]), "settings": dict(wanted[1])}))
    differing = differences({"widths": stored[0], "settings": stored[1]}, now)
    if differing:
        raise DataError(path, "; ".join(differing), "use the same settings, another folder, or overwrite the store")


def _is_new(file: Path) -> bool:
    """Whether a file is one of a store that another process is just making."""
    return file.name in (".lock", LOCK) or file.name.startswith(MANIFEST)
