"""Shape classes, backends and comparisons shared by the tests of the ops.

Every op runs on every backend that this process can use: ``torch`` always, ``native`` where there is a C compiler,
``torch_scatter`` (a stand-in for it where it is not installed), ``triton`` on a GPU, and, in the process that
``test_triton_interpreter.py`` starts, ``triton`` on the CPU.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr._optional import is_installed
from graphvtr.ops import backend
from graphvtr.ops._backend import KERNELS
from graphvtr.ops.native_build import library

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def _targets() -> list[tuple[str, str]]:
    if INTERPRETED:
        return [("triton", "cpu")]
    found = [(name, "cpu") for name in ("torch", "torch_scatter", *(["native"] if library() is not None else []))]
    if torch.cuda.is_available():
        scatter = ["torch_scatter"] if is_installed("torch_scatter") else []
        found += [(name, "cuda") for name in ("torch", *scatter, "triton")]
    return found


TARGETS = _targets()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An op without a kernel of its own in C, or in torch-scatter, runs on torch there: once is enough."""
    items[:] = [item for item in items if not _runs_on_torch(item)]


def _runs_on_torch(item: pytest.Item) -> bool:
    found = getattr(item, "callspec", None)
    op = Path(item.path).stem.removeprefix("test_")
    name, device = found.params.get("target", ("torch", "cpu")) if found is not None else ("torch", "cpu")
    return name in ("native", "torch_scatter") and device == "cpu" and op not in KERNELS[name]


DTYPES = (
    [torch.float32, torch.bfloat16] if INTERPRETED else [torch.float64, torch.float32, torch.bfloat16, torch.float16]
)
#: Largest difference from the float64 reference, over the largest value of the reference or 0.1.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}


@dataclass(frozen=True)
class Target:
    """Where a test runs."""

    backend: str
    device: str

    def move(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor.to(self.device) for tensor in tensors)


@contextmanager
def _torch_scatter() -> Iterator[None]:
    """Torch-scatter can be imported: where it is not installed a stand-in for it, and all that has imported the
    stand-in is forgotten afterwards."""
    if is_installed("torch_scatter"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent / "stubs")
        yield
    for name in [*sys.modules]:
        if name == "torch_scatter" or name.startswith("graphvtr.ops.scatter."):
            del sys.modules[name]


@pytest.fixture(params=TARGETS, ids=lambda target: "-".join(target))
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """A backend and a device; the backend is chosen while the test runs."""
    name, device = request.param
    with _torch_scatter() if name == "torch_scatter" else nullcontext(), backend(name):
        yield Target(name, device)


@pytest.fixture(params=DTYPES, ids=lambda dtype: str(dtype).removeprefix("torch."))
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Each floating dtype."""
    found: torch.dtype = request.param
    return found


@pytest.fixture
def poisoned() -> Iterator[None]:
    """Fresh memory is full of NaN: an output that is not written everywhere shows."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    assert torch.empty(1).isnan().all()
    yield
    torch.use_deterministic_algorithms(before[0])
    torch.utils.deterministic.fill_uninitialized_memory = before[1]


#: name -> elements of each segment
SEGMENTS: dict[str, list[int]] = {
    "no segments": [],
    "all empty": [0, 0, 0],
    "one element": [1],
    "one among empty": [0, 1, 0],
    "ragged": [3, 0, 1, 5, 2, 0],
    "20": [20],
    **({} if INTERPRETED else {"300": [0, 300, 1]}),  # an interpreted kernel takes minutes over 300 nodes
}


@dataclass(frozen=True)
class Graph:
    """Incoming edges of ``nodes`` nodes, in the order of their destinations."""

    nodes: int
    ptr: Tensor
    col: Tensor
    role: Tensor

    @property
    def edges(self) -> int:
        return int(self.col.numel())


def _graph(nodes: int, edges: list[tuple[int, int]], roles: int = 5) -> Graph:
    edges = sorted(edges, key=lambda edge: edge[1])
    count = torch.bincount(torch.tensor([to for _, to in edges], dtype=torch.long), minlength=nodes)
    ptr = torch.cat([torch.zeros(1, dtype=torch.long), count.cumsum(0)])
    generator = torch.Generator().manual_seed(len(edges))
    role = torch.randint(roles, (len(edges),), generator=generator)
    return Graph(nodes, ptr, torch.tensor([source for source, _ in edges], dtype=torch.long), role)


def _small_graphs(sizes: list[int]) -> list[tuple[int, int]]:
    edges, begin = [], 0
    for size in sizes:
        for node in range(1, size):
            parent = begin + (node * 7) % node if node > 2 else begin
            edges += [(begin + node, parent), (parent, begin + node)]
        begin += size
    return edges


GRAPHS: dict[str, Graph] = {
    "empty graph": _graph(0, []),
    "isolated nodes": _graph(3, []),
    "one node": _graph(1, [(0, 0)]),
    "one edge": _graph(2, [(0, 1)]),
    "trees": _graph(8, _small_graphs([4, 1, 3])) if INTERPRETED else _graph(20, _small_graphs([4, 1, 9, 6])),
}
if not INTERPRETED:
    GRAPHS["300 nodes"] = _graph(300, [*_small_graphs([20] * 15), *[(source, 7) for source in range(0, 300, 3)]])


def _relative_error(found: Tensor, wanted: Tensor) -> float:
    if wanted.numel() == 0:
        return 0.0
    found = found.detach().double().cpu()
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=0.1))


@pytest.fixture
def compare() -> Callable[..., None]:
    """Compare an op with its reference: values and every gradient, against float64 on the same rounded inputs."""

    def check(
        op: Callable[..., Any],
        reference: Callable[..., Any],
        inputs: list[Tensor],
        dtype: torch.dtype,
        device: str = "cpu",
        factor: float = 1.0,
    ) -> None:
        rounded = [value.to(dtype) for value in inputs]
        ours = [value.to(device, copy=True).requires_grad_() for value in rounded]
        theirs = [value.double().requires_grad_() for value in rounded]
        found, wanted = op(*ours), reference(*theirs)
        found, wanted = (x if isinstance(x, tuple) else (x,) for x in (found, wanted))
        limit = TOLERANCE[dtype] * factor
        for one, other in zip(found, wanted, strict=True):
            assert (one.dtype, one.shape) == (dtype, other.shape)
            assert one.isfinite().all()
            assert _relative_error(one, other.detach()) <= limit
        upstream = [torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(dtype) for x in wanted]
        grads = torch.autograd.grad(found, ours, [x.to(device) for x in upstream])
        references: Any = [None] * len(theirs)  # a reference of nothing depends on nothing
        if wanted[0].requires_grad:
            references = torch.autograd.grad(wanted, theirs, [x.double() for x in upstream], allow_unused=True)
        for place, (one, other) in enumerate(zip(grads, references, strict=True)):
            other = torch.zeros_like(theirs[place]) if other is None else other
            assert (one.dtype, one.shape) == (dtype, other.shape)
            assert one.isfinite().all()
            assert _relative_error(one, other) <= 4 * limit, f"gradient of input {place}"

    return check


@pytest.fixture
def repeats() -> Callable[[Callable[..., Any], list[Tensor]], None]:
    """Two runs, forward and backward, are equal to the last bit."""

    def check(op: Callable[..., Any], inputs: list[Tensor]) -> None:
        def run() -> list[Tensor]:
            leaves = [value.detach().clone().requires_grad_() for value in inputs]
            out = op(*leaves)
            out = out if isinstance(out, tuple) else (out,)
            return [*out, *torch.autograd.grad(out, leaves, [torch.ones_like(x) for x in out])]

        for one, other in zip(run(), run(), strict=True):
            assert torch.equal(one, other)

    return check


@pytest.fixture(params=SEGMENTS, ids=lambda name: name.replace(" ", "_"))
def ptr(request: pytest.FixtureRequest) -> Tensor:
    """A pointer of each shape class."""
    return torch.tensor([0, *SEGMENTS[request.param]]).cumsum(0)


@pytest.fixture(params=[name for name in SEGMENTS if name != "300"], ids=lambda name: name.replace(" ", "_"))
def small_ptr(request: pytest.FixtureRequest) -> Tensor:
    """A pointer of each shape class but the largest."""
    return torch.tensor([0, *SEGMENTS[request.param]]).cumsum(0)


@pytest.fixture(params=GRAPHS, ids=lambda name: name.replace(" ", "_"))
def graph(request: pytest.FixtureRequest) -> Graph:
    """A graph, or many small ones, of each shape class."""
    return GRAPHS[request.param]


@pytest.fixture
def two_trees() -> Graph:
    """Two small graphs, with isolated nodes after them."""
    return _graph(7, _small_graphs([3, 2])) if INTERPRETED else _graph(11, _small_graphs([4, 5]))
