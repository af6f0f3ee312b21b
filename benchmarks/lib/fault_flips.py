"""A flipped bit in every kind of file that the library writes and reads."""

from __future__ import annotations

import logging
import os
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.lib.fault_batch import in_batch
from benchmarks.lib.fault_material import CLIPS, Material, Trial, digest
from benchmarks.lib.fault_runs import run


def flip_kinds(material: Material, folder: Path) -> dict[str, tuple[Path, Callable[[], object]]]:
    """Kind of file -> one of it, and a function that reads what is in it, as the library does."""
    from graphvtr.array_files import open_npz
    from graphvtr.graphs import GraphStore
    from graphvtr.tasks.checkpoint import CheckpointInfo, load
    from graphvtr.text import CachedParser, GraphLists, get_parser
    from graphvtr.video import FeatureStore

    store, model, scenes = folder / "store", folder / "model", folder / "scenes"
    shutil.copytree(material.store, store)
    shutil.copytree(material.cache, scenes)
    shutil.copy(material.checkpoint, folder / "m.ckpt")
    run("export", material.checkpoint, "--out", model)
    data = ["--data", "moving_scenes", "--root", material.cache, "--option", f"num_clips={CLIPS}", "--split", "val"]
    run("eval", material.checkpoint, *data, "--samples", "10", "--save-scores", folder / "s.npz")
    material.scenes("train").video_graphs.save(folder / "g.safetensors")
    texts = material.captions.read_text().split("\n")[:20]
    parser = get_parser("spacy")
    CachedParser(parser, folder).parse_store(texts)
    (cached,) = folder.glob("parses-*.jsonl")

    def read_store() -> object:
        found = FeatureStore.open(store)
        wrong = found.verify()
        if wrong or found.damaged:
            raise ValueError(f"verify: {wrong} {found.damaged}")
        return [found.widths, found.settings, {name: found.read(name) for name in found.names}]

    def read_scenes() -> object:
        from graphvtr.datasets.moving_scenes import MovingScenes

        found = MovingScenes(scenes, "train", num_clips=CLIPS, progress=False)
        return [found.captions, found.negatives, _graphs(found.video_graphs), [s.to_dict() for s in found.scripts]]

    def read_scores() -> object:
        with open_npz(folder / "s.npz") as content:
            return content["scores"].tobytes()  # what graphvtr plot ranks reads

    def read_checkpoint(path: Path) -> object:
        found = load(path)
        vocabulary, info = found.vocabulary, CheckpointInfo.of(found)
        return [dict(found.state_dict()), found.config, list(vocabulary.words), info]

    def read_parses() -> object:
        return [tuple(GraphLists.of(graph)) for graph in CachedParser(parser, folder).parse(texts)]

    scene_files = sorted((scenes / "moving_scenes").glob("train-*"))[0]
    kinds: dict[str, tuple[Path, Callable[[], object]]] = {
        "store: manifest": (store / "manifest.json", read_store),
        "store: shard": (next(iter(sorted(store.glob("*/*.safetensors")))), read_store),
        "checkpoint": (folder / "m.ckpt", lambda: read_checkpoint(folder / "m.ckpt")),
        "model: config": (model / "config.json", lambda: read_checkpoint(model)),
        "model: weights": (model / "model.safetensors", lambda: read_checkpoint(model)),
        "model: vocabulary": (model / "vocabulary.json", lambda: read_checkpoint(model)),
        "parse cache": (cached, read_parses),
        "graph store": (folder / "g.safetensors", lambda: _graphs(GraphStore.load(folder / "g.safetensors"))),
        "scores": (folder / "s.npz", read_scores),
        "built-in data: captions": (scene_files / "clips.jsonl", read_scenes),
        "built-in data: graphs": (scene_files / "video_graphs.safetensors", read_scenes),
        "built-in data: manifest": (scene_files / "manifest.json", read_scenes),
    }
    library = _kernels(folder / "kernel_cache")
    if library is not None:
        kinds["kernel library"] = library
    return kinds


def _graphs(store: Any) -> object:
    return [
        {str(key): dict(kind) for key, kind in graph.to_dict().items() if isinstance(kind, dict)} for graph in store
    ]


def _kernels(cache: Path) -> tuple[Path, Callable[[], object]] | None:
    from graphvtr.ops import native_build as build

    os.environ["GRAPHVTR_CACHE"] = str(cache)
    build.library.cache_clear()
    if build.library() is None:
        return None
    (path,) = (cache / "kernels").glob("*.so")
    whole = path.read_bytes()

    def read() -> object:
        build.library.cache_clear()
        found = build.library()
        return found is not None and path.read_bytes() == whole

    return path, read


BATCH = 10


def flips(material: Material, folder: Path, count: int) -> Iterator[Trial]:
    """A bit of a file is turned over: what is read is the same, is made again, or is refused."""
    kinds = flip_kinds(material, folder)
    each = -(-count // len(kinds))
    for kind, (path, read) in kinds.items():
        if not kind.startswith(material.kind):
            continue
        whole = path.read_bytes()
        wanted = digest(read())

        def trials(start: int, path: Path = path, read: Callable[[], object] = read, whole: bytes = whole,
                   wanted: str = wanted, kind: str = kind) -> Iterator[tuple[str, str]]:  # fmt: skip
            dice = random.Random(f"{kind} {start}")
            for _ in range(start, min(start + BATCH, each)):
                place = dice.randrange(8 * len(whole))
                damaged = bytearray(whole)
                damaged[place // 8] ^= 1 << place % 8
                _put(path, bytes(damaged))
                yield _read_damaged(read, wanted, f"bit {place}")
                _put(path, whole)

        for start in range(0, each, BATCH):
            for outcome, detail in in_batch(lambda start=start, trials=trials: trials(start)):
                yield kind, outcome, detail
        _put(path, whole)


def _put(path: Path, content: bytes) -> None:
    """A new file of that name: what has the old one open, or mapped, keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)


def _read_damaged(read: Callable[[], object], wanted: str, where: str) -> tuple[str, str]:
    told: list[str] = []
    handler = _Collect(told)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = digest(read())
    except Exception as error:
        from graphvtr.errors import GraphVTRError

        if isinstance(error, GraphVTRError) or str(error).startswith("verify:"):
            return "refused", str(error)[:200]
        return "traceback", f"{where}: {error!r}"[:300]
    finally:
        logging.getLogger().removeHandler(handler)
    told += [str(warning.message) for warning in warned]
    if found == wanted:
        return ("remade" if told else "ok"), where
    return ("told" if told else "silent"), f"{where} {told[:1]}"


class _Collect(logging.Handler):
    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.told = told

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())
