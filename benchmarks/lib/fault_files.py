"""One file of every kind, and what reads it as the library does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.lib.fault_kills import index_content
from benchmarks.lib.fault_material import CLIPS, Material
from benchmarks.lib.fault_runs import answer, run

Reader = Callable[[], object]
Kind = Callable[[Material, Path], tuple[Path, Reader] | None]
"""Makes a file in an empty folder; None where it cannot be made."""

COMPILER = """#!/bin/sh
# compiles once; what is asked for again is a copy
kept="$(dirname "$0")/kept"
[ -f "$kept" ] || cc "$@" || exit
while [ "$1" != -o ]; do shift; done
if [ -f "$kept" ]; then cp "$kept" "$2"; else cp "$2" "$kept"; fi
"""


def _store(pattern: str, material: Material, folder: Path) -> tuple[Path, Reader]:
    shutil.copytree(material.store, folder / "store")

    def read() -> object:
        from graphvtr.video import FeatureStore

        found = FeatureStore.open(folder / "store")
        _refuse(found.verify() | found.damaged)
        return [found.widths, found.settings, {name: found.read(name) for name in found.names}]

    return _one(folder / "store", pattern), read


def _checkpoint(material: Material, folder: Path) -> tuple[Path, Reader]:
    shutil.copy(material.checkpoint, folder / "m.ckpt")
    return folder / "m.ckpt", partial(_model, folder / "m.ckpt")


def _exported(name: str, material: Material, folder: Path) -> tuple[Path, Reader]:
    run("export", material.checkpoint, "--out", folder / "model")
    return folder / "model" / name, partial(_model, folder / "model")


def _model(path: Path) -> object:
    from graphvtr.tasks.checkpoint import CheckpointInfo, load

    found = load(path)
    return [dict(found.state_dict()), found.config, list(found.vocabulary.words), CheckpointInfo.of(found)]


def _parses(material: Material, folder: Path) -> tuple[Path, Reader]:
    texts = material.captions.read_text().split("\n")[:20]

    def read() -> object:
        from graphvtr.text import CachedParser, GraphLists, get_parser

        return [tuple(GraphLists.of(graph)) for graph in CachedParser(get_parser("spacy"), folder).parse(texts)]

    answer(lambda: str(read()))
    return _one(folder, "parses-*.jsonl"), read


def _graph_store(material: Material, folder: Path) -> tuple[Path, Reader]:
    path = folder / "g.safetensors"
    answer(lambda: str(material.scenes("train").video_graphs.save(path)))

    def read() -> object:
        from graphvtr.graphs import GraphStore

        return _graphs(GraphStore.load(path))

    return path, read


def _scores(material: Material, folder: Path) -> tuple[Path, Reader]:
    path = folder / "s.npz"
    data = ["--data", "moving_scenes", "--root", material.cache, "--option", f"num_clips={CLIPS}", "--split", "val"]
    run("eval", material.checkpoint, *data, "--samples", "10", "--save-scores", path)

    def read() -> object:
        from graphvtr.array_files import open_npz

        with open_npz(path) as content:
            return {name: content[name].tobytes() for name in content.files}

    return path, read


def _embeddings(material: Material, folder: Path) -> tuple[Path, Reader]:
    path = folder / "e.safetensors"
    run("encode", material.for_search, material.store, "--out", path)

    def read() -> object:
        from graphvtr.tasks import read_embeddings

        found, names = read_embeddings(path)
        return [names, {name: [level.x, level.ptr] for name, level in found.items()}]

    return path, read


def _index(pattern: str, material: Material, folder: Path) -> tuple[Path, Reader]:
    run("index", material.for_search, material.store, "--out", folder / "index")

    def read() -> object:
        from graphvtr.search import Index

        _refuse(Index.open(folder / "index").verify())
        return index_content(folder / "index")

    return _one(folder / "index", pattern), read


def _scenes(name: str, material: Material, folder: Path) -> tuple[Path, Reader]:
    def read() -> object:
        from graphvtr.datasets.moving_scenes import MovingScenes

        # of the splits the smallest: it is made again most quickly
        found = MovingScenes(folder, "val", num_clips=CLIPS, progress=False)
        return [found.captions, found.negatives, _graphs(found.video_graphs), [s.to_dict() for s in found.scripts]]

    answer(lambda: str(read()))
    return _one(folder, f"moving_scenes/val-*/{name}"), read


def _kernels(material: Material, folder: Path) -> tuple[Path, Reader] | None:
    compiler = folder / "cc_once"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)

    def read() -> object:
        from graphvtr.ops import native_build as build

        os.environ |= {"GRAPHVTR_CACHE": str(folder), "CC": str(compiler)}
        build.library.cache_clear()
        return build.library() is not None and _one(folder, "kernels/*.so").read_bytes()

    if answer(lambda: str(read() is not False)) != "True":
        return None
    return _one(folder, "kernels/*.so"), read


def _refuse(wrong: dict[str, str]) -> None:
    if wrong:
        raise ValueError(f"verify: {wrong}")


def _graphs(store: Any) -> object:
    return [
        {str(key): dict(kind) for key, kind in graph.to_dict().items() if isinstance(kind, dict)} for graph in store
    ]


def _one(folder: Path, pattern: str) -> Path:
    """The first file of a pattern; of several the largest of its kind says most."""
    return max(sorted(folder.glob(pattern)), key=lambda path: path.stat().st_size)


KINDS: dict[str, Kind] = {
    "store: manifest": partial(_store, "manifest.json"),
    "store: shard": partial(_store, "*/*.safetensors"),
    "checkpoint": _checkpoint,
    "model: config": partial(_exported, "config.json"),
    "model: weights": partial(_exported, "model.safetensors"),
    "model: vocabulary": partial(_exported, "vocabulary.json"),
    "parse cache": _parses,
    "graph store": _graph_store,
    "scores": _scores,
    "embeddings": _embeddings,
    "index: manifest": partial(_index, "manifest.json"),
    "index: model": partial(_index, "model/*.safetensors"),
    "index: items": partial(_index, "segments/*/items.jsonl"),
    "index: arrays": partial(_index, "segments/*/video/*.npy"),
    "built-in data: captions": partial(_scenes, "clips.jsonl"),
    "built-in data: graphs": partial(_scenes, "video_graphs.safetensors"),
    "built-in data: manifest": partial(_scenes, "manifest.json"),
    "kernel library": _kernels,
}
