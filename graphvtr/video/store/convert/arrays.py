"""Arrays of other formats: features of a clip as fields of a store, names, and files that are checked when opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphvtr.array_files import read_npy
from graphvtr.errors import DataError
from graphvtr.names import first_repeat
from graphvtr.reading import DATA, lines_of, read_text
from graphvtr.video.store.convert.base import Array, ConvertOptions


def as_fields(
    where: str, x: Array, options: ConvertOptions, *, boxes: Array | None = None, counts: Array | None = None
) -> dict[str, Tensor]:
    """Features of one clip as fields of a store.

    Args:
        where: file and clip, for messages.
        x: ``[D]`` (one frame), ``[T, D]``, or ``[T, N, D]`` for regions; then the features of a frame are the mean of
            its regions.
        options: seconds between frames, and the size that boxes are divided by.
        boxes: ``[T, N, 4]``, x0 y0 x1 y1; whole frames by default.
        counts: [T], how many of the N regions of a frame there are; all by default.

    Raises:
        DataError: another shape or kind of numbers, or boxes outside the picture.
    """
    if x.dtype.kind not in "fiu" or not 1 <= x.ndim <= 3:
        problem = f"holds {x.dtype} {list(x.shape)}"
        raise DataError(where, problem, "give numbers [D], [frames, D] or [frames, regions, D]")
    x = x[None] if x.ndim == 1 else x
    values = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
    time = torch.arange(len(values), dtype=torch.float32) * options.seconds
    if values.dim() == 2:
        return {"frame_x": values, "frame_time": time}
    frames, regions, width = values.shape
    there = torch.ones(frames, regions, dtype=torch.bool)
    if counts is not None:
        there = torch.arange(regions) < torch.from_numpy(np.asarray(counts, dtype=np.int64))[:, None]
    total = (values * there[..., None]).sum(1)
    frame, _ = there.nonzero(as_tuple=True)
    box = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(frames, regions, 4)
    if boxes is not None:
        if boxes.shape != (frames, regions, 4):
            problem = f"has shape {list(boxes.shape)}"
            raise DataError(f"{where}: boxes", problem, f"give [{frames}, {regions}, 4]")
        box = fractions(torch.from_numpy(np.ascontiguousarray(boxes, dtype=np.float32)), options.size, where)
    return {
        "frame_x": total / there.sum(1).clamp(min=1)[:, None],
        "frame_time": time,
        "region_x": values[there].reshape(-1, width),
        "region_box": box[there].contiguous(),
        "region_score": torch.ones(len(frame)),
        "region_frame": frame,
    }


def fractions(box: Tensor, size: tuple[float, float] | None, where: str) -> Tensor:
    """Boxes as fractions of width and height.

    Raises:
        DataError: boxes over 1 without a size.
    """
    if size is not None:
        box = box / torch.tensor([*size, *size], dtype=box.dtype)
    if box.numel() and float(box.max()) > 1 + 1e-3:
        problem = f"reach {float(box.max()):.4g}, beyond the picture"
        raise DataError(f"{where}: boxes", problem, "boxes in pixels need the size of the picture: --size WIDTH HEIGHT")
    return box.clamp(0, 1)


def region_array(fields: dict[str, Tensor], key: str, regions: int) -> Tensor:
    """A region field as ``[T, regions, ...]``, filled up with zeros."""
    frame, values = fields["region_frame"], fields[key]
    frames = len(fields["frame_x"])
    count = torch.bincount(frame, minlength=frames)
    place = torch.arange(len(frame)) - (count.cumsum(0) - count)[frame]
    out = values.new_zeros((frames, regions, *values.shape[1:]))
    out[frame, place] = values
    return out


def read_names(path: Path) -> list[str]:
    """Names of clips, from an npy file of strings or a text file with one a line.

    Raises:
        DataError: the file is missing, empty, no such file, or names a clip twice.
    """
    if path.suffix == ".npy":
        array = read_npy(path)
        if array.dtype.kind not in "US" or array.ndim != 1:
            raise DataError(path, f"holds {array.dtype} {list(array.shape)}", "give one row of names")
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in array.tolist()]
    else:
        text = read_text(path, limit=DATA, fix="check --names")
        names = [line.strip() for line in lines_of(text) if line.strip()]
    check_distinct(names, path)
    return names


def check_distinct(names: Sequence[str], where: object) -> None:
    """Refuse no names, and a name that stands twice.

    Raises:
        DataError: the name.
    """
    if not names:
        raise DataError(where, "has no clips", "check the file")
    repeated = first_repeat(names)
    if repeated is not None:
        raise DataError(f"{where}: clip '{repeated}'", "is there twice", "name every clip once")
