"""A corpus to a file of embeddings, by this process or by a Ray cluster, resumed where a run was killed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr.atomic import write_tensors, write_whole
from graphvtr.cluster import Engine, cluster_of
from graphvtr.ending import going_on
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.nn.feeding import Mismatch
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.models import RetrievalModel
from graphvtr.reading import need, parse_json, read_json
from graphvtr.tasks.checkpoint import load
from graphvtr.tensor_files import SUM, compare, crc32, read_tensors
from graphvtr.text import read_captions
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

FORMAT, KEY = "graphvtr.embeddings/1", "graphvtr"
CHUNK = 1024
"""Items that a task embeds, and a kill costs."""


def encode_file(
    checkpoint: str | Path,
    source: str | Path,
    out: str | Path,
    *,
    engine: Engine = "processes",
    address: str | None = None,
    workers: int | None = None,
    mismatch: Mismatch = "error",
    overwrite: bool = False,
    progress: bool = False,
) -> int:
    """Embed a feature store, or a text file with one caption a line, into one ``.safetensors`` file.

    What is embedded is kept in ``OUT.partial``, a chunk at a time; a run that was killed goes on from there. The chunks
    are the same whoever embeds them, and so are the embeddings.

    Args:
        checkpoint: what :func:`graphvtr.load` reads.
        source: folder of a store, or captions, which are parsed as those of the training were.
        out: the file; :func:`read_embeddings` reads it.
        engine: ``"processes"``: this one, with all its threads; or ``"ray"``: tasks of a Ray cluster (extra ``scale``).
        address: of the cluster, see :func:`graphvtr.cluster.connect`.
        workers: tasks of the cluster at a time.
        mismatch: see :meth:`graphvtr.nn.RetrievalModel.check`.
        overwrite: begin anew.
        progress: show a bar.

    Returns:
        The number of items.

    Raises:
        DataError: a file cannot be read, ``out`` exists, the store is not what the model was trained on, or what is in
            ``OUT.partial`` is of another model or source.
        MissingExtraError: Ray is not installed.
        Interrupted: Ctrl-C or SIGTERM; what is finished stays.
    """
    checkpoint, source, out = Path(checkpoint).resolve(), Path(source).resolve(), Path(out)
    cluster = cluster_of(engine, address, workers)
    if cluster is None and (workers or 1) > 1:
        raise DataError("workers", f"is {workers}, and one process uses all processors", "give --engine ray, or none")
    with output_lock(out):
        if out.exists() and not overwrite:
            raise DataError(out, "exists", "delete it, or pass --overwrite")
        model = load(checkpoint)
        names, digest = _items(model, source, mismatch)
        partial_ = out.with_name(out.name + ".partial")
        note = {"format": FORMAT, "model": _digest(model.state_dict()), "source": digest}
        _begin(partial_, note, overwrite)
        chunks = {
            partial_ / f"{begin:09d}.safetensors": names[begin : begin + CHUNK] for begin in range(0, len(names), CHUNK)
        }
        left = {part: chunk for part, chunk in chunks.items() if not part.exists()}
        done = len(names) - sum(map(len, left.values()))
        with (
            going_on("the same command goes on", lambda: f"after {done:,} of {len(names):,} items"),
            tqdm(total=len(names), initial=done, desc="encode", unit="item", disable=not progress) as bar,
        ):
            found: Iterator[dict[str, Tensor]] = (
                map(_encoder(model, source), left.values())
                if cluster is None
                else cluster.run(partial(_loaded_encoder, checkpoint, source), left.values())
            )
            for (part, chunk), tensors in zip(left.items(), found, strict=True):
                write_tensors(part, tensors, {SUM: crc32(tensors, {})})
                done += len(chunk)
                bar.update(len(chunk))
        again = "delete it; the same command goes on"
        tensors = _tensors(LevelEmbeddings.cat([_levels(read_tensors(part, again)[0]) for part in chunks]))
        head = {**note, "side": "video" if source.is_dir() else "text", "names": names}
        head[SUM] = crc32(tensors, {KEY: json.dumps(head)})
        write_tensors(out, tensors, {KEY: json.dumps(head)})  # one entry: several have no order
        shutil.rmtree(partial_)
    return len(names)


def read_embeddings(path: str | Path) -> tuple[LevelEmbeddings, list[str]]:
    """Embeddings of :func:`encode_file`, and the names of the clips, or the captions, in the same order.

    Raises:
        DataError: the file is none of these.
    """
    fix = "write it with graphvtr encode"
    tensors, metadata = read_tensors(path, fix)
    head = parse_json(metadata.get(KEY, "{}"), f"{path}: {KEY}", fix=fix)
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise DataError(path, f"is no {FORMAT}", fix)
    compare(path, head.pop(SUM, None), tensors, {KEY: json.dumps(head)}, fix)
    try:
        return _levels(tensors), need(head, path, {"names": list}, fix)["names"]
    except KeyError as error:
        raise DataError(path, f"has no tensor {error}", fix) from error


Encoder = Callable[[Sequence[str]], dict[str, Tensor]]


def _loaded_encoder(checkpoint: Path, source: Path) -> Encoder:
    """The work of a process of the cluster."""
    return _encoder(load(checkpoint), source)


def _encoder(model: RetrievalModel, source: Path) -> Encoder:
    """Names of clips, or captions, to tensors."""
    model.eval()
    store = FeatureStore.open(source) if source.is_dir() else None

    @torch.inference_mode()
    def encode(names: Sequence[str]) -> dict[str, Tensor]:
        given: Any = list(names) if store is None else _clips(store, names, model.reads_regions)
        return _tensors(model.encode_text(given) if store is None else model.encode_video(given))

    return encode


def _clips(store: FeatureStore, names: Sequence[str], regions: bool) -> DiskGraphs:
    """Clips that are read batch by batch, once they are known to be those that were stored."""
    store.require_sound(names)
    clips = DiskGraphs(store, names)
    return clips if regions else clips.without("region")


def _items(model: Any, source: Path, mismatch: Mismatch) -> tuple[list[str], str]:
    """Names of the clips or captions of a source, and what tells it from others."""
    if source.is_dir():
        store = FeatureStore.open(source)
        model.check(store, mismatch=mismatch)
        names, digest = store.names, store.checksum()
    else:
        names = list(read_captions(source))
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    if not names:
        raise DataError(source, "is empty", "give a feature store, or a file with one caption a line")
    return names, digest


def _begin(folder: Path, note: dict[str, str], overwrite: bool) -> None:
    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    if all(file.name.endswith(".partial") for file in folder.iterdir()):  # new, or killed before it had a note
        write_whole(folder / "note.json", json.dumps(note))
    try:
        found = read_json(folder / "note.json")
    except DataError:
        found = {}
    for key, value in note.items():
        if not isinstance(found, dict) or found.get(key) != value:
            raise DataError(folder, f"is of another {key}", "delete it, or pass --overwrite")


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _tensors(embeddings: LevelEmbeddings) -> dict[str, Tensor]:
    found = {f"{name}.x": level.x for name, level in embeddings.items()}
    found |= {f"{name}.ptr": level.ptr for name, level in embeddings.items() if level.ptr is not None}
    return {name: tensor.cpu().contiguous() for name, tensor in found.items()}


def _levels(tensors: dict[str, Tensor]) -> LevelEmbeddings:
    names = dict.fromkeys(name.rpartition(".")[0] for name in tensors)
    return LevelEmbeddings(**{name: Level(tensors[f"{name}.x"], tensors.get(f"{name}.ptr")) for name in sorted(names)})
