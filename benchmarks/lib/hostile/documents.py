"""JSON and YAML that no parser should recurse into, and files that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.lib.hostile.case import DEEP, Reader, case, index, small_model, store
from benchmarks.lib.hostile.sizes import write_tar


def _deep_at(name: str, make: Callable[[Path, str], Reader]) -> None:
    @case(f"{name}, 200 000 deep")
    def deep(folder: Path) -> Reader:
        return make(folder, DEEP)

    @case(f"{name}, a pipe or a device")
    def endless(folder: Path) -> Reader:
        read = make(folder, "{}")
        file = next(path for path in folder.rglob("*") if path.is_file() and path.read_text("latin-1") == "{}")
        file.unlink()
        file.symlink_to("/dev/zero")
        return read


def _manifest(folder: Path, text: str) -> Reader:
    from graphvtr.video.store import FeatureStore

    path = store(folder).path
    (path / "manifest.json").write_text(text)
    return lambda: FeatureStore.open(path)


def _config(folder: Path, text: str) -> Reader:
    from graphvtr import load

    small_model().save_pretrained(folder)
    (folder / "config.json").write_text(text)
    return lambda: load(folder)


def _vocabulary(folder: Path, text: str) -> Reader:
    from graphvtr.text import Vocabulary

    (folder / "v.json").write_text(text)
    return lambda: Vocabulary.load(folder / "v.json")


def _captions(folder: Path, text: str) -> Reader:
    from graphvtr.datasets.files import read_captions

    (folder / "captions.json").write_text(text)
    return lambda: read_captions(folder / "captions.json")


def _precomputed(folder: Path, text: str) -> Reader:
    from graphvtr.text import get_parser

    (folder / "sent2srl.json").write_text(text)
    return lambda: get_parser(str(folder / "sent2srl.json")).parse_one("a dog")


def _onnx(folder: Path, text: str) -> Reader:
    from graphvtr.video.features.onnx_frames import FrameInput
    from graphvtr.video.onnx_config import config_from_file

    (folder / "m.json").write_text(text)
    return lambda: config_from_file(FrameInput, folder / "m.json").no_such_field


def _results(folder: Path, text: str) -> Reader:
    from graphvtr.cli.export import _read

    (folder / "r.json").write_text(text)
    return lambda: _read(folder / "r.json")


def _index_manifest(folder: Path, text: str) -> Reader:
    from graphvtr.search import Index

    path = index(folder)
    (path / "manifest.json").write_text(text)
    return lambda: Index.open(path)


for _name, _make in {
    "manifest": _manifest,
    "config.json": _config,
    "vocabulary": _vocabulary,
    "captions.json": _captions,
    "precomputed graphs": _precomputed,
    "ONNX configuration": _onnx,
    "evaluation": _results,
    "index manifest": _index_manifest,
}.items():
    _deep_at(_name, _make)


@case("list of a shard's clips, 200 000 deep")
def _(folder: Path) -> Reader:
    from safetensors.torch import load_file, save_file

    from graphvtr.video.store import FeatureStore
    from graphvtr.video.store.files import FORMAT

    path = store(folder).path
    (shard,) = path.glob("*/*.safetensors")
    save_file(load_file(shard), shard, {"format": FORMAT, "clips": DEEP})  # without a checksum, as older ones are
    return lambda: FeatureStore.open(path).read("clip")


@case("SRL configuration, 200 000 deep")
def _(folder: Path) -> Reader:
    from graphvtr.text.srl_archive import read_archive

    write_tar(folder / "a.tar.gz", {"config.json": DEEP.encode(), "vocabulary/labels.txt": b"O\n", "weights.th": b"x"})
    return lambda: read_archive(folder / "a.tar.gz")


@case("index of a model without training, 200 000 deep")
def _(folder: Path) -> Reader:
    from graphvtr.search import Index

    path = index(folder)
    (path / "model" / "zero_shot.json").write_text(DEEP)
    return lambda: Index.open(path).model


@case("index items, 200 000 deep")
def _(folder: Path) -> Reader:
    import numpy as np

    from graphvtr.search import Index

    path = index(folder)
    (segment,) = (path / "segments").iterdir()
    (segment / "items.jsonl").write_text(DEEP)
    np.save(segment / "items.ptr.npy", np.array([0, len(DEEP)]))
    return lambda: Index.open(path).names


@case("embeddings, 200 000 deep")
def _(folder: Path) -> Reader:
    from safetensors.torch import save_file

    from graphvtr.tasks.embedding_file import KEY, read_embeddings

    save_file({"x": torch.zeros(1)}, folder / "e.safetensors", {KEY: DEEP})
    return lambda: read_embeddings(folder / "e.safetensors")


@case("pairs, 200 000 deep")
def _(folder: Path) -> Reader:
    from graphvtr.text.pairs import read_pairs

    (folder / "p.jsonl").write_text(DEEP)
    return lambda: read_pairs(folder / "p.jsonl")


YAML = {
    "deep": "a: " + DEEP,
    "deep blocks": "".join(" " * depth + "a:\n" for depth in range(1000)),
    "an alias bomb": "a0: &a0 [1,2,3,4,5,6,7,8,9]\n"
    + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
    "an alias of itself": "data: &a [*a]\n",
    "a class": "options: {x: {class_path: antigravity.x}}\n",
    "a class in a text": "options: {x: '{class_path: antigravity.x}'}\n",
    "deep in a text": "options: {x: '" + "[" * 100_000 + "'}\n",
    "another file": "config: /etc/passwd\n",
    "a tag that runs": "data: !!python/object/apply:os.system ['true']\n",
}


def _yaml_with(name: str, text: str) -> None:
    @case(f"run configuration, {name}")
    def make(folder: Path) -> Reader:
        from graphvtr.tasks.config import Configuration

        (folder / "c.yaml").write_text(text)
        return lambda: Configuration("hgr", ["--config", str(folder / "c.yaml"), "--out", str(folder / "run")])


for _name, _text in YAML.items():
    _yaml_with(_name, _text)
