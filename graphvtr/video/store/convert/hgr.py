"""The feature files of HGR's release: frames in HDF5 by name, means in npy by row (specs/hgr.md)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from graphvtr.array_files import read_npy
from graphvtr.errors import DataError
from graphvtr.terminal import printable
from graphvtr.video.store.convert.arrays import as_fields, check_distinct, read_names
from graphvtr.video.store.convert.base import FORMATS, ConvertOptions, Format, whole_target, write_file
from graphvtr.video.store.convert.hdf5 import datasets_in, open_hdf5, values_of
from graphvtr.video.store.feature_store import FeatureStore

TOGETHER = {"videos", "clips", "features", "data"}
"""Groups that hold a dataset for each video, where there is only one."""


class HGRFrames:
    """``{set}_ft.hdf5``: key = name with ``/`` as ``_``, value [T, D] (or [D], or [T, N, D] for regions).

    Files that keep a group for each video (``v_a/c3d_features``), or all videos in one group (``videos/v_a``), are
    read too; ``--dataset`` says which of a video's datasets where there are several.
    """

    def __init__(self, path: Path, options: ConvertOptions) -> None:
        self.path, self.options, self.file = path, options, open_hdf5(path)
        self._path_of = clip_datasets(path, list(datasets_in(self.file)), options.dataset)
        given = list(self._path_of) if options.names is None else read_names(options.names)
        check_distinct(given, path)
        self.names: Sequence[str] = given

    def read(self, name: str) -> dict[str, Tensor]:
        """See :class:`~graphvtr.video.store.convert.base.ClipSource`."""
        key = key_of(name)
        x = values_of(self.file, self._path_of.get(name) or self._path_of.get(key, key))
        return as_fields(f"{self.path}: '{key}'", x, self.options)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class HGRMeans:
    """``{set}_ft.npy``: one row a video; names from ``--names``, or ``{set}_names.npy`` beside it or in
    ``public_split`` above it. Each video becomes a clip of one frame."""

    def __init__(self, path: Path, options: ConvertOptions) -> None:
        self.path, self.options = path, options
        if not path.is_file():
            raise DataError(path, "no such file", "check the path")
        self.rows = read_npy(path, mmap=True)
        self.names: Sequence[str] = read_names(options.names or _names_beside(path))
        if self.rows.ndim != 2 or len(self.rows) != len(self.names):
            problem = f"has shape {list(self.rows.shape)} for {len(self.names)} names"
            raise DataError(path, problem, "give one row a name")
        self._row = {name: row for row, name in enumerate(self.names)}

    def read(self, name: str) -> dict[str, Tensor]:
        """See :class:`~graphvtr.video.store.convert.base.ClipSource`."""
        return as_fields(f"{self.path}: row {self._row[name]}", np.array(self.rows[self._row[name]]), self.options)

    def close(self) -> None:
        """Nothing is open."""


def clip_datasets(path: Path, found: Sequence[str], wanted: str | None) -> dict[str, str]:
    """Clip -> its dataset, among the datasets of an HDF5 file.

    Args:
        path: of the file, for messages.
        found: paths of the datasets in it.
        wanted: name of the dataset in each video's group.

    Raises:
        DataError: there are groups, and they do not say by themselves which of their datasets is meant.

    Example:
        >>> clip_datasets(Path("a.h5"), ["v_a/c3d", "v_b/c3d"], None), clip_datasets(Path("a.h5"), ["v/a", "v/b"], None)
        ({'v_a': 'v_a/c3d', 'v_b': 'v_b/c3d'}, {'a': 'v/a', 'b': 'v/b'})
    """
    split = {key: key.rpartition("/") for key in found}
    if wanted is not None:
        chosen = {split[key][0] or key: key for key in found if split[key][2] == wanted}
        if not chosen:
            raise DataError(f"{path}: '{wanted}'", "is in none of its groups", f"it has {_some(found)}")
        return chosen
    if all("/" not in key for key in found):
        return {key: key for key in found}
    groups, names = {head for head, _, _ in split.values()}, {tail for _, _, tail in split.values()}
    if "" not in groups and len(names) == 1 and not (len(groups) == 1 and groups <= TOGETHER):
        return {split[key][0]: key for key in found}
    if "" not in groups and len(groups) == 1:
        return {split[key][2]: key for key in found}
    raise DataError(path, f"has groups with several datasets: {_some(found)}", "say which is meant: --dataset NAME")


def _some(found: Sequence[str]) -> str:
    return ", ".join(map(printable, found[:6])) + (f" and {len(found) - 6} more" if len(found) > 6 else "")


def key_of(name: str) -> str:
    """The key of a clip: HDF5 takes ``/`` for a folder."""
    return name.replace("/", "_")


def names_file(path: Path) -> str:
    """Name of the file with the names of a file's rows.

    Example:
        >>> names_file(Path("ordered_feature/MP/resnet/trn_ft.npy"))
        'trn_names.npy'
    """
    return f"{path.stem.removesuffix('_ft')}_names.npy"


def _names_beside(path: Path) -> Path:
    name = names_file(path)
    places = [folder / part / name for folder in path.parents[:4] for part in ("", "public_split")]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DataError(
            path, f"has no {name} beside it or in public_split", "pass the names of its rows as --names FILE"
        )
    return found


def write_frames(store: FeatureStore, path: Path, options: ConvertOptions) -> None:
    """Frame features of a store as ``{set}_ft.hdf5``, float32."""
    keys: dict[str, str] = {}
    for name in store:
        if keys.setdefault(key_of(name), name) != name:
            other = keys[key_of(name)]
            raise DataError(f"clip '{name}'", f"has the key of '{other}' where / becomes _", "rename one of them")
    frames = sum(store.entry(name).shapes["frame_x"][0] for name in keys.values())
    size = 4 * frames * store.widths["frame_x"] + 4096 * (len(keys) + 16)
    with whole_target(path) as partial, open_hdf5(partial, size) as file:
        for key, name in keys.items():
            file.create_dataset(key, data=store.read(name)["frame_x"].numpy())


def write_means(store: FeatureStore, path: Path, options: ConvertOptions) -> None:
    """Means of frame features as ``{set}_ft.npy`` and ``{set}_names.npy`` beside it."""
    names = store.names
    rows = np.stack([store.read(name)["frame_x"].mean(0).numpy() for name in names])
    beside = path.with_name(names_file(path))
    if beside.exists():
        raise DataError(beside, "is there already", "choose another name")
    with whole_target(beside) as one, whole_target(path) as other:
        write_file(one, lambda file: np.save(file, np.array(names)))
        write_file(other, lambda file: np.save(file, rows))


FORMATS.register("hgr-hdf5")(Format("HGR's frame features, {set}_ft.hdf5", HGRFrames, write_frames))
FORMATS.register("hgr-npy")(Format("HGR's mean features, {set}_ft.npy with {set}_names.npy", HGRMeans, write_means))
