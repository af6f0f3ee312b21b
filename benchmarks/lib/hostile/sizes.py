"""Sizes that a file claims, and archives that unpack to more than they are."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.lib.hostile.case import Reader, case, model_folder

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
    "a model of a file of Python": lambda c: c.update(model="evil.py:x"),
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


@case("CAD-120 archive that unpacks to gigabytes")
def _(folder: Path) -> Reader:
    from graphvtr.datasets.cad120.annotations import Annotations

    with zipfile.ZipFile(folder / "annotations.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("annotations/video_clips.txt", bytes(300 * 2**20))
    return lambda: Annotations(folder).clips()


def _holes(path: Path) -> None:
    """A file of 4 TiB in which nothing is written."""
    with path.open("wb") as file:
        file.truncate(2**42)


@case("captions.csv of 4 TiB")
def _(folder: Path) -> Reader:
    from graphvtr.datasets.files import read_table

    _holes(folder / "captions.csv")
    return lambda: read_table(folder / "captions.csv", ["video", "caption"])


@case("captions of one line of 4 TiB")
def _(folder: Path) -> Reader:
    from graphvtr.text import read_captions

    _holes(folder / "captions.txt")
    return lambda: list(read_captions(folder / "captions.txt"))


@case("word vectors of one line of 4 TiB")
def _(folder: Path) -> Reader:
    from graphvtr.text.word_vectors import load_word_vectors

    _holes(folder / "v.txt")
    return lambda: load_word_vectors(folder / "v.txt")


@case("region TSV of one line of 4 TiB")
def _(folder: Path) -> Reader:
    from graphvtr.video.store.convert import to_store

    _holes(folder / "r.tsv")
    return lambda: to_store(folder / "r.tsv", folder / "out", "bottom-up-tsv")


@case("region TSV of infinite boxes")
def _(folder: Path) -> Reader:
    from graphvtr.video.store.convert import to_store

    (folder / "r.tsv").write_text("v_0\tinf\tinf\tinf\tAAAA\tAAAA\n")
    return lambda: to_store(folder / "r.tsv", folder / "out", "bottom-up-tsv")


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    """A tar.gz of files."""
    with gzip.open(path, "wb", 1) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@case("SRL archive that unpacks to gigabytes")
def _(folder: Path) -> Reader:
    from graphvtr.text.srl_archive import read_archive

    config = json.dumps({"model": {"type": "srl_bert"}}).encode()
    write_tar(
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


@case("BigFile whose shape is no number")
def _(folder: Path) -> Reader:
    from graphvtr.video.store.convert import to_store

    (folder / "b").mkdir()
    for name, text in {"shape.txt": "² " + "9" * 5000, "id.txt": "a", "feature.bin": ""}.items():
        (folder / "b" / name).write_text(text)
    return lambda: to_store(folder / "b", folder / "out", "bigfile")


@case("safetensors whose header says 2**60 bytes")
def _(folder: Path) -> Reader:
    from graphvtr.graphs import GraphStore

    (folder / "g.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    return lambda: GraphStore.load(folder / "g.safetensors")
