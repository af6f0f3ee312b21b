"""Every Triton kernel compiles to machine code for a GPU, with the constants that its launcher passes."""

from __future__ import annotations

import importlib
import re
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

triton = pytest.importorskip("triton")
if triton.knobs.runtime.interpret:
    pytest.skip("kernels are interpreted in this process", allow_module_level=True)

PTR, COL, ROLE = torch.tensor([0, 2, 5]), torch.tensor([1, 0, 0, 1, 1]), torch.tensor([0, 1, 1, 0, 1])
TYPES = {
    torch.bool: "*i1",
    torch.float64: "*fp64",
    torch.float32: "*fp32",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.int32: "*i32",
    torch.int64: "*i64",
}


def type_name(value: Any) -> str:
    """How Triton names the type of an argument."""
    if isinstance(value, Tensor):
        return TYPES[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"


#: What an H100 or H200 has for a program, and how many bytes a thread may spill: a few registers are cheap beside the
#: rows that they stand for, kilobytes are not.
SHARED_BYTES, SPILL_BYTES = 232_448, 1024


class Compiled(list[str]):
    """The kernels' names, and what each one takes: shared memory of a program and stack of a thread, in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[str, int] = {}
        self.stack: dict[str, int] = {}

    def fits(self, spills: int = SPILL_BYTES) -> bool:
        """Whether everything that was compiled can be launched, and how well it does."""
        assert max(self.shared.values()) <= SHARED_BYTES, self.shared
        assert max(self.stack.values()) <= spills, self.stack
        return True


def stack_of(cubin: bytes) -> int:
    """Bytes of local memory that a thread of the kernel has, spilled registers among them."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run([str(tool), "-res-usage", file.name], capture_output=True, text=True, check=True)
    return max(int(size) for size in re.findall(r"STACK:(\d+)", done.stdout + done.stderr))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Kernels are compiled for an H100 or H200 instead of launched."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.runtime.jit import JITFunction

    found = Compiled()

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
        name = self.__name__
        found.append(name)
        found.shared[name] = max(found.shared.get(name, 0), binary.metadata.shared)
        found.stack[name] = max(found.stack.get(name, 0), stack_of(binary.asm["cubin"]))

    monkeypatch.setattr(JITFunction, "run", compile_only)
    return found


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


# ---- corners: the widest rows, the largest tiles, the most programs --------------------------------------------------


FLOAT, DOUBLE, HALF = torch.float32, torch.float64, torch.bfloat16


@pytest.mark.parametrize(("dtype", "width"), [(FLOAT, 1), (HALF, 1000), (DOUBLE, 4096), (HALF, 4096)])
def test_corner_reductions(compiled, dtype, width) -> None:
    x, weight = torch.randn(5, 1, width).to(dtype), torch.randn(5, 1).to(dtype)
    for reduce in ("sum", "max"):
        op = kernels("segment_reduce")
        op.backward(x[:2, 0], x[:, 0], PTR, op.forward(x[:, 0], PTR, reduce), reduce)
        op = kernels("gather_segment_reduce")
        op.backward(op.forward(x, COL, PTR, weight, reduce), x, COL, PTR, weight, reduce)
    op = kernels("segment_softmax")
    op.backward(x[:, 0], op.forward(x[:, 0], PTR), PTR)
    assert compiled.fits(spills=0)


@pytest.mark.parametrize(
    ("dtype", "key", "width"),
    [(FLOAT, 1, 1), (DOUBLE, 512, 1024), (DOUBLE, 8192, 8192), (HALF, 8192, 8192)],
)
def test_corner_role_attention(compiled, dtype, key, width) -> None:
    (q, k), (v, role_weight) = ([torch.randn(2, 1, size).to(dtype) for _ in range(2)] for size in (key, width))
    op = kernels("role_attention")
    out, weights = op.forward(q, k, v, PTR, COL, ROLE, role_weight, 0.1)
    op.backward(out, weights, q, k, v, PTR, COL, ROLE, role_weight, weights, 0.1)
    # a row of 8,192 doubles has more than the registers; Triton 3.6 spills a pair of them at 1,024
    assert compiled.fits(spills=8 if width <= 1024 else 4096)


@pytest.mark.parametrize("fusion", ["sim", "embed"])
@pytest.mark.parametrize("frames", [32, 128])
def test_corner_local_match(compiled, fusion, frames) -> None:
    nodes, clips, frame_ptr = torch.randn(5, 64), torch.randn(frames + 3, 64), torch.tensor([0, frames, frames + 3])
    op, options = kernels("local_match"), (4.0, fusion, "clipped", "sum", 1 << 28)
    op.backward(op.forward(nodes, PTR, clips, frame_ptr, *options), nodes, PTR, clips, frame_ptr, *options)
    assert compiled.fits(SPILL_BYTES if frames <= 32 else 2048)


def test_more_nodes_than_a_grid_has_rows(compiled) -> None:
    """2.1 million nodes against one frame: 65,537 blocks of them."""
    nodes, frame = torch.empty(65_537 * 32, 1), torch.ones(1, 1)
    ptr, frame_ptr = torch.tensor([0, 65_537 * 32]), torch.tensor([0, 1])
    kernels("local_match").forward(nodes, ptr, frame, frame_ptr, 4.0, "sim", "clipped", "sum", 1 << 40)
    assert compiled.fits()


@pytest.mark.parametrize(("dtype", "nodes"), [(FLOAT, 36), (FLOAT, 64), (HALF, 64)])
def test_corner_complete_graph_walk(compiled, nodes, dtype) -> None:
    ptr, mask = torch.tensor([0, nodes, nodes + 2]), torch.ones(nodes + 2, dtype=torch.bool)
    phi, x = torch.randn(nodes + 2, 2048).to(dtype), torch.randn(nodes + 2, 2048).to(dtype)
    op, options = kernels("complete_graph_walk"), (mask, torch.ones((), dtype=dtype), "symmetric", "softplus", 3, 1e-6)
    op.backward(op.forward(phi, phi, x, ptr, *options), phi, phi, x, ptr, *options)
    assert compiled.fits()


@pytest.mark.parametrize(
    ("rows", "width", "dtype"),
    [
        (16, 16, HALF),
        (65, 65, FLOAT),
        *((rows, width, dtype) for rows, width in ((128, 64), (128, 128)) for dtype in (FLOAT, HALF)),
    ],
)
def test_corner_segment_attention(compiled, rows, width, dtype) -> None:
    """What does not fit is left to torch, with one word about it."""
    q, ptr = torch.randn(rows + 2, 2, width).to(dtype), torch.tensor([0, rows, rows + 2])
    op = kernels("segment_attention")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        op.backward(op.forward(q, q, q, ptr, 0.1), q, q, q, ptr, 0.1)
    if compiled:
        assert compiled.fits()
    tile = triton.next_power_of_2(rows) * triton.next_power_of_2(width) * q.element_size()
    assert bool(compiled) == (3 * tile <= op.MAX_BYTES)


def test_one_word_about_what_does_not_fit(compiled) -> None:
    from graphvtr.ops.triton._launch import leave_to_torch

    leave_to_torch.cache_clear()
    q, ptr = torch.randn(200, 1, 16), torch.tensor([0, 200])
    with pytest.warns(RuntimeWarning, match="segment_attention: segments of 200 rows"):
        kernels("segment_attention").forward(q, q, q, ptr, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernels("segment_attention").forward(q, q, q, ptr, 0.1)
    assert compiled == []
