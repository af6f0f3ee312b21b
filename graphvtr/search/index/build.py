"""A checkpoint and a feature store make an index."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphvtr.atomic import place_beside
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.nn import RetrievalModel
from graphvtr.nn.feeding import Mismatch
from graphvtr.search.encode import Encoder
from graphvtr.search.index.editing import Change, add_clips, media_folder, opened_store, settle
from graphvtr.search.index.manifest import (
    MODEL,
    SEGMENTS,
    Manifest,
    is_index,
    model_digest,
    publish,
    read_manifest,
)
from graphvtr.search.index.model_folder import model_name, save_model
from graphvtr.search.index.nearest import KINDS, faiss
from graphvtr.search.items import name_hash
from graphvtr.search.plain import MANIFEST
from graphvtr.tasks.checkpoint import load
from graphvtr.text import RoleParser
from graphvtr.text.parser import named_in_file
from graphvtr.video import FeatureStore


def build_index(
    checkpoint: str | Path | RetrievalModel,
    store: str | Path | FeatureStore,
    out: str | Path,
    *,
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
    media: str | Path | None = None,
    parser: str | RoleParser | None = None,
    kind: str = "auto",
    shards: int = 0,
    overwrite: bool = False,
    mismatch: Mismatch = "error",
    progress: bool = False,
) -> Change:
    """Embed the clips of a store into an index; one that is there is brought up to date.

    Called again after a kill it goes on where it stopped; clips that the index has as they are are passed over, and
    clips whose features or metadata have changed are replaced.

    Args:
        checkpoint: what :func:`graphvtr.load` reads; or a model with its vocabulary, a
            :func:`~graphvtr.search.zero_shot` one for instance.
        store: of ``graphvtr extract``.
        out: folder of the index.
        metadata: of the clips, see :func:`graphvtr.search.read_metadata`. Captions among it can be searched by clips.
        media: folder of the video files, which the page shows.
        parser: of sentences; by default the one the model was trained with.
        kind: of the approximate index: ``auto`` (by size), ``flat``, ``hnsw`` or ``ivf_pq``.
        shards: split the clips over so many indexes, to be searched side by side; 0 for none.
        overwrite: begin anew.
        mismatch: see :meth:`graphvtr.nn.RetrievalModel.check`.
        progress: show a bar.

    Raises:
        DataError: a file cannot be read, the features are not those of the training, or the index was made with another
            model.
        MissingExtraError: faiss is not installed.
    """
    faiss()
    if kind not in (*KINDS, "auto"):
        raise DataError(f"kind '{kind}'", "is unknown", f"use auto, {', '.join(KINDS)}")
    if shards < 0:
        raise DataError("shards", f"is {shards}", "give 0 or more")
    opened = opened_store(store)
    if not len(opened):
        raise DataError(opened.path, "has no clips", "run graphvtr extract")
    folder = media_folder(media)
    model = checkpoint if isinstance(checkpoint, RetrievalModel) else load(checkpoint)
    encoder = Encoder(model, parser)
    model.check(opened, mismatch=mismatch)
    if not model.provenance.features:  # of a model that does not know how it was fed, this is how
        model.info = {**model.info, "provenance": opened.provenance.to_dict()}
    named = parser.name if isinstance(parser, RoleParser) else named_in_file(parser)
    manifest = Manifest(
        model_name(model),
        "",
        list(model.levels),
        named,
        model.provenance.to_dict(),
        folder,
        kind,
    )
    out = Path(out)
    prepare_folder(out, model, manifest, [f"shard-{number:03d}" for number in range(shards)], overwrite)
    settle(out, media=manifest.media, parser=manifest.parser, kind=kind)  # of one that was there
    if not shards:
        return add_clips(out, encoder, opened, None, metadata, progress=progress)
    change = Change()
    for number in range(shards):
        names = [name for name in opened.names if name_hash(name) % shards == number]
        found = add_clips(out / f"shard-{number:03d}", encoder, opened, names, metadata, progress=progress)
        for field in ("added", "replaced", "skipped"):
            getattr(change, field).extend(getattr(found, field))
    return change


def prepare_folder(out: Path, model: RetrievalModel, manifest: Manifest, shards: list[str], overwrite: bool) -> None:
    """An empty index, or the one that is there if it is of the same model.

    Raises:
        DataError: the folder holds something else, or an index of another model or in other shards.
    """
    with output_lock(out, folder=True):  # which also sweeps what killed runs have left
        if is_index(out) and overwrite:
            clear(out)
        if is_index(out):
            _check_same(out, model, shards)
            return
        if any(path.name not in (MODEL, SEGMENTS, *shards) and path.name[0] != "." for path in out.iterdir()):
            raise DataError(out, "holds something else", "choose another --out")
        for name in shards:
            prepare_folder(out / name, model, Manifest(**vars(manifest)), [], overwrite)
        if not shards:
            save_model(model, out / MODEL)
            manifest.model_digest = model_digest(out / MODEL)
        else:
            manifest.model_digest = read_manifest(out / shards[0]).model_digest
        manifest.shards = shards
        publish(out, manifest)


def _check_same(out: Path, model: RetrievalModel, shards: list[str]) -> None:
    found = read_manifest(out)
    if found.shards != shards:
        raise DataError(out, f"is in {len(found.shards)} shards", f"give --shards {len(found.shards)} or --overwrite")
    partial = place_beside(out / MODEL)
    try:
        save_model(model, partial)
        digest = model_digest(partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if digest != found.model_digest:
        raise DataError(out, "was made with another model", "give that one, another --out, or --overwrite")


def clear(out: Path) -> None:
    """Remove an index, its manifest first; nothing else in the folder is touched."""
    manifest = read_manifest(out)
    with output_lock(out, folder=True):
        (out / MANIFEST).unlink()
        for name in (MODEL, SEGMENTS):
            shutil.rmtree(out / name, ignore_errors=True)
    for name in manifest.shards:
        if is_index(out / name):
            clear(out / name)
        shutil.rmtree(out / name, ignore_errors=True)
