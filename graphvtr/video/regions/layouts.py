"""What the outputs of a detector mean: from raw numbers to boxes with scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.onnx_config import check_numbers, config_from_file, config_from_mapping
from graphvtr.video.regions.boxes import from_centre
from graphvtr.video.regions.coco import COCO
from graphvtr.video.regions.selection import Candidates

_CHOICES = {
    "kind": ("fastestdet", "yolo", "ssd"),
    "colour": ("rgb", "bgr"),
    "box": ("cxcywh", "xyxy", "yxyx", "xywh"),
    "units": ("pixels", "fractions"),
    "activation": ("none", "sigmoid", "softmax"),
}


@dataclass(frozen=True)
class DetectorLayout:
    """How a detector wants pictures and what its outputs mean; as JSON, the small configuration beside a model.

    ==============  ====================================================================================
    ``kind``        ``fastestdet``: one output [1, 5 + C, H, W] of objectness, box and classes a cell.
                    ``yolo``: one output, [1, n, 4 (+ 1) + C] or with the last two exchanged: box,
                    objectness if there is one, classes.
                    ``ssd``: boxes [1, n, 4] and scores [1, n, C], or scores [1, n] with labels [1, n].
    ``size``        height and width of the input; by default as the model declares
    ``colour``      order of the channels, ``rgb`` or ``bgr``
    ``mean``        of each channel in that order, of values 0..255; the input is (value - mean) / std
    ``std``         likewise
    ``box``         ``cxcywh``, ``xyxy``, ``yxyx`` or ``xywh`` (corner and size)
    ``units``       of boxes: ``pixels`` of the input or ``fractions`` of it
    ``objectness``  whether yolo rows have one
    ``activation``  what scores still need: ``none``, ``sigmoid`` or ``softmax`` (of the classes)
    ``background``  index of the class that stands for no object, None if there is none
    ``outputs``     names of the outputs: one for yolo; boxes, scores (and labels) for ssd; by default in
                    the model's order
    ``labels``      names of the classes, in the order of their numbers; by default COCO's for a model of 80
    ==============  ====================================================================================

    Raises:
        DataError: a value that is not listed.
    """

    kind: str = "fastestdet"
    size: tuple[int, int] | None = None
    colour: str = "bgr"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (255.0, 255.0, 255.0)
    box: str = "cxcywh"
    units: str = "pixels"
    objectness: bool = True
    activation: str = "none"
    background: int | None = None
    outputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise DataError(f"layout.{name}", f"is {getattr(self, name)!r}", f"known: {', '.join(known)}")
        for name, length in (("mean", 3), ("std", 3), ("size", 2)):
            if name != "size" or self.size is not None:
                check_numbers("layout", name, getattr(self, name), length)
        if 0 in self.std or (self.size is not None and min(self.size) < 1):
            raise DataError("layout", "has a std or size of 0", "give positive numbers")
        if not isinstance(self.labels, tuple) or not all(isinstance(label, str) for label in self.labels):
            raise DataError("layout.labels", f"are {self.labels!r}", "give the names of the classes as a list")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: object = "layout") -> DetectorLayout:
        """From plain JSON values.

        Raises:
            DataError: an unknown name or value; names ``source``.
        """
        return config_from_mapping(cls, values, source)

    @classmethod
    def from_file(cls, path: str | Path) -> DetectorLayout:
        """From a JSON file.

        Raises:
            DataError: it cannot be read or describes nothing.
        """
        return config_from_file(cls, path)

    @property
    def settings(self) -> dict[str, Any]:
        """Plain JSON values, for manifests."""
        return asdict(self)

    def num_classes(self, outputs: Mapping[str, Tensor]) -> int | None:
        """How many classes the outputs have scores of, None where they hold labels."""
        tensors = [outputs[name] for name in self.outputs or tuple(outputs)]
        if self.kind == "fastestdet":
            return tensors[0].size(1) - 5
        if self.kind == "yolo":
            return min(tensors[0].shape[1:]) - 4 - self.objectness
        return tensors[1].size(-1) if tensors[1].dim() == 3 else None

    def names_of(self, outputs: Mapping[str, Tensor], source: object) -> tuple[str, ...]:
        """Names of the classes; empty where they are not known.

        Raises:
            DataError: there are more or fewer than the model has.
        """
        count = self.num_classes(outputs)
        if not self.labels:
            return COCO if count == len(COCO) else ()
        if count is not None and count != len(self.labels):
            raise DataError(source, f"has {count} classes", f"layout.labels names {len(self.labels)}")
        return self.labels

    def decode(self, outputs: Mapping[str, Tensor], height: int, width: int, source: object = "outputs") -> Candidates:
        """Boxes, scores and labels of the outputs for a batch of inputs of ``height`` x ``width`` pixels.

        Raises:
            DataError: the outputs have other shapes; names ``source``.
        """
        names = self.outputs or tuple(outputs)
        for name in names:
            if name not in outputs:
                raise DataError(source, f"has no output '{name}'", f"it has {', '.join(outputs)}")
        tensors = [outputs[name].float() for name in names]
        try:
            if self.kind == "fastestdet":
                return decode_fastestdet(tensors[0])
            box, score = self._yolo(tensors[0]) if self.kind == "yolo" else self._ssd(tensors)
        except (IndexError, ValueError, RuntimeError) as error:
            shapes = ", ".join(f"{name} {list(outputs[name].shape)}" for name in names)
            raise DataError(source, f"does not fit kind '{self.kind}': it gives {shapes}", str(error)) from error
        if self.units == "pixels":
            box = box / box.new_tensor([width, height, width, height])
        if score.dim() == 2:  # labels are known already
            return box.clamp(0, 1), score, tensors[2].long()
        best, label = score.max(-1)
        return box.clamp(0, 1), best, label

    def _yolo(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes and scores [T, n, C] of one output."""
        if output.dim() != 3:
            raise ValueError("give [1, n, 4 (+ 1) + C]")
        if output.size(1) < output.size(2):  # more candidates than numbers a candidate
            output = output.transpose(1, 2)
        box, rest = output[..., :4], output[..., 4:]
        if self.objectness:
            present, classes = rest[..., :1], rest[..., 1:]
            if self.activation != "none":
                present = present.sigmoid()
            return self._corners(box), present * self._activate(classes)
        return self._corners(box), self._activate(rest)

    def _ssd(self, outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Boxes and scores [T, n, C], or [T, n] where labels come with them."""
        box, score = outputs[0], outputs[1]
        if box.dim() != 3 or box.size(-1) != 4 or score.shape[:2] != box.shape[:2]:
            raise ValueError("give boxes [1, n, 4] and scores [1, n, C] or [1, n]")
        if score.dim() == 2 and (len(outputs) < 3 or outputs[2].shape != score.shape):
            raise ValueError("scores [1, n] need labels [1, n]")
        return self._corners(box), self._activate(score)

    def _activate(self, score: Tensor) -> Tensor:
        """Probabilities of the classes; the background's is never the best."""
        if self.activation == "sigmoid":
            score = score.sigmoid()
        elif self.activation == "softmax":
            score = score.softmax(-1)
        if self.background is not None and score.dim() == 3:
            score = score.clone()
            score[..., self.background] = -1.0
        return score

    def _corners(self, box: Tensor) -> Tensor:
        """[T, n, 4] as x0 y0 x1 y1, in whatever units."""
        if self.box == "cxcywh":
            return torch.cat([box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2], dim=-1)
        if self.box == "xywh":
            return torch.cat([box[..., :2], box[..., :2] + box[..., 2:]], dim=-1)
        return box[..., [1, 0, 3, 2]] if self.box == "yxyx" else box


def decode_fastestdet(output: Tensor) -> Candidates:
    r"""FastestDet's map [T, 5 + C, H, W]: objectness o (a probability), box x y w h, class probabilities p.

    In cell (i, j) the box has its centre at :math:`((j + \tanh x) / W, (i + \tanh y) / H)` and sides
    :math:`\sigma(w), \sigma(h)`; its score is :math:`o^{0.6} (\max_c p_c)^{0.4}`, as its authors weigh them.

    Raises:
        ValueError: another shape.
    """
    if output.dim() != 4 or output.size(1) < 6:
        raise ValueError("give [1, 5 + C, H, W]")
    height, width = output.shape[2:]
    cells = output.flatten(2).transpose(1, 2)  # [T, H W, 5 + C]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    corner = torch.stack([x, y], dim=-1).view(-1, 2).to(output)
    centre = (corner + cells[..., 1:3].tanh()) / output.new_tensor([width, height])
    best, label = cells[..., 5:].max(-1)
    score = cells[..., 0].clamp(min=0) ** 0.6 * best.clamp(min=0) ** 0.4
    return from_centre(centre, cells[..., 3:5].sigmoid()), score, label
