from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import local_match, local_match_weights
from graphvtr.ops.local_match import local_match_reference

#: name -> (nodes of each caption, frames of each video)
MATCHES = {
    "nothing": ([], []),
    "no captions": ([], [2, 1]),
    "no nodes": ([0, 0], [3]),
    "no frames": ([2, 1], [0, 0]),
    "one pair": ([1], [1]),
    "equal videos": ([2, 0, 3], [4, 4, 4]),
    "ragged": ([3, 0, 5, 1, 0], [4, 0, 3, 4, 1, 7]),
    "many": ([6, 1, 4] * 20, [20] * 6 + [3, 33, 8]),
}


def pointer(counts: list[int]) -> Tensor:
    return torch.tensor([0, *counts]).cumsum(0)


@pytest.fixture(params=MATCHES, ids=lambda name: name.replace(" ", "_"))
def pointers(request) -> tuple[Tensor, Tensor]:
    nodes, frames = MATCHES[request.param]
    return pointer(nodes), pointer(frames)


RAGGED = pointer(MATCHES["ragged"][0]), pointer(MATCHES["ragged"][1])


def pair(target, pointers: tuple[Tensor, Tensor], **options):
    node_ptr, frame_ptr = pointers
    moved_nodes, moved_frames = target.move(node_ptr, frame_ptr)
    plain = {key: value for key, value in options.items() if key != "budget_bytes"}
    return (
        lambda nodes, frames: local_match(nodes, moved_nodes, frames, moved_frames, **options),
        lambda nodes, frames: local_match_reference(nodes, node_ptr, frames, frame_ptr, **plain),
    )


def inputs(pointers: tuple[Tensor, Tensor], width: int = 17) -> list[Tensor]:
    return [torch.randn(int(ptr[-1]), width) for ptr in pointers]


@pytest.mark.parametrize("fusion", ["sim", "embed"])
@pytest.mark.parametrize("norm", ["clipped", "raw"])
@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_values_and_gradients(target, compare, dtype, pointers, fusion, norm, reduce) -> None:
    compare(
        *pair(target, pointers, fusion=fusion, norm=norm, reduce=reduce),
        inputs(pointers),
        dtype,
        target.device,
        factor=4,
    )


@pytest.mark.parametrize("fusion", ["sim", "embed"])
@pytest.mark.parametrize("temperature", [0.0, 1.0, 200.0, -200.0])
def test_any_temperature(target, compare, fusion, temperature) -> None:
    compare(
        *pair(target, RAGGED, fusion=fusion, temperature=temperature),
        inputs(RAGGED),
        torch.float64,
        target.device,
        factor=100,
    )


@pytest.mark.parametrize("fusion", ["sim", "embed"])
@pytest.mark.parametrize("budget_bytes", [1, 20_000, 100_000])
def test_blocks_of_any_size_agree(target, compare, fusion, budget_bytes) -> None:
    pointers = pointer(MATCHES["many"][0]), pointer(MATCHES["many"][1])
    compare(
        *pair(target, pointers, fusion=fusion, budget_bytes=budget_bytes),
        inputs(pointers),
        torch.float64,
        target.device,
    )


@pytest.mark.parametrize("fusion", ["sim", "embed"])
@pytest.mark.parametrize("norm", ["clipped", "raw"])
def test_zero_rows_score_nothing_and_get_no_gradient(target, compare, fusion, norm) -> None:
    nodes, frames = inputs(RAGGED)
    nodes[4], frames[2], frames[8:11] = 0.0, 0.0, 0.0
    op, reference = pair(target, RAGGED, fusion=fusion, norm=norm)
    compare(op, reference, [nodes, frames], torch.float64, target.device)
    nodes, frames = (x.to(target.device).requires_grad_() for x in (nodes, frames))
    op(nodes, frames).sum().backward()
    assert nodes.grad is not None
    assert frames.grad is not None
    assert not nodes.grad[4].any()
    assert not frames.grad[2].any()


@pytest.mark.parametrize("fusion", ["sim", "embed"])
@pytest.mark.parametrize("norm", ["clipped", "raw"])
def test_frames_that_all_point_away_are_attended_equally(target, compare, fusion, norm) -> None:
    node, frames = torch.ones(1, 4), -torch.rand(3, 4) - 0.1
    pointers = torch.tensor([0, 1]), torch.tensor([0, 3])
    op, reference = pair(target, pointers, fusion=fusion, norm=norm)
    compare(op, reference, [node, frames], torch.float64, target.device)
    torch.testing.assert_close(local_match_weights(node, frames), torch.full((1, 3), 1 / 3))


@pytest.mark.parametrize("fusion", ["sim", "embed"])
@pytest.mark.parametrize("norm", ["clipped", "raw"])
def test_gradcheck(target, fusion, norm) -> None:
    op, _ = pair(target, RAGGED, fusion=fusion, norm=norm, reduce="mean")
    leaves = [x.double().to(target.device).requires_grad_() for x in inputs(RAGGED, 3)]
    assert torch.autograd.gradcheck(op, leaves)


@pytest.mark.parametrize("fusion", ["sim", "embed"])
def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats, pointers, fusion) -> None:
    op, _ = pair(target, pointers, fusion=fusion)
    leaves = [x.to(target.device) for x in inputs(pointers)]
    assert torch.isfinite(op(*leaves)).all()
    repeats(op, leaves)


def test_captions_without_nodes_and_videos_without_frames_score_zero(target) -> None:
    op, _ = pair(target, RAGGED)
    scores = op(*(x.to(target.device) for x in inputs(RAGGED)))
    assert not scores[:, [1, 4]].any()
    assert not scores[1].any()
    assert scores[[0, 2, 3, 4, 5]][:, [0, 2, 3]].all()


def test_the_embedded_score_is_the_cosine_with_the_attended_frame(target) -> None:
    nodes, frames = torch.randn(1, 6), torch.randn(4, 6)
    attended = local_match_weights(nodes, frames, temperature=9.0) @ frames
    wanted = torch.cosine_similarity(attended, nodes)
    op, _ = pair(target, (torch.tensor([0, 1]), torch.tensor([0, 4])), fusion="embed", temperature=9.0)
    torch.testing.assert_close(op(*target.move(nodes, frames)).flatten().cpu(), wanted)


def test_weights_of_matched_pairs_come_together() -> None:
    nodes, frames = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    together = local_match_weights(nodes, frames, norm="raw")
    assert together.shape == (2, 3, 4)
    torch.testing.assert_close(together.sum(-1), torch.ones(2, 3))
    torch.testing.assert_close(together[1], local_match_weights(nodes[1], frames[1], norm="raw"))


def test_weights_have_a_gradient() -> None:
    leaves = [torch.randn(2, 3).double().requires_grad_(), torch.randn(4, 3).double().requires_grad_()]
    assert torch.autograd.gradcheck(local_match_weights, leaves)


def test_memory_stays_below_the_budget() -> None:
    """Peak of what the op allocates beside its result, by the allocations that the profiler saw."""
    pointers = pointer([6] * 60), pointer([20] * 60)
    nodes, frames = (torch.randn(int(ptr[-1]), 64, requires_grad=True) for ptr in pointers)
    for budget in (400_000, 4_000_000):
        with torch.profiler.profile(profile_memory=True) as profile:
            local_match(nodes, pointers[0], frames, pointers[1], fusion="embed", budget_bytes=budget).sum().backward()
        live, peak = 0, 0
        for event in profile.profiler.kineto_results.events():  # type: ignore[union-attr]
            if event.name() == "[memory]":
                live += event.nbytes()
                peak = max(peak, live)
        results = 4 * (60 * 60 * 3 + nodes.numel() * 2 + frames.numel())
        assert results / 2 < peak < results + budget


NODES, FRAMES, PTR = torch.ones(2, 3), torch.ones(2, 3), torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("change", "item"),
    [
        ({"nodes": NODES.long()}, "nodes"),
        ({"nodes": NODES[0]}, "nodes"),
        ({"nodes": torch.ones(2, 4)}, "nodes"),
        ({"frames": torch.ones(2, 3, 1)}, "nodes"),
        ({"node_ptr": torch.tensor([0, 1])}, "node_ptr"),
        ({"frame_ptr": torch.tensor([0, 3])}, "frame_ptr"),
        ({"frame_ptr": torch.tensor([0.0, 2.0])}, "frame_ptr"),
        ({"fusion": "late"}, "fusion"),
        ({"norm": "l1"}, "norm"),
        ({"reduce": "max"}, "reduce"),
        ({"budget_bytes": 0}, "budget_bytes"),
    ],
)
def test_bad_input_is_named(change, item) -> None:
    args = {"nodes": NODES, "node_ptr": PTR, "frames": FRAMES, "frame_ptr": PTR, **change}
    with pytest.raises(DataError, match=f"^{item}: "):
        local_match(**args)


@pytest.mark.parametrize(
    ("args", "item"),
    [((NODES.long(), FRAMES), "nodes"), ((NODES[0], FRAMES), "nodes"), ((NODES, FRAMES, 4.0, "l1"), "norm")],
)
def test_bad_input_of_the_weights_is_named(args, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        local_match_weights(*args)
