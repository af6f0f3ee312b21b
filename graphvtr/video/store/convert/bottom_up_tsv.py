"""The TSV of bottom-up attention (Anderson et al. 2018): one line an image, arrays as base64."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.reading import lines_within, number_of_digits
from graphvtr.video.store.convert.arrays import fractions
from graphvtr.video.store.convert.base import FORMATS, Array, ConvertOptions, Format, whole_target
from graphvtr.video.store.feature_store import FeatureStore

COLUMNS = ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features")
MOST_AN_IMAGE = 64 * 2**20  # bytes of a line: 3,000 regions of 4,096 numbers


class BottomUpTSV:
    """Lines ``image_id, image_w, image_h, num_boxes, boxes, features``; ``boxes`` (pixels) and ``features`` are base64
    of float32.

    The image ids are ``<video>_<number>`` (another separator by ``--frame-of``); images of a video may stand anywhere
    in the file and are ordered by number. An id without a number is a video of one frame. Regions of a frame may
    differ in number; the features of a frame are their mean.
    """

    def __init__(self, path: Path, options: ConvertOptions) -> None:
        if not path.is_file():
            raise DataError(path, "no such file", "check the path")
        self.path, self.options, self.file = path, options, path.open("rb")
        places: dict[str, dict[int, tuple[int, int]]] = {}
        begin = 0
        for number, line in enumerate(lines_within(self.file, path, most=MOST_AN_IMAGE, fix="copy it again"), 1):
            image = line.partition(b"\t")[0].decode("utf-8-sig", "replace").strip()
            if image and image != COLUMNS[0]:  # some writers add a header
                video, frame = self._split(image)
                if frame in places.setdefault(video, {}):
                    raise DataError(f"{path}, line {number}: image '{image}'", "is there twice", "keep one of them")
                places[video][frame] = (begin, number)
            begin += len(line)
        if not places:
            raise DataError(path, "is empty", "give one image a line")
        self.places = {video: sorted(frames.items()) for video, frames in places.items()}
        self.names: Sequence[str] = list(self.places)

    def read(self, name: str) -> dict[str, Tensor]:
        """See :class:`~graphvtr.video.store.convert.base.ClipSource`."""
        xs, boxes, frames = [], [], []
        for place, (_, (begin, number)) in enumerate(self.places[name]):
            self.file.seek(begin)
            x, box = self._image(self.file.readline(), f"{self.path}, line {number}")
            xs.append(x)
            boxes.append(box)
            frames += [place] * len(x)
        widths = {x.size(1) for x in xs}
        if len(widths) > 1:
            raise DataError(f"{self.path}: video '{name}'", f"has features of widths {sorted(widths)}", "use one width")
        return {
            "frame_x": torch.stack([x.mean(0) if len(x) else x.new_zeros(x.size(1)) for x in xs]),
            "frame_time": torch.arange(len(xs), dtype=torch.float32) * self.options.seconds,
            "region_x": torch.cat(xs),
            "region_box": torch.cat(boxes),
            "region_score": torch.ones(len(frames)),
            "region_frame": torch.tensor(frames, dtype=torch.long),
        }

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _split(self, image: str) -> tuple[str, int]:
        video, found, last = image.rpartition(self.options.frame_of)
        number = number_of_digits(last)
        return (image, 0) if number is None or not (found and video) else (video, number)

    def _image(self, line: bytes, where: str) -> tuple[Tensor, Tensor]:
        """Features [n, D] and boxes [n, 4] as fractions."""
        cells = [cell.strip() for cell in line.split(b"\t")]
        if len(cells) != len(COLUMNS):
            problem = f"has {len(cells)} of the columns {', '.join(COLUMNS)}"
            raise DataError(where, problem, "the file is cut short or of another kind: copy it again")
        width, height, count = (
            _number(cell, f"{where}: {column}") for cell, column in zip(cells[1:4], COLUMNS[1:4], strict=True)
        )
        boxes = _floats(cells[4], f"{where}: boxes")
        values = _floats(cells[5], f"{where}: features")
        number = int(count)
        if boxes.size != 4 * number:
            raise DataError(f"{where}: boxes", f"has {boxes.size} numbers for {number} boxes", "copy the file again")
        if not number or values.size % number or not values.size:
            raise DataError(
                f"{where}: features", f"has {values.size} numbers for {number} boxes", "copy the file again"
            )
        box = fractions(torch.from_numpy(boxes.reshape(number, 4)), (width, height), where)
        return torch.from_numpy(values.reshape(number, -1)), box


def _number(cell: bytes, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not 0 < value < math.inf:
        raise DataError(where, f"is {cell[:40]!r}", "give a number above 0")
    return value


def _floats(cell: bytes, where: str) -> Array:
    try:
        data = base64.b64decode(cell, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(where, f"is no base64 ({error})", "the line is cut short: copy the file again") from error
    if len(data) % 4:
        raise DataError(where, f"has {len(data)} bytes, which are no float32", "copy the file again")
    return np.frombuffer(data, dtype="<f4").copy()


def write(store: FeatureStore, path: Path, options: ConvertOptions) -> dict[str, str]:
    """Regions of a store as a TSV; pictures are 1 x 1 in size, so that boxes stay fractions. Frames without
    regions have no line; returns the clips that have none at all."""
    if "region_x" not in store.widths:
        raise DataError(store.path, "has no regions", "write its frames as hgr-hdf5 or npy")
    empty = [name for name in store if not store.entry(name).shapes["region_x"][0]]
    if len(empty) == len(store):
        raise DataError(store.path, "has no regions in any clip", "write its frames as hgr-hdf5 or npy")
    with whole_target(path) as partial, partial.open("wb") as file:
        for name in store:
            for line in _lines(store.read(name), f"{name}{options.frame_of}"):
                file.write(line)
    return {name: f"clip '{name}': has no regions, so it has no line in the TSV" for name in empty}


def _lines(fields: dict[str, Tensor], prefix: str) -> Iterator[bytes]:
    """A line for each frame with regions."""
    for frame in range(len(fields["frame_x"])):
        chosen = fields["region_frame"] == frame
        if chosen.any():
            box, x = (_encode(fields[key][chosen]) for key in ("region_box", "region_x"))
            head = f"{prefix}{frame}\t1\t1\t{int(chosen.sum())}\t".encode()
            yield head + box + b"\t" + x + b"\n"


def _encode(values: Tensor) -> bytes:
    return base64.b64encode(values.numpy().astype("<f4").tobytes())


FORMATS.register("bottom-up-tsv")(Format("TSV of bottom-up attention, base64 features and boxes", BottomUpTSV, write))
