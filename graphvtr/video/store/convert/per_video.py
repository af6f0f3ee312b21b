"""One npy, npz or pt file a video."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.array_files import open_npz, read_npy, read_torch
from graphvtr.errors import DataError
from graphvtr.video.store.convert.arrays import as_fields, check_distinct
from graphvtr.video.store.convert.base import FORMATS, Array, ConvertOptions, Format, whole_target, write_file
from graphvtr.video.store.feature_store import FeatureStore
from graphvtr.video.store.fields import FIELDS

FEATURES = ("features", "feature", "feat", "feats", "x", "arr_0")
BOXES = ("boxes", "bboxes", "bbox", "box")


class PerVideo:
    """A folder of files ``<name>.npy`` (or npz, pt), also in folders below it, whose names then have a ``/``.

    A file holds ``[D]``, ``[T, D]`` or ``[T, N, D]``; npz and pt hold it under ``features`` (or ``x``, ``feat``; any
    name where there is one array only), with ``boxes`` [T, N, 4] if there are any, or the fields of the store by
    name (``frame_x``, ``region_x``, ...). Nothing is unpickled; pt files are read weights only.
    """

    def __init__(self, suffix: str, path: Path, options: ConvertOptions) -> None:
        self.options = options
        if not path.is_dir():
            raise DataError(path, "no such folder", f"give a folder of {suffix} files")
        found = {file.relative_to(path).with_suffix("").as_posix(): file for file in sorted(path.rglob(f"*{suffix}"))}
        check_distinct(list(found), f"{path} (*{suffix})")
        self.files, self.names = found, list(found)
        self._load = LOADERS[suffix]

    def read(self, name: str) -> dict[str, Tensor]:
        """See :class:`~graphvtr.video.store.convert.base.ClipSource`."""
        file = self.files[name]
        if file.stat().st_size == 0:
            raise DataError(file, "is empty", "copy or save it again")
        arrays = self._load(file)
        if "frame_x" in arrays:
            return _own_fields(arrays, file)
        x = _pick(arrays, FEATURES)
        if x is None:
            fix = f"name the features {FEATURES[0]} (or {', '.join(FEATURES[1:])})"
            raise DataError(file, f"holds {', '.join(arrays) or 'nothing'}", fix)
        return as_fields(str(file), x, self.options, boxes=_pick(arrays, BOXES) if x.ndim == 3 else None)

    def close(self) -> None:
        """Nothing is open."""


def _own_fields(arrays: Mapping[str, Array], file: Path) -> dict[str, Tensor]:
    out = {}
    for key, value in arrays.items():
        if key not in FIELDS:
            raise DataError(f"{file}: {key}", "is not a field of clips", f"known: {', '.join(FIELDS)}")
        if value.dtype.kind not in "fiu":
            raise DataError(f"{file}: {key}", f"holds {value.dtype}", "give numbers")
        tensor = torch.from_numpy(np.array(value))
        out[key] = tensor.float() if tensor.is_floating_point() else tensor.long()
    return out


def _pick(arrays: Mapping[str, Array], names: Sequence[str]) -> Array | None:
    """The array of one of these names; for features the only one, whatever its name."""
    for name in names:
        if name in arrays:
            return arrays[name]
    return next(iter(arrays.values())) if len(arrays) == 1 and names is FEATURES else None


def _load_npz(file: Path) -> dict[str, Array]:
    with open_npz(file) as content:
        return {key: content[key] for key in content.files}


def _load_pt(file: Path) -> dict[str, Array]:
    try:
        content: Any = read_torch(file)
    except Exception as error:
        problem = f"is not a whole file of tensors ({str(error).splitlines()[0][:100] if str(error) else 'cut short'})"
        raise DataError(file, problem, "save tensors only, with torch.save") from error
    items = content.items() if isinstance(content, dict) else [("x", content)]
    return {str(key): _numpy(value, f"{file}: {key}") for key, value in items}


def _numpy(value: object, where: str) -> Array:
    if not isinstance(value, Tensor):
        raise DataError(where, f"is a {type(value).__name__}", "save tensors only")
    value = value.detach()
    return (value.float() if value.dtype is torch.bfloat16 else value).numpy()


LOADERS: dict[str, Callable[[Path], dict[str, Array]]] = {
    ".npy": lambda file: {"x": read_npy(file)},
    ".npz": _load_npz,
    ".pt": _load_pt,
}


SAVERS: dict[str, Callable[[dict[str, Tensor], IO[bytes]], object]] = {
    ".npy": lambda fields, file: np.save(file, fields["frame_x"].numpy()),
    ".npz": lambda fields, file: np.savez(file, **{key: value.numpy() for key, value in fields.items()}),  # type: ignore[arg-type]
    ".pt": lambda fields, file: torch.save(fields, file),
}


def write(suffix: str, store: FeatureStore, path: Path, options: ConvertOptions) -> None:
    """A store as one file a clip: npy the frame features, npz and pt all fields."""
    if suffix == ".npy" and "region_x" in store.widths:
        raise DataError(store.path, "has regions, which npy files cannot hold", "write npz or pt")
    wrong = next((name for name in store if ".." in name.split("/") or name.startswith("/") or "\\" in name), None)
    if wrong is not None:
        raise DataError(f"clip '{wrong}'", "is no file name", "rename it")
    with whole_target(path) as folder:
        for name in store:
            file = folder / f"{name}{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_file(file, partial(SAVERS[suffix], store.read(name)))


for _suffix, _text in ((".npy", "frame features"), (".npz", "all fields"), (".pt", "all fields")):
    FORMATS.register(_suffix[1:])(
        Format(f"folder with one {_suffix} a video ({_text})", partial(PerVideo, _suffix), partial(write, _suffix))
    )
