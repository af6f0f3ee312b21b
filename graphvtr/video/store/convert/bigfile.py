"""BigFile folders (Dual Encoding, W2VV++): all frames of all videos in one matrix."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.reading import DATA, number_of_digits, read_bytes
from graphvtr.video.store.convert.arrays import as_fields, check_distinct
from graphvtr.video.store.convert.base import FORMATS, Array, ConvertOptions, Format, whole_target
from graphvtr.video.store.feature_store import FeatureStore


class BigFile:
    """``shape.txt`` "N D", ``id.txt`` N ids apart by white space, ``feature.bin`` N x D float32 row by row, and
    ``video2frames.txt``, a dict ``{video: [ids of its frames]}`` as Python writes it; without it every id is a video
    of one frame. The dict is parsed as a literal, nothing in it is run.
    """

    def __init__(self, path: Path, options: ConvertOptions) -> None:
        self.path, self.options = path, options
        rows, width = _shape(_text(path / "shape.txt"), path / "shape.txt")
        ids = _text(path / "id.txt").split()
        if len(ids) != rows:
            raise DataError(path / "id.txt", f"has {len(ids):,} ids, shape.txt says {rows:,}", "copy both again")
        self._row = {name: row for row, name in enumerate(ids)}
        if len(self._row) != rows:
            check_distinct(ids, path / "id.txt")
        binary = path / "feature.bin"
        size = binary.stat().st_size if binary.is_file() else -1
        if size != rows * width * 4:
            problem = (
                "no such file"
                if size < 0
                else f"has {size:,} bytes, {rows:,} x {width:,} float32 are {rows * width * 4:,}"
            )
            raise DataError(binary, problem, "it is cut short or of another shape: copy it again")
        self.matrix: Array = np.memmap(binary, dtype="<f4", mode="r", shape=(rows, width))
        mapping = path / "video2frames.txt"
        self.frames_of = _frames(mapping, self._row) if mapping.is_file() else {name: [name] for name in ids}
        self.names: Sequence[str] = list(self.frames_of)

    def read(self, name: str) -> dict[str, Tensor]:
        """See :class:`~graphvtr.video.store.convert.base.ClipSource`."""
        rows = [self._row[frame] for frame in self.frames_of[name]]
        return as_fields(f"{self.path}: video '{name}'", self.matrix[rows], self.options)

    def close(self) -> None:
        """The mapped file is closed with the object."""


def _text(path: Path) -> str:
    content = read_bytes(path, limit=DATA, fix="a BigFile folder has shape.txt, id.txt and feature.bin")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # what older tools wrote


def _shape(text: str, path: Path) -> tuple[int, int]:
    sizes = [number_of_digits(field) for field in text.split()]
    if len(sizes) != 2 or not all(sizes):
        raise DataError(path, f"is '{text.strip()[:60]}'", "give two numbers: rows and columns")
    return sizes[0] or 0, sizes[1] or 0


def _frames(path: Path, row: dict[str, int]) -> dict[str, list[str]]:
    try:
        content = ast.literal_eval(_text(path).strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        fix = "give {'video': ['frame id', ...]} with nothing but strings"
        raise DataError(path, f"is no plain dict ({type(error).__name__}: {error})", fix) from error
    if not isinstance(content, dict) or not content:
        raise DataError(path, f"holds a {type(content).__name__}", "give {'video': ['frame id', ...]}")
    for video, frames in content.items():
        if not isinstance(video, str) or not isinstance(frames, list) or not frames:
            raise DataError(f"{path}: video {video!r}", "has no list of frames", "give {'video': ['frame id', ...]}")
        unknown = next((frame for frame in frames if frame not in row), None)
        if unknown is not None:
            raise DataError(
                f"{path}: video '{video}'", f"has the frame {unknown!r}, which id.txt lacks", "copy both again"
            )
    return content


def write(store: FeatureStore, path: Path, options: ConvertOptions) -> None:
    """Frame features of a store as a BigFile folder; frames are called ``<clip>_0`` and so on."""
    spaced = next((name for name in store if name.split() != [name]), None)
    if spaced is not None:
        raise DataError(f"clip '{spaced}'", "has white space in its name, which id.txt cannot hold", "rename it")
    frames_of = {name: [f"{name}_{frame}" for frame in range(store.entry(name).shapes["frame_x"][0])] for name in store}
    ids = [frame for frames in frames_of.values() for frame in frames]
    check_distinct(ids, store.path)
    with whole_target(path) as partial:
        partial.mkdir()
        with (partial / "feature.bin").open("wb") as file:
            for name in frames_of:
                file.write(store.read(name)["frame_x"].numpy().astype("<f4").tobytes())
        (partial / "shape.txt").write_text(f"{len(ids)} {store.widths['frame_x']}")
        (partial / "id.txt").write_text(" ".join(ids), encoding="utf-8")
        (partial / "video2frames.txt").write_text(repr(frames_of), encoding="utf-8")


FORMATS.register("bigfile")(Format("folder with shape.txt, id.txt, feature.bin and video2frames.txt", BigFile, write))
