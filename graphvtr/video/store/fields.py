"""What a feature store holds of a clip or a text, how, and what it refuses."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    "region_label": torch.int32,
}
"""What is stored of a clip, named as in :meth:`graphvtr.graphs.VideoGraph.build`, and how. Features are half
precision: the error is at most 1/2048 of a value from 6.1e-5 up, and 3e-8 below that. Features of which more than
:data:`MOST_LOST` become 0 are refused. Times and boxes are float32, as two hours in half precision are two hours give
or take seconds."""

MOST_LOST = 0.001
"""Share of the values of a clip, of those that are not 0, that may round to 0."""

TEXT_FIELDS: dict[str, torch.dtype] = {"token_x": torch.float16}
"""What is stored of a text: features of its tokens, [n, d]."""

STORED_FIELDS = FIELDS | TEXT_FIELDS


def check_widths(widths: Mapping[str, int]) -> None:
    """Refuse widths of anything but features, and a store of neither frames nor tokens.

    Raises:
        DataError: a width is wrong; says which.
    """
    for name, width in widths.items():
        if STORED_FIELDS.get(name) is not torch.float16 or width < 1:
            fix = "give positive widths, for frame_x and region_x, or for token_x only"
            raise DataError(f"widths['{name}']", f"is {width}", fix)
    if ("frame_x" in widths) == ("token_x" in widths):
        raise DataError("widths", "has no frame_x", "give the width of the frame features, or token_x alone for texts")


def check_clip_name(name: str) -> None:
    """Refuse names that no store takes.

    Raises:
        DataError: it is empty or cannot be printed.
    """
    if not name or not name.isprintable():
        raise DataError(f"clip {name!r}", "is not a name", "use printable characters, at least one")


class SmallValues:
    """How many of a clip's float16 values that are not 0 become 0, over all of its parts.

    A part is too little to judge by: a single value of it may be a thousandth.
    """

    def __init__(self) -> None:
        self.given: dict[str, int] = {}
        self.kept: dict[str, int] = {}

    def count(self, key: str, value: Tensor, stored: npt.NDArray[Any]) -> None:
        """Take a part of a field into account."""
        # tokens may lose some: a language model's dead channels (two of MiniLM's 384 are 1e-33) say nothing
        if key != "token_x" and STORED_FIELDS[key] is torch.float16:
            self.given[key] = self.given.get(key, 0) + int(value.count_nonzero())
            self.kept[key] = self.kept.get(key, 0) + int(np.count_nonzero(stored))

    def check(self, name: str) -> None:
        """Refuse a clip of which more than :data:`MOST_LOST` would be lost.

        Raises:
            DataError: names clip and field.
        """
        for key, given in self.given.items():
            lost = 1 - self.kept[key] / given if given else 0.0
            if lost > MOST_LOST:
                raise DataError(
                    f"clip '{name}': {key}",
                    f"has values too small for float16: {lost:.1%} of those that are not 0 would become 0",
                    "scale the features up (a softmax by 10000, say), or store its logarithm",
                )


def to_arrays(
    name: str, fields: Mapping[str, Tensor], widths: Mapping[str, int], small: SmallValues | None = None
) -> Arrays:
    """A clip's fields in the types they are stored in.

    Args:
        name: of the clip.
        fields: as for :meth:`graphvtr.graphs.VideoGraph.build`.
        widths: feature field -> width; ``fields`` must have exactly these features.
        small: counts what becomes 0 where the fields are a part of a clip; without it they are the whole and judged.

    Raises:
        DataError: a field is unknown, missing, of another width, not finite, or too large or too small for its type;
            the message names clip and field.
    """
    check_clip_name(name)

    def refuse(key: str, problem: str, fix: str) -> DataError:
        return DataError(f"clip '{name}': {key}", problem, fix)

    for key in fields:
        if key not in STORED_FIELDS:
            raise refuse(key, "is not a field of clips", f"known: {', '.join(FIELDS)}")
        if f"{key.split('_')[0]}_x" not in widths:
            raise refuse(key, f"has no place in a store of {', '.join(widths)}", "make a store with a width for it")
    for key, width in widths.items():
        if key not in fields:
            raise refuse(key, "is missing", f"give [n, {width}]")
        if fields[key].shape[1:] != (width,):
            problem = f"has shape {list(fields[key].shape)}, the store holds [n, {width}]"
            raise refuse(key, problem, "use the featurizer that the store was made with")
    if "token_x" in widths:
        if not torch.isfinite(fields["token_x"]).all():
            raise refuse("token_x", "has NaN or infinite values", "compute the features again")
    elif not len(fields["frame_x"]):
        raise refuse("frame_x", "has no frames", "leave the clip out")
    else:
        VideoGraph.build(**fields, name=name)
    arrays, counted = {}, SmallValues() if small is None else small
    for key, value in fields.items():
        arrays[key] = value.detach().cpu().to(STORED_FIELDS[key]).numpy()
        if not np.isfinite(arrays[key]).all():
            problem = f"reaches {float(value.abs().max()):.3g}, beyond float16's 65504"
            raise refuse(key, problem, "scale the features down")
        counted.count(key, value, arrays[key])
    if small is None:
        counted.check(name)
    return arrays


def checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """CRC-32 over field names, dtypes, shapes and values, whatever the order of the fields."""
    shapes = {name: array.shape for name, array in arrays.items()}
    types = {name: array.dtype for name, array in arrays.items()}
    return checksum_of_pieces(shapes, types, lambda name: [np.ascontiguousarray(arrays[name]).tobytes()])


def checksum_of_pieces(
    shapes: Mapping[str, Sequence[int]],
    types: Mapping[str, npt.DTypeLike],
    pieces: Callable[[str], Iterable[bytes | memoryview]],
) -> int:
    """The same of fields whose bytes come in pieces."""
    crc = 0
    for name in sorted(shapes):
        crc = zlib.crc32(f"{name} {np.dtype(types[name]).str} {tuple(shapes[name])}".encode(), crc)
        for piece in pieces(name):
            crc = zlib.crc32(piece, crc)
    return crc


def numpy_type(key: str) -> np.dtype[Any]:
    """How a field is stored, as numpy says it."""
    return torch.empty(0, dtype=STORED_FIELDS[key]).numpy().dtype
