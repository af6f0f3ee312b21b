"""Regions of all videos in one HDF5 dataset [V, T, N, D], as VSR-Net's data is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.store.convert.arrays import as_fields, check_distinct, read_names, region_array
from graphvtr.video.store.convert.base import FORMATS, Array, ConvertOptions, Format, whole_target
from graphvtr.video.store.convert.hdf5 import dataset_of, datasets_in, open_hdf5, values_of
from graphvtr.video.store.feature_store import FeatureStore

NAMES = ("names", "video_ids", "ids")
BOXES = ("boxes", "bboxes")


class VSRNetRegions:
    """An HDF5 file with one dataset [V, T, N, D] of region features.

    Names come from a dataset ``names`` (or ``video_ids``, ``ids``) or ``--names``, else videos are ``video0``,
    ``video1``, ...; boxes from ``boxes`` [V, T, N, 4]. Where ``num_frames`` [V] and ``num_regions`` [V, T] are there,
    the rest is filling.
    """

    def __init__(self, path: Path, options: ConvertOptions) -> None:
        self.path, self.options, self.file = path, options, open_hdf5(path)
        self.data = self._features()
        videos = int(self.data.shape[0])
        self.names: Sequence[str] = self._names(videos)
        check_distinct(self.names, path)
        if len(self.names) != videos:
            raise DataError(path, f"has {videos} videos for {len(self.names)} names", "give one name a video")
        self._row = {name: row for row, name in enumerate(self.names)}
        self.boxes = self._beside(BOXES, (*self.data.shape[:3], 4))
        self.num_frames = self._beside(("num_frames",), self.data.shape[:1])
        self.num_regions = self._beside(("num_regions",), self.data.shape[:2])

    def read(self, name: str) -> dict[str, Tensor]:
        """See :class:`~graphvtr.video.store.convert.base.ClipSource`."""
        row = self._row[name]
        where = f"{self.path}: video {row} '{name}'"
        frames = int(self.data.shape[1]) if self.num_frames is None else int(self._values(self.num_frames, row, where))
        if not 0 < frames <= self.data.shape[1]:
            raise DataError(f"{where}: num_frames", f"is {frames}", f"give 1 to {self.data.shape[1]}")
        x = self._values(self.data, row, where)[:frames]
        boxes = None if self.boxes is None else self._values(self.boxes, row, where)[:frames]
        counts = None if self.num_regions is None else self._values(self.num_regions, row, where)[:frames]
        return as_fields(where, x, self.options, boxes=boxes, counts=counts)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _features(self) -> Any:
        self._found = {key: dataset_of(self.file, key) for key in datasets_in(self.file)}
        four = [key for key, found in self._found.items() if found.ndim == 4 and key not in BOXES]
        wanted = self.options.dataset
        if wanted is not None and wanted not in four:
            raise DataError(
                f"{self.path}: '{wanted}'", "is no dataset [V, T, N, D]", f"found: {', '.join(four) or 'none'}"
            )
        if wanted is None and len(four) != 1:
            fix = "pass --dataset NAME" if four else "give one dataset [V, T, N, D]"
            raise DataError(self.path, f"has {len(four)} datasets of four dimensions: {', '.join(four) or 'none'}", fix)
        return self._found[wanted or four[0]]

    def _names(self, videos: int) -> list[str]:
        if self.options.names is not None:
            return read_names(self.options.names)
        found = next((key for key in NAMES if key in self._found), None)
        if found is None:
            return [f"video{row}" for row in range(videos)]
        return [
            name.decode() if isinstance(name, bytes) else str(name) for name in values_of(self.file, found).tolist()
        ]

    def _beside(self, names: Sequence[str], shape: tuple[int, ...]) -> Any:
        key = next((name for name in names if name in self._found), None)
        if key is None:
            return None
        if self._found[key].shape != tuple(shape):
            found, wanted = list(self._found[key].shape), list(shape)
            raise DataError(f"{self.path}: {key}", f"has shape {found}", f"give {wanted}, to fit the features")
        return self._found[key]

    def _values(self, dataset: Any, row: int, where: str) -> Array:
        try:
            return np.asarray(dataset[row])
        except (OSError, RuntimeError) as error:
            raise DataError(f"{where}: {dataset.name}", f"cannot be read ({error})", "copy the file again") from error


def write(store: FeatureStore, path: Path, options: ConvertOptions) -> None:
    """Regions of a store as ``features`` [V, T, N, D] (float16) with ``names``, ``boxes``, ``num_frames`` and
    ``num_regions``; shorter videos and frames are filled up with zeros. Times and scores are not kept."""
    if "region_x" not in store.widths:
        raise DataError(store.path, "has no regions", "write its frames as hgr-hdf5 or npy")
    names, width = store.names, store.widths["region_x"]
    longest = max(store.entry(name).shapes["frame_x"][0] for name in names)
    counts = [np.bincount(store.read(name)["region_frame"].numpy(), minlength=1) for name in names]
    most = max(1, max(int(count.max()) for count in counts))
    size = len(names) * longest * (most * (2 * width + 16) + 4) + 4096 * (len(names) + 16)
    with whole_target(path) as partial, open_hdf5(partial, size) as file:
        x = file.create_dataset("features", (len(names), longest, most, width), "f2")
        boxes = file.create_dataset("boxes", (len(names), longest, most, 4), "f4")
        regions = file.create_dataset("num_regions", (len(names), longest), "i4")
        file["num_frames"] = np.array([store.entry(name).shapes["frame_x"][0] for name in names], dtype=np.int32)
        file.create_dataset("names", data=[name.encode() for name in names])
        for row, name in enumerate(names):
            fields = store.read(name)
            frames = len(fields["frame_x"])
            x[row, :frames] = region_array(fields, "region_x", most).numpy()
            boxes[row, :frames] = region_array(fields, "region_box", most).numpy()
            regions[row, :frames] = np.bincount(fields["region_frame"].numpy(), minlength=frames)


FORMATS.register("vsrnet-h5")(Format("HDF5 with one dataset [videos, frames, regions, D]", VSRNetRegions, write))
