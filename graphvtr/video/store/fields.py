"""What a feature store holds of a clip, how, and what it refuses."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph

Arrays = dict[str, npt.NDArray[Any]]

FIELDS: dict[str, torch.dtype] = {
    "frame_x": torch.float16,
    "frame_time": torch.float32,
    "region_x": torch.float16,
    "region_box": torch.float32,
    "region_score": torch.float32,
    "region_frame": torch.int32,
    "region_track": torch.int32,
}
"""What is stored of a clip, named as in :meth:`graphvtr.graphs.VideoGraph.build`, and how. Features are half
precision (relative error below 1/2048); times and boxes are not, as two hours in half precision are two hours
give or take seconds."""


def check_widths(widths: Mapping[str, int]) -> None:
    """Refuse widths of anything but features, and a store without frame features.

    Raises:
        DataError: a width is wrong; says which.
    """
    for name, width in widths.items():
        if FIELDS.get(name) is not torch.float16 or width < 1:
            raise DataError(f"widths['{name}']", f"is {width}", "give positive widths, for frame_x and region_x only")
    if "frame_x" not in widths:
        raise DataError("widths", "has no frame_x", "give the width of the frame features")


def to_arrays(name: str, fields: Mapping[str, Tensor], widths: Mapping[str, int]) -> Arrays:
    """A clip's fields in the types they are stored in.

    Args:
        name: of the clip.
        fields: as for :meth:`graphvtr.graphs.VideoGraph.build`.
        widths: feature field -> width; ``fields`` must have exactly these features.

    Raises:
        DataError: a field is unknown, missing, of another width, not finite, or too large for its type; the
            message names clip and field.
    """
    if not name or not name.isprintable():
        raise DataError(f"clip {name!r}", "is not a name", "use printable characters, at least one")

    def refuse(key: str, problem: str, fix: str) -> DataError:
        return DataError(f"clip '{name}': {key}", problem, fix)

    for key in fields:
        if key not in FIELDS:
            raise refuse(key, "is not a field of clips", f"known: {', '.join(FIELDS)}")
        if f"{key.split('_')[0]}_x" not in widths:
            raise refuse(key, f"has no place in a store of {', '.join(widths)}", "make a store with a width for it")
    for key, width in widths.items():
        if key not in fields:
            raise refuse(key, "is missing", f"give [n, {width}]")
        if fields[key].shape[1:] != (width,):
            problem = f"has shape {list(fields[key].shape)}, the store holds [n, {width}]"
            raise refuse(key, problem, "use the featurizer that the store was made with")
    if not len(fields["frame_x"]):
        raise refuse("frame_x", "has no frames", "leave the clip out")
    VideoGraph.build(**fields, name=name)
    arrays = {}
    for key, value in fields.items():
        arrays[key] = value.detach().cpu().to(FIELDS[key]).numpy()
        if not np.isfinite(arrays[key]).all():
            problem = f"reaches {float(value.abs().max()):.3g}, beyond float16's 65504"
            raise refuse(key, problem, "scale the features down")
    return arrays


def checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """CRC-32 over field names, dtypes, shapes and values, whatever the order of the fields."""
    crc = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        crc = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), crc)
        crc = zlib.crc32(array.data.cast("B") if array.size else b"", crc)
    return crc
