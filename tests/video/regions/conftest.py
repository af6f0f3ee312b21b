"""Tiny ONNX models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

MakeOnnx = Callable[..., Path]


@pytest.fixture
def make_onnx(tmp_path: Path) -> MakeOnnx:
    """``make_onnx(name, outputs, size=32, batch=1)``: a model of pictures with constant outputs, by name; the
    output ``None`` is the mean of each channel of the input, [1, 1, 3]."""

    def make(
        name: str,
        outputs: dict[str, np.ndarray[Any, Any] | None],
        size: int | Sequence[int | str] = 32,
        batch: int | str = 1,
        extra_inputs: Sequence[str] = (),
    ) -> Path:
        helper, numpy_helper, proto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
        sides = [size, size] if isinstance(size, int) else list(size)
        inputs = [helper.make_tensor_value_info("pictures", proto.FLOAT, [batch, 3, *sides])]
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
