"""The index of a training's run, which lies in its folder: what was just trained is searched at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.search.plain import FIX, MANIFEST

BEST, CONFIG, INDEX = "best.ckpt", "config.yaml", "index"
STORE = ".store"
"""File in the index of a run that names the store whose clips it holds."""


def is_run(path: Path) -> bool:
    """Whether a folder is one of ``graphvtr train``."""
    return (path / BEST).is_file() and (path / CONFIG).is_file()


def index_of(path: str | Path, store: str | Path | None = None, *, progress: bool = False) -> Path:
    """The index that a folder stands for: itself, or that of a run, ``RUN/index``.

    The index of a run holds the clips of the feature store it was trained on, with the captions of a ``folder``
    dataset, and is brought up to date when checkpoint, store or captions have changed since.

    Args:
        path: of an index or a run.
        store: of the clips, in place of the one that the run's ``config.yaml`` names.
        progress: show a bar while clips are embedded.

    Raises:
        DataError: it is neither; there is no store, it is not of the run's features, or a file is damaged.
        MissingExtraError: faiss is not installed.
    """
    run = Path(path)
    if not is_run(run):
        if not (run / MANIFEST).is_file():  # said here, before seconds of imports
            raise DataError(run, "is not an index", FIX)
        return run
    told = _settings(run / CONFIG)
    root = told.get("root")
    captions = Path(root, "captions.csv") if root and told.get("data") == "folder" else None
    place = store or told.get("store")
    if not place:
        raise DataError(run, "was not trained on a feature store", "give --store STORE, of the same features")
    if not Path(place).is_dir():
        fix = "give --store STORE, or go to the folder that the run was started from"
        raise DataError(place, f"is not there, the feature store of {run}", fix)
    out, sources = run / INDEX, [run / BEST, *(Path(place, part) for part in ("", "clips", "shards"))]
    newest = max(map(_changed, [*sources, *([captions] if captions else [])]))
    noted, of = out / STORE, os.fsencode(Path(place).resolve())
    if _changed(out / MANIFEST) != newest or not noted.is_file() or noted.read_bytes() != of:
        noted.unlink(missing_ok=True)
        _bring_up_to_date(run, Path(place), Path(root) if root else None, captions, progress)
        noted.write_bytes(of)
        os.utime(out / MANIFEST, ns=(newest, newest))  # as new as what it was made of
    return out


def _settings(file: Path) -> dict[str, Any]:
    """What a run's configuration says of its data."""
    from graphvtr.yaml_files import check_yaml

    content = check_yaml(file)
    found = {} if not isinstance(content, dict) else {name: content.get(name) for name in ("data", "root", "store")}
    for name, value in found.items():
        if not isinstance(value, str | None):
            raise DataError(f"{file}: {name}", f"is a {type(value).__name__}", "give --store STORE, or train again")
    return found


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _bring_up_to_date(run: Path, place: Path, root: Path | None, captions: Path | None, progress: bool) -> None:
    from graphvtr.search.index.build import build_index
    from graphvtr.search.index.manifest import MODEL
    from graphvtr.search.items import read_metadata
    from graphvtr.search.opening import open_index
    from graphvtr.video import FeatureStore

    out, store = run / INDEX, FeatureStore.open(place)
    files = [str(store.entry(name).source.get("file", "")) for name in store.names[:1]]
    build_index(
        run,
        store,
        out,
        progress=progress,
        metadata=read_metadata(captions) if captions is not None and captions.is_file() else None,
        media=root if root is not None and any(file and (root / file).is_file() for file in files) else None,
        overwrite=_changed(out / MODEL) < _changed(run / BEST),
    )
    index = open_index(out)
    if gone := sorted(set(index.names) - set(store.names)):
        index.delete(gone)
