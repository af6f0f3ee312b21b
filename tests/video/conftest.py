"""Tiny clips made on the spot. Frame i shows the binary digits of i as seven upright bars, so that a picture
says which frame it is, however lossy the codec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.clips import DIGITS, bars, write_clip

av = pytest.importorskip("av")

MakeClip = Callable[..., Path]


def frame_numbers(pictures: Tensor) -> list[int]:
    """Which frames the pictures [T, H, W, 3] of a clip are."""
    centre = ((torch.arange(DIGITS) + 0.5) * pictures.size(2) / DIGITS).long()
    bars = pictures.float().mean(dim=(1, 3))[:, centre] > 128  # [T, digits]
    return (bars.long() << torch.arange(DIGITS)).sum(1).tolist()


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """``make_clip("name.mp4", num_frames, **settings)`` in tmp_path."""

    def make(name: str, *args: Any, **settings: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_clip(path, *args, **settings)

    return make


class MeanColour:
    """A featurizer of width 3 that counts its calls and can fail at one of them."""

    name, version, dim = "mean_colour", "1", 3

    def __init__(self, fail_at: int | None = None, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.calls, self.fail_at, self.error = 0, fail_at, error

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    def __call__(self, frames: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.fail_at:
            raise self.error("on purpose")
        return frames.float().mean(dim=(1, 2)) / 255


@pytest.fixture
def mean_colour() -> type[MeanColour]:
    return MeanColour


@pytest.fixture
def numbered() -> Callable[[int, int, int], np.ndarray]:
    return bars


@pytest.fixture
def which_frames() -> Callable[[Tensor], list[int]]:
    return frame_numbers


@pytest.fixture
def random_fields() -> Callable[..., dict[str, Tensor]]:
    """``random_fields(frames, width, regions=0)``: fields of a clip as a store takes them."""

    def make(frames: int = 4, width: int = 6, regions: int | None = None) -> dict[str, Tensor]:
        fields = {"frame_x": torch.randn(frames, width), "frame_time": torch.arange(frames) * 0.5 + 0.25}
        if regions is not None:
            corner = torch.rand(regions, 2) * 0.5
            fields |= {
                "region_x": torch.randn(regions, width),
                "region_box": torch.cat([corner, corner + 0.4], dim=1),
                "region_score": torch.rand(regions),
                "region_frame": torch.randint(0, frames, (regions,)).sort().values,
                "region_track": torch.arange(regions),
            }
        return fields

    return make


@pytest.fixture
def make_onnx(tmp_path: Path) -> Callable[..., Path]:
    """``make_onnx(name, outputs, size=32, batch=1)``: a model of pictures with constant outputs, by name; the
    output ``None`` is the mean of each channel of the input, [1, 1, 3]. ``shape`` is the input's without the batch."""

    def make(
        name: str,
        outputs: dict[str, np.ndarray[Any, Any] | None],
        size: int | Sequence[int | str] = 32,
        batch: int | str = 1,
        extra_inputs: Sequence[str] = (),
        shape: Sequence[int | str] | None = None,
    ) -> Path:
        onnx = pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        helper, numpy_helper, proto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
        sides = [size, size] if isinstance(size, int) else list(size)
        inputs = [helper.make_tensor_value_info("pictures", proto.FLOAT, [batch, *(shape or [3, *sides])])]
        inputs += [helper.make_tensor_value_info(extra, proto.FLOAT, [1]) for extra in extra_inputs]

        def node(kind: str, sources: list[str], target: str) -> Any:
            return helper.make_node(kind, sources, [target], **({"keepdims": 0} if kind == "ReduceMean" else {}))

        fixed = {"space": np.array([2, 3]), "all": np.array([1, 2, 3]), "one": np.array([1]), "two": np.array([1, 2])}
        fixed |= {"zero": np.float32(0)}
        constants = [numpy_helper.from_array(value, key) for key, value in fixed.items()]
        nodes = [node("ReduceMean", ["pictures", "all"], "mean"), node("Unsqueeze", ["mean", "two"], "picture_mean")]
        declared = []
        for key, value in outputs.items():
            if value is None:
                nodes += [
                    node("ReduceMean", ["pictures", "space"], f"{key}_mean"),
                    node("Unsqueeze", [f"{key}_mean", "one"], key),
                ]
                declared.append(helper.make_tensor_value_info(key, proto.FLOAT, [batch, 1, 3]))
                continue
            constants.append(numpy_helper.from_array(np.asarray(value), f"{key}_value"))
            if batch == 1:
                nodes.append(node("Identity", [f"{key}_value"], key))
            else:  # once for every picture of the batch
                nodes += [
                    node("Mul", ["picture_mean", "zero"], f"{key}_zero"),
                    node("Add", [f"{key}_value", f"{key}_zero"], key),
                ]
            declared.append(helper.make_tensor_value_info(key, constants[-1].data_type, [batch, *value.shape[1:]]))
        graph = helper.make_graph(nodes, "tiny", inputs, declared, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return make
