"""Files as somebody hostile, or a broken disk, would write them: each with what reads it.

``CASES`` is name -> function of an empty folder that writes the file and returns the reader. Every reader has to raise
:class:`~graphvtr.errors.GraphVTRError`, in little time and memory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

Reader = Callable[[], object]
CASES: dict[str, Callable[[Path], Reader]] = {}
DEEP = "[" * 200_000
WORDS = [["a", "dog", "runs"], ["a", "cat", "sleeps"]]


def case(name: str) -> Callable[[Callable[[Path], Reader]], Callable[[Path], Reader]]:
    """File a case under its name."""

    def add(make: Callable[[Path], Reader]) -> Callable[[Path], Reader]:
        CASES[name] = make
        return make

    return add


def small_model(**options: Any) -> Any:
    """An HGR with a vocabulary."""
    from graphvtr.nn.models import HGR
    from graphvtr.text import Vocabulary

    model = HGR(5 + 3, 4, hidden=8, word_dim=4, num_layers=1, **options)
    model.vocabulary = Vocabulary.from_captions(WORDS)
    return model


def model_folder(folder: Path, change: Callable[[dict[str, Any]], object]) -> Reader:
    """An exported model with another ``config.json``."""
    from graphvtr import load

    small_model().save_pretrained(folder)
    path = folder / "config.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return lambda: load(folder)


def checkpoint(folder: Path, **info: Any) -> Path:
    """A checkpoint."""
    from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint

    model = small_model()
    save_checkpoint(folder / "m.ckpt", model, model.vocabulary, CheckpointInfo("hgr", video_dim=4, **info))
    return folder / "m.ckpt"


# what a file may not name ---------------------------------------------------------------------------------------------

PARSERS = {
    "a program": "allennlp:python=/bin/sh,archive=/etc/hostname,worker={folder}/README.md",
    "a module": "spacy:model=antigravity",
    "an archive": "bert-srl:archive=/etc/passwd",
    "a path": "/etc/passwd.json",
    "a tar.gz": "evil.tar.gz",
    "nothing known": "\x1b[31mred",
}


def _eval_with(name: str, parser: str) -> None:
    @case(f"checkpoint names {name} as parser")
    def make(folder: Path) -> Reader:
        from graphvtr import load
        from graphvtr.datasets import DataSource
        from graphvtr.tasks.open import dataset_for

        path = checkpoint(folder, parser=parser.format(folder=folder))
        return lambda: dataset_for(
            load(path), "moving_scenes", "val", DataSource(options={"num_clips": 20, "progress": False})
        )

    @case(f"run configuration names {name} as parser")
    def configure(folder: Path) -> Reader:
        from graphvtr.tasks.config import Configuration

        (folder / "c.yaml").write_text(json.dumps({"data": "moving_scenes", "parser": parser, "out": "x"}))
        return lambda: Configuration("hgr", ["--config", str(folder / "c.yaml")])


for _name, _parser in PARSERS.items():
    _eval_with(_name, _parser)


@case("run configuration names a program as data set")
def _(folder: Path) -> Reader:
    from graphvtr.tasks.config import Configuration

    (folder / "evil.py").write_text("raise SystemExit(3)")
    (folder / "c.yaml").write_text(json.dumps({"data": f"{folder}/evil.py:x", "out": "x"}))
    return lambda: Configuration("hgr", ["--config", str(folder / "c.yaml")])


@case("checkpoint names a file as features")
def _(folder: Path) -> Reader:
    from graphvtr.nn.feeding import pipeline_of
    from graphvtr.tasks.checkpoint import load

    model = load(checkpoint(folder, featurizer="/etc/evil.onnx"))
    return lambda: pipeline_of(model)


@case("checkpoint holds an object")
def _(folder: Path) -> Reader:
    from graphvtr.tasks.checkpoint import load

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch {folder / 'ran'}",)

    torch.save({"graphvtr": Evil()}, folder / "m.ckpt")
    return lambda: load(folder / "m.ckpt")


# sizes ----------------------------------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "hidden: 1e9": lambda c: c["config"].update(hidden=1e9),
    "hidden: 10 000 000": lambda c: c["config"].update(hidden=10**7),
    "hidden: -5": lambda c: c["config"].update(hidden=-5),
    "hidden: true": lambda c: c["config"].update(hidden=True),
    "hidden: a list": lambda c: c["config"].update(hidden=[8]),
    "num_layers: 1e7": lambda c: c["config"].update(num_layers=10**7),
    "num_layers: 120": lambda c: c["config"].update(num_layers=120),
    "vocab_size: 2**40": lambda c: c["config"].update(vocab_size=2**40),
    "video_dim: 0": lambda c: c["config"].update(video_dim=0),
    "margin: NaN": lambda c: c["config"].update(margin=float("nan")),
    "an unknown model": lambda c: c.update(model="os.system"),
    "info: a list": lambda c: c.update(info=[]),
    "words: a text": lambda c: c.update(words="many"),
}


def _model_with(name: str, change: Callable[[dict[str, Any]], object]) -> None:
    @case(f"config.json, {name}")
    def make(folder: Path) -> Reader:
        return model_folder(folder, change)


for _name, _change in CHANGES.items():
    _model_with(_name, _change)


@case("npy that says 36 TiB")
def _(folder: Path) -> Reader:
    from graphvtr.text.word_vectors import load_word_vectors

    path = folder / "e.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**10, 1000)})
    path.with_suffix(".txt").write_text("a\n")
    return lambda: load_word_vectors(str(path))


@case("npy of names that says 36 TiB")
def _(folder: Path) -> Reader:
    from graphvtr.video.store.convert.arrays import read_names

    with (folder / "n.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<U9", "fortran_order": False, "shape": (10**12,)})
    return lambda: read_names(folder / "n.npy")


@case("npy with a pickled object")
def _(folder: Path) -> Reader:
    from graphvtr.video.store.convert.arrays import read_names

    np.save(folder / "n.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return lambda: read_names(folder / "n.npy")


@case("npz whose member says 36 TiB")
def _(folder: Path) -> Reader:
    from graphvtr.array_files import open_npz

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**13,)})
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("scores.npy", header.getvalue())

    def read() -> object:
        with open_npz(folder / "a.npz") as content:
            return content["scores"]

    return read


@case("checkpoint that unpacks to gigabytes")
def _(folder: Path) -> Reader:
    from graphvtr.tasks.checkpoint import load

    torch.save({"x": torch.zeros(2)}, folder / "a.pt")
    with (
        zipfile.ZipFile(folder / "a.pt") as whole,
        zipfile.ZipFile(folder / "m.ckpt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in whole.namelist():
            data = whole.read(name)
            new.writestr(name, data if "/data/" not in name else bytes(300 * 2**20))
    return lambda: load(folder / "m.ckpt")


def _tar(path: Path, members: dict[str, bytes]) -> None:
    with gzip.open(path, "wb", 1) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@case("SRL archive that unpacks to gigabytes")
def _(folder: Path) -> Reader:
    from graphvtr.text.srl_archive import read_archive

    config = json.dumps({"model": {"type": "srl_bert"}}).encode()
    _tar(
        folder / "a.tar.gz", {"config.json": config, "vocabulary/labels.txt": b"O\n", "weights.th": bytes(200 * 2**20)}
    )
    return lambda: read_archive(folder / "a.tar.gz")


@case("SRL archive with a link")
def _(folder: Path) -> Reader:
    from graphvtr.text.srl_archive import read_archive

    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("config.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    return lambda: read_archive(folder / "a.tar.gz")


@case("safetensors whose header says 2**60 bytes")
def _(folder: Path) -> Reader:
    from graphvtr.graphs import GraphStore

    (folder / "g.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    return lambda: GraphStore.load(folder / "g.safetensors")


# json and yaml --------------------------------------------------------------------------------------------------------


def _store(folder: Path) -> Any:
    from graphvtr.video.store import FeatureStore

    store = FeatureStore.create(folder / "s", {"frame_x": 4})
    store.add("clip", {"frame_x": torch.randn(3, 4), "frame_time": torch.arange(3.0)})
    return store


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

    path = _store(folder).path
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


for _name, _make in {
    "manifest": _manifest, "config.json": _config, "vocabulary": _vocabulary, "captions.json": _captions,
    "precomputed graphs": _precomputed, "ONNX configuration": _onnx, "evaluation": _results,
}.items():  # fmt: skip
    _deep_at(_name, _make)


@case("SRL configuration, 200 000 deep")
def _(folder: Path) -> Reader:
    from graphvtr.text.srl_archive import read_archive

    _tar(folder / "a.tar.gz", {"config.json": DEEP.encode(), "vocabulary/labels.txt": b"O\n", "weights.th": b"x"})
    return lambda: read_archive(folder / "a.tar.gz")


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

# HDF5 -----------------------------------------------------------------------------------------------------------------


def _hdf5(name: str, write: Callable[[Any, Any, Path], object]) -> None:
    @case(f"HDF5, {name}")
    def make(folder: Path) -> Reader:
        import h5py

        from graphvtr.video.store.convert import to_store

        with h5py.File(folder / "a.h5", "w") as file:
            write(h5py, file, folder)
        return lambda: to_store(folder / "a.h5", folder / "out", "hgr-hdf5")


def _virtual(h5py: Any, file: Any, folder: Path) -> None:
    layout = h5py.VirtualLayout((5, 4), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "none.h5"), "x", (5, 4))
    file.create_virtual_dataset("clip", layout)


_hdf5("data in another file", lambda h5py, file, folder: file.create_dataset(
    "clip", (4, 4), "f4", external=[("/etc/passwd", 0, 64)]
))  # fmt: skip
_hdf5("a virtual dataset without source", _virtual)
_hdf5("a soft link to nothing", lambda h5py, file, folder: file.__setitem__("clip", h5py.SoftLink("/none")))
_hdf5("a link to another file", lambda h5py, file, folder: file.__setitem__(
    "clip", h5py.ExternalLink("/etc/passwd", "/x")
))  # fmt: skip
_hdf5(
    "a shape of 373 GB", lambda h5py, file, folder: file.create_dataset("clip", (10**5, 10**6), "f4", chunks=(64, 64))
)
_hdf5("data never written", lambda h5py, file, folder: file.create_dataset("clip", (5, 4), "f4"))
_hdf5("groups with several datasets", lambda h5py, file, folder: [
    file.create_dataset(f"v_{video}/{kind}", data=np.ones((3, 4), "f4")) for video in "ab" for kind in ("c3d", "rgb")
])  # fmt: skip


@contextlib.contextmanager
def prepared(name: str, folder: Path) -> Iterator[Reader]:
    """A case's reader, its file in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    yield CASES[name](folder)
