from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import backend, index_to_ptr, segment_attention, spatial_attention, temporal_attention
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.native_build import library
from graphvtr.ops.segment_attention import segment_attention_reference

SCALE = 0.4


def pair(target, ptr: Tensor):
    (moved,) = target.move(ptr)
    return (
        lambda q, k, v: segment_attention(q, k, v, moved, SCALE),
        lambda q, k, v: segment_attention_reference(q, k, v, ptr, SCALE),
    )


def inputs(rows: int, heads: int, key: int, value: int) -> list[Tensor]:
    return [torch.randn(rows, heads, key), torch.randn(rows, heads, key), torch.randn(rows, heads, value)]


@pytest.mark.parametrize(("heads", "key", "value"), [(1, 17, 17), (3, 8, 8), (2, 8, 5)])
def test_values_and_gradients(target, compare, dtype, ptr, heads, key, value) -> None:
    compare(*pair(target, ptr), inputs(int(ptr[-1]), heads, key, value), dtype, target.device, factor=4)


def test_equal_segments_dense_or_ragged(target) -> None:
    q, k, v = (x.to(target.device) for x in inputs(12, 2, 4, 4))
    ptr = torch.arange(0, 13, 4, device=target.device)
    dense = segment_attention(*(x.view(3, 4, 2, 4) for x in (q, k, v))).reshape(12, 2, 4)
    torch.testing.assert_close(segment_attention(q, k, v, ptr), dense)
    registered = torch.ops.graphvtr.segment_attention(q, k, v, ptr, 0.5, target.backend)
    torch.testing.assert_close(registered, dense)


def test_one_head_needs_no_dimension(target) -> None:
    q, k, v = (x.to(target.device) for x in inputs(5, 1, 4, 4))
    ptr = torch.tensor([0, 2, 5], device=target.device, dtype=torch.int32)
    single = segment_attention(q.squeeze(1), k.squeeze(1), v.squeeze(1), ptr)
    torch.testing.assert_close(single, segment_attention(q, k, v, ptr).squeeze(1))


def test_regions_stay_in_their_frame_and_frames_in_their_video(target) -> None:
    q, k, v = (x.to(target.device) for x in inputs(6, 1, 4, 4))
    region_ptr = index_to_ptr(torch.tensor([0, 0, 2, 2, 2, 2], device=target.device), 4)
    before = spatial_attention(q, k, v, region_ptr)
    changed = v.clone()
    changed[3] += 1
    moved = (spatial_attention(q, k, changed, region_ptr) - before).abs().sum((1, 2)) > 0
    assert moved.tolist() == [False, False, True, True, True, True]
    moved = (temporal_attention(q, k, changed, region_ptr) - before).abs().sum((1, 2)) > 0
    assert moved.tolist() == [False, False, True, True, True, True]


def test_gradcheck(target) -> None:
    op, _ = pair(target, torch.tensor([0, 3, 3, 4]))
    leaves = [x.double().to(target.device).requires_grad_() for x in inputs(4, 2, 3, 2)]
    assert torch.autograd.gradcheck(op, leaves)


def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats, ptr) -> None:
    op, _ = pair(target, ptr)
    leaves = [x.to(target.device) for x in inputs(int(ptr[-1]), 2, 4, 4)]
    assert torch.isfinite(op(*leaves)).all()
    repeats(op, leaves)


X, PTR = torch.ones(3, 2, 4), torch.tensor([0, 3])


@pytest.mark.parametrize(
    ("args", "item"),
    [
        ((X.long(), X, X, PTR), "q"),
        ((X, X, X), "q"),
        ((X[None], X[None], X[None], PTR), "q"),
        ((X, X[:2], X, PTR), "k"),
        ((X, X[:, :, :3], X, PTR), "k"),
        ((X, X, X[:, :1], PTR), "v"),
        ((X, X, X, torch.tensor([0, 4])), "ptr"),
        ((X, X, X, torch.tensor([0.0, 3.0])), "ptr"),
    ],
)
def test_bad_input_is_named(args, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        segment_attention(*args)


@pytest.mark.skipif(library() is None, reason="no C compiler here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_of_the_native_kernel(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments beside its blocks of 4, 8 and 32, widths with and without a rest, in one range and in many."""
    ptr = counts_to_ptr(torch.tensor([1, 0, 7, 70, 4, 33, 32, 9, 8]))
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {}
    for heads, key, value in ((1, 24, 16), (2, 5, 19)):
        leaves = [x.to(dtype).mul_(3).requires_grad_() for x in inputs(int(ptr[-1]), heads, key, value)]
        expected = segment_attention_reference(*leaves, ptr, SCALE)
        upstream = torch.randn_like(expected)
        wanted = torch.autograd.grad(expected, leaves, upstream)
        results = []
        for limit in (1 << 40, 1):
            monkeypatch.setattr("graphvtr.ops.native_build.SPLIT_ELEMENTS", limit)
            with backend("native"):
                out = segment_attention(*leaves, ptr, SCALE)
                results.append([out, *torch.autograd.grad(out, leaves, upstream)])
        for found, again, plain in zip(*results, [expected, *wanted], strict=True):
            torch.testing.assert_close(found, plain, **tolerance)
            assert torch.equal(found, again)


@pytest.mark.skipif(library() is None, reason="no C compiler here")
def test_extreme_scores_of_the_native_kernel() -> None:
    """Its exp is its own: close to torch's everywhere, 0 far below, and NaN comes through."""
    k = torch.linspace(-120, 0, 1001)[:, None, None]
    q, v = torch.ones_like(k), torch.eye(1001)[:, None]
    ptr = torch.tensor([0, 1001])
    with backend("native"):
        weights = segment_attention(q, k, v, ptr, 1.0)[0, 0]
        torch.testing.assert_close(weights, torch.softmax(k.flatten(), 0), rtol=2e-6, atol=1e-38)
        q[3] = torch.nan
        out = segment_attention(q, k, v, ptr, 1.0)
    assert out[3].isnan().all()
    assert out[:3].isfinite().all()
