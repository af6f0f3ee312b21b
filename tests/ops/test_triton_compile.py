"""Every Triton kernel compiles to machine code for a GPU, with the constants that its launcher passes."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor

triton = pytest.importorskip("triton")
if triton.knobs.runtime.interpret:
    pytest.skip("kernels are interpreted in this process", allow_module_level=True)

PTR, COL, ROLE = torch.tensor([0, 2, 5]), torch.tensor([1, 0, 0, 1, 1]), torch.tensor([0, 1, 1, 0, 1])
TYPES = {
    torch.float64: "*fp64", torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16",
    torch.int32: "*i32", torch.int64: "*i64",
}  # fmt: skip


def type_name(value: Any) -> str:
    """How Triton names the type of an argument."""
    if isinstance(value, Tensor):
        return TYPES[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kernels are compiled for an H100 or H200 instead of launched; their names are collected."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.runtime.jit import JITFunction

    names: list[str] = []

    def compile_only(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        assert all(0 < size < (2**31 if axis == 0 else 2**16) for axis, size in enumerate(grid))
        options = {key: kwargs.pop(key) for key in ("num_warps",) if key in kwargs}
        bound = {**dict(zip((parameter.name for parameter in self.params), args, strict=False)), **kwargs}
        constants = {parameter.name: bound[parameter.name] for parameter in self.params if parameter.is_constexpr}
        signature = {
            parameter.name: "constexpr" if parameter.is_constexpr else type_name(bound[parameter.name])
            for parameter in self.params
        }
        source = ASTSource(self, signature, constexprs=constants)
        binary = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
        assert len(binary.asm["cubin"]) > 0
        names.append(self.__name__)

    monkeypatch.setattr(JITFunction, "run", compile_only)
    return names


def kernels(op: str) -> Any:
    return importlib.import_module(f"graphvtr.ops.triton.{op}")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_reductions(compiled, dtype, reduce) -> None:
    x, weight = torch.randn(5, 1, 70).to(dtype), torch.randn(5, 1).to(dtype)
    flat, op = x[:, 0], kernels("segment_reduce")
    op.backward(flat[:2], flat, PTR, op.forward(flat, PTR, reduce), reduce)
    op = kernels("gather_segment_reduce")
    op.backward(op.forward(x, COL, PTR, weight, reduce), x, COL, PTR, weight, reduce)
    assert {"forward_kernel", "backward_kernel", "row_gradient_kernel", "weight_gradient_kernel"} <= set(compiled)
    assert ("share_kernel" in compiled) == (reduce == "max")


def test_softmax(compiled) -> None:
    op, score = kernels("segment_softmax"), torch.randn(5, 3)
    op.backward(score, op.forward(score, PTR.int()), PTR.int())
    assert compiled == ["forward_kernel", "backward_kernel"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("roles", [False, True])
def test_role_attention(compiled, dtype, roles) -> None:
    q, k, v, role_weight = (torch.randn(2, 1, 1024).to(dtype) for _ in range(4))
    role = (ROLE, role_weight) if roles else (None, None)
    op = kernels("role_attention")
    out, weights = op.forward(q, k, v, PTR, COL, *role, 0.1)
    op.backward(out, weights, q, k, v, PTR, COL, *role, weights, 0.1)
    assert compiled == ["forward_kernel", "receiver_kernel", "sender_kernel", *(["role_kernel"] if roles else [])]


@pytest.mark.parametrize("fusion", ["sim", "embed"])
def test_local_match(compiled, fusion) -> None:
    nodes, frames, frame_ptr = torch.randn(5, 64), torch.randn(30, 64), torch.tensor([0, 20, 30])
    op, options = kernels("local_match"), (4.0, fusion, "clipped", "sum", 1 << 28)
    scores = op.forward(nodes, PTR, frames, frame_ptr, *options)
    op.backward(scores, nodes, PTR, frames, frame_ptr, *options)
    assert compiled == ["score_kernel", "forward_kernel", "gradient_kernel"]


@pytest.mark.parametrize(
    ("normalization", "affinity"), [("random_walk", "dot"), ("symmetric", "exp"), ("symmetric", "softplus")]
)
def test_complete_graph_walk(compiled, normalization, affinity) -> None:
    phi, x, ptr = torch.randn(22, 128), torch.randn(22, 256), torch.tensor([0, 12, 22])
    op, options = kernels("complete_graph_walk"), (None, torch.ones(()), normalization, affinity, 2, 1e-6)
    op.backward(op.forward(phi, phi, x, ptr, *options), phi, phi, x, ptr, *options)
    assert compiled == ["forward_kernel", "backward_kernel"]


def test_segment_attention(compiled) -> None:
    q, ptr = torch.randn(46, 4, 64), torch.tensor([0, 26, 46])
    op = kernels("segment_attention")
    op.backward(op.forward(q, q, q, ptr, 0.1), q, q, q, ptr, 0.1)
    assert compiled == ["forward_kernel", "backward_kernel"]
