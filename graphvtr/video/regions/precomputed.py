"""Regions that were found elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.array_files import open_npz
from graphvtr.errors import DataError
from graphvtr.video.regions.base import Regions
from graphvtr.video.store import FeatureStore

_FIELDS = ("box", "score", "label", "x", "time")


class PrecomputedRegions:
    """Regions from a feature store, or from one ``.npz`` file a clip, looked up by the clip's name and by time.

    A sampled frame gets the regions of the nearest time at which there are any, if that is at most
    ``tolerance`` seconds away. What other programs write (bottom-up-attention's TSV, HDF5) becomes a store by
    ``graphvtr store convert``.

    An ``.npz`` file holds ``box`` [R, 4] (x0 y0 x1 y1 as fractions, 0..1), ``time`` [R] (seconds of each
    region's frame) and, if there are any, ``score`` [R] (1 by default), ``label`` [R] and features ``x`` [R, d].

    Args:
        path: the store, or the folder of ``.npz`` files.
        use_features: take the features that come with the regions; otherwise they are pooled from the backbone.
        num_regions: at most so many regions a frame, the most confident ones.
        min_score: regions below are left out.
        tolerance: seconds.

    Raises:
        DataError: nothing of the kind at ``path``, or it has no features although they are to be used.
    """

    name = "precomputed"

    def __init__(
        self,
        path: str | Path,
        *,
        use_features: bool = False,
        num_regions: int | None = None,
        min_score: float = 0.0,
        tolerance: float = 0.5,
    ) -> None:
        self.path, self.use_features = Path(path), use_features
        self.num_regions, self.min_score, self.tolerance = num_regions, min_score, tolerance
        self.labels: tuple[str, ...] | None = None
        if num_regions is not None and num_regions < 1:
            raise DataError("num_regions", f"is {num_regions}", "take at least one region a frame")
        if not tolerance >= 0:
            raise DataError("tolerance", f"is {tolerance}", "give seconds, 0 or more")
        self._store = FeatureStore.open(self.path) if (self.path / "manifest.json").exists() else None
        self.dim: int | None = None
        if self._store is not None:
            if "region_x" not in self._store.widths:
                raise DataError(self.path, "holds no regions", "give a store with region_x")
            self.version = self._store.checksum()[:12]
            width: int | None = self._store.widths["region_x"]
            if all("region_label" in self._store.entry(clip).shapes for clip in self._store) and len(self._store):
                self.labels = self._store.label_names
        else:
            self.version, width = self._survey()
        self.dim = width if use_features else None

    @property
    def settings(self) -> Mapping[str, Any]:
        settings: dict[str, Any] = {"use_features": self.use_features, "num_regions": self.num_regions}
        if self.min_score:
            settings["min_score"] = self.min_score
        if self.labels is not None:
            settings["labels"] = list(self.labels)
        return {**settings, "tolerance": self.tolerance}

    def __call__(self, frames: Tensor, *, time: Tensor | None = None, name: str = "") -> Regions:
        """Regions of the clip ``name`` at the times ``[T]``.

        Raises:
            DataError: there are none for this clip, times are not given, or a file is damaged.
        """
        if time is None or not name:
            raise DataError("time and name", "are needed to look regions up", "give the clip's name and frame times")
        found = self._read(name)
        when = found["time"].double()
        distinct = when.unique()
        groups = []
        for moment in time.double():
            near = distinct[(distinct - moment).abs() <= self.tolerance]
            rows = torch.empty(0, dtype=torch.long)
            if len(near):
                rows = torch.nonzero(when == near[(near - moment).abs().argmin()])[:, 0]
            rows = rows[found["score"][rows] >= self.min_score]
            rows = rows[found["score"][rows].argsort(descending=True, stable=True)][: self.num_regions]
            groups.append({key: value[rows] for key, value in found.items() if key != "time"})
        return Regions.from_frames(groups)

    def _read(self, name: str) -> dict[str, Tensor]:
        """The clip's regions: box, score, label, time and, if asked for, x."""
        if self._store is not None:
            fields = self._store.read(name)
            if "region_box" not in fields:
                raise DataError(f"clip '{name}'", f"has no boxes in {self.path}", "convert it with its boxes")
            found = {
                "box": fields["region_box"].clamp(0, 1),
                "score": fields.get("region_score", torch.ones(len(fields["region_box"]))),
                "time": fields["frame_time"][fields["region_frame"]],
                "x": fields["region_x"],
            }
            if "region_label" in fields:
                found["label"] = fields["region_label"]
        else:
            found = self._load(self.path / f"{name}.npz")
        found.setdefault("label", torch.full((len(found["box"]),), -1))
        if not self.use_features:
            found.pop("x", None)
        return found

    def _load(self, file: Path) -> dict[str, Tensor]:
        if not file.is_file():
            raise DataError(file, "no such file", "every clip needs one, named as the clip")
        with open_npz(file, "write it again") as content:
            found = {key: torch.from_numpy(np.asarray(content[key])) for key in _FIELDS if key in content}
        for key in ("box", "time", *(("x",) if self.use_features else ())):
            if key not in found:
                raise DataError(file, f"has no '{key}'", "see PrecomputedRegions for what it should hold")
        found.setdefault("score", torch.ones(len(found["box"])))
        count = len(found["box"])
        for key, value in found.items():
            if len(value) != count:
                raise DataError(file, f"'{key}' has shape {list(value.shape)}", f"there are {count} boxes")
            found[key] = value.long() if key == "label" else value.float()
        if self.dim is not None and found["x"].shape[1:] != (self.dim,):
            raise DataError(file, f"'x' has shape {list(found['x'].shape)}", f"the others have width {self.dim}")
        return found

    def _survey(self) -> tuple[str, int | None]:
        """A digest of the files' names, sizes and times of change, and the width of the first one's features."""
        files = sorted(self.path.glob("*.npz"))
        if not files:
            raise DataError(self.path, "is no feature store and holds no .npz files", "give either")
        digest = hashlib.sha256()
        for file in files:
            status = file.stat()
            digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        first = self._load(files[0])
        if "label" in first:
            self.labels = ()
        width = int(first["x"].size(1)) if self.use_features else None
        return digest.hexdigest()[:12], width
