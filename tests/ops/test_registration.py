"""What ``torch.library`` promises of every op: opcheck, fake tensors, ``torch.compile``, autocast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing import assert_close

from graphvtr import ops
from graphvtr.errors import DataError

PTR, COL, ROLE = torch.tensor([0, 2, 2, 5]), torch.tensor([1, 2, 0, 0, 1]), torch.tensor([0, 1, 1, 0, 1])
OTHER_PTR = torch.tensor([0, 1, 4])


@dataclass(frozen=True)
class Sample:
    """One call of a public function: its floating inputs' shapes, and how it is called with them."""

    call: Callable[..., Tensor]
    shapes: tuple[tuple[int, ...], ...]

    def leaves(self, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        return [torch.randn(shape, dtype=dtype).requires_grad_() for shape in self.shapes]


SAMPLES = {
    "segment_reduce": Sample(lambda x: ops.segment_reduce(x, PTR, "max"), ((5, 3),)),
    "segment_softmax": Sample(lambda x: ops.segment_softmax(x, PTR), ((5, 2),)),
    "gather_segment_reduce": Sample(
        lambda x, w: ops.gather_segment_reduce(x, COL, PTR, "mean", w), ((3, 2, 4), (5, 2, 1))
    ),
    "gather_segment_reduce without weights": Sample(lambda x: ops.gather_segment_reduce(x, COL, PTR, "max"), ((3, 4),)),
    "role_attention": Sample(
        lambda q, k, v, w: ops.role_attention(q, k, v, PTR, COL, ROLE, w), ((3, 8), (3, 8), (3, 4), (2, 4))
    ),
    "role_attention without roles": Sample(
        lambda q, k, v: ops.role_attention(q, k, v, PTR, COL), ((3, 2, 8), (3, 2, 8), (3, 2, 4))
    ),
    "local_match": Sample(lambda n, f: ops.local_match(n, PTR, f, OTHER_PTR, fusion="embed"), ((5, 6), (4, 6))),
    "complete_graph_walk": Sample(
        lambda p, t, x: ops.complete_graph_walk(p, t, x, PTR, affinity="exp"), ((5, 3), (5, 3), (5, 4))
    ),
    "complete_graph_walk of a batch": Sample(
        lambda p, t, x: ops.complete_graph_walk(p, t, x, affinity="softplus", steps=2),
        ((2, 3, 3), (2, 3, 3), (2, 3, 4)),
    ),
    "holographic_scores": Sample(ops.holographic_scores, ((3, 8), (2, 8), (8,))),
    "segment_attention": Sample(lambda q, k, v: ops.segment_attention(q, k, v, PTR), ((5, 2, 4),) * 3),
}


@pytest.fixture(params=SAMPLES, ids=lambda name: name.replace(" ", "_"))
def sample(request: pytest.FixtureRequest) -> Sample:
    return SAMPLES[request.param]


def gradients(call: Callable[..., Tensor], leaves: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(call(*leaves).square().sum(), leaves)


class _Calls(torch.utils._python_dispatch.TorchDispatchMode):
    """Collects the calls of our registered ops."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Any, tuple[Any, ...]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "graphvtr":
            self.found.append((func, args))
        return func(*args, **(kwargs or {}))


def test_opcheck_of_every_registered_op(sample) -> None:
    with _Calls() as calls:
        gradients(sample.call, sample.leaves())
    assert len(calls.found) == 2  # forward and backward
    (forward, args), (backward, back_args) = calls.found
    leaves = [x.detach().requires_grad_(x.is_floating_point()) if isinstance(x, Tensor) else x for x in args]
    torch.library.opcheck(forward, leaves)
    torch.library.opcheck(backward, back_args, test_utils=("test_schema", "test_faketensor"))


def test_compiles_whole_with_dynamic_shapes(sample) -> None:
    torch._dynamo.reset()
    leaves = sample.leaves()
    compiled = torch.compile(sample.call, fullgraph=True, dynamic=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*leaves), sample.call(*leaves))
    for one, other in zip(gradients(compiled, leaves), gradients(sample.call, leaves), strict=True):
        torch.testing.assert_close(one, other)


def test_a_compiled_function_follows_the_backend() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lambda x: ops.segment_reduce(x * 2, PTR), fullgraph=True, backend="aot_eager")
    x = torch.randn(5, 3)
    wanted = compiled(x)
    with ops.backend("torch"):
        torch.testing.assert_close(compiled(x), wanted)


def test_dynamic_shapes_need_one_compilation() -> None:
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(ops.segment_reduce, fullgraph=True, dynamic=True, backend=counter)
    for segments in (3, 4, 7):
        ptr = torch.arange(segments + 1) * 2
        x = torch.randn(2 * segments, 5)
        torch.testing.assert_close(compiled(x, ptr), x.view(segments, 2, 5).sum(1))
    assert counter.frame_count == 1


def test_autocast_narrows_no_product_inside(sample) -> None:
    leaves = sample.leaves()
    wanted, wanted_grads = sample.call(*leaves), gradients(sample.call, leaves)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, grads = sample.call(*leaves), gradients(sample.call, leaves)
    assert torch.equal(found, wanted)
    assert all(torch.equal(one, other) for one, other in zip(grads, wanted_grads, strict=True))


def test_fake_tensors_have_the_real_shapes(sample) -> None:
    real = sample.call(*sample.leaves())
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        leaves = [mode.from_tensor(x.detach()).requires_grad_() for x in sample.leaves()]
        fake = sample.call(*leaves)
        assert (fake.shape, fake.dtype, fake.stride()) == (real.shape, real.dtype, real.stride())
        for leaf, grad in zip(leaves, gradients(sample.call, leaves), strict=True):
            assert (grad.shape, grad.dtype) == (leaf.shape, leaf.dtype)


def test_more_than_2_to_the_31_elements_by_fake_tensors() -> None:
    """Offsets past 32 bits: shapes that no test machine holds go through every op, forward and backward."""
    rows, width = 2**21 + 3, 1024
    assert rows * width > 2**31
    with FakeTensorMode():

        def leaf(*shape: int) -> Tensor:
            return torch.empty(shape, requires_grad=True)

        def index(size: int) -> Tensor:
            return torch.empty(size, dtype=torch.long)

        wide, ptr = leaf(rows, width), index(1001)
        outputs = [
            ops.segment_reduce(wide, ptr),
            ops.segment_softmax(wide, ptr),
            ops.gather_segment_reduce(wide, index(rows), ptr, "sum", leaf(rows)),
            ops.role_attention(wide, wide, wide, index(rows + 1), index(4 * rows), index(4 * rows), leaf(16, width)),
            ops.local_match(wide, ptr, wide, ptr),
            ops.complete_graph_walk(wide, wide, wide, ptr),
            ops.holographic_scores(wide, leaf(5, width), leaf(width)),
            ops.segment_attention(wide, wide, wide, ptr),
        ]
        shapes = [(1000, width), (rows, width), (1000, width), (rows, width), (1000, 1000), (rows, width), (rows, 5)]
        assert [tuple(out.shape) for out in outputs] == [*shapes, (rows, width)]
        for out in outputs:
            (grad,) = torch.autograd.grad(out.sum(), [wide])
            assert grad.shape == wide.shape


def test_forward_mode_raises(sample) -> None:
    """Nothing is dropped in silence: a tangent that would be lost is an error."""
    leaves = tuple(x.detach() for x in sample.leaves())
    for place in range(len(leaves)):
        tangents = tuple(torch.ones_like(x) if n == place else torch.zeros_like(x) for n, x in enumerate(leaves))
        with pytest.raises(NotImplementedError, match="carries a tangent"):
            torch.func.jvp(sample.call, leaves, tangents)
    with torch.autograd.forward_ad.dual_level():
        assert torch.equal(sample.call(*leaves), sample.call(*leaves))  # without a tangent nothing is refused


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith(("segment_r", "segment_s", "gather"))])
def test_forward_mode_of_message_passing(name: str) -> None:
    """PyG's own reductions have one."""
    leaves = tuple(x.detach() for x in SAMPLES[name].leaves(torch.float64))
    tangents = tuple(map(torch.randn_like, leaves))
    wanted = sum(
        (jacobian * tangent).flatten(-tangent.dim()).sum(-1)
        for jacobian, tangent in zip(
            torch.autograd.functional.jacobian(SAMPLES[name].call, leaves), tangents, strict=True
        )
    )
    with ops.backend("message_passing"):
        assert_close(torch.func.jvp(SAMPLES[name].call, leaves, tangents)[1], wanted)


def test_forward_mode_raises_in_compiled_code() -> None:
    """When it is traced with a tangent, and when it was traced without and is called with one."""
    torch._dynamo.reset()
    x, options = torch.randn(5, 2), {"backend": "eager", "fullgraph": True}
    inside = torch.compile(lambda x: torch.func.jvp(lambda y: ops.segment_softmax(y, PTR), (x,), (x,))[1], **options)
    with pytest.raises(RuntimeError, match="carries a tangent"):
        inside(x)
    compiled = torch.compile(lambda x: ops.segment_softmax(x, PTR), **options)
    assert compiled(x).shape == x.shape
    with torch.autograd.forward_ad.dual_level():
        assert compiled(x).shape == x.shape
        with pytest.raises(NotImplementedError, match="carries a tangent"):
            compiled(torch.autograd.forward_ad.make_dual(x, x))


def test_checks_of_values_run_inside_compiled_code() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(ops.segment_reduce, fullgraph=True, dynamic=True, backend="aot_eager")
    with pytest.raises(DataError, match=r"^ptr: "):
        compiled(torch.ones(3, 2), torch.tensor([0, 2, 4]))


@pytest.mark.slow
def test_inductor_compiles_whole() -> None:
    """The one op through the whole compiler; layers are traced and differentiated by it (``aot_eager``), and
    ``tests/tasks/test_compiled.py`` trains a model."""
    torch._dynamo.reset()
    sample = SAMPLES["role_attention"]
    leaves = sample.leaves()
    compiled = torch.compile(lambda *args: sample.call(*args).relu(), fullgraph=True, dynamic=True)
    torch.testing.assert_close(compiled(*leaves), sample.call(*leaves).relu())
