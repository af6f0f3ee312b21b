"""LocalAttentiveMatch against loops over videos, captions, nodes and frames (HGR, Eq 12)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import Level, LocalAttentiveMatch


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return a @ b / ((a @ a) * (b @ b)).sqrt()


def plain_weights(frames: Tensor, node: Tensor, temperature: float, norm: str) -> tuple[Tensor, Tensor]:
    similarity = torch.stack([cosine(frame, node) for frame in frames])
    positive = torch.relu(similarity)
    length = (positive if norm == "clipped" else similarity).square().sum().sqrt()
    exponent = torch.exp(temperature * positive / length) if length > 0 else torch.ones_like(positive)
    return exponent / exponent.sum(), similarity


def plain(video: Level, text: Level, temperature: float, fusion: str, norm: str, reduce: str) -> Tensor:
    def sets(level: Level) -> list[Tensor]:
        assert level.ptr is not None
        return [level.x[b:e] for b, e in zip(level.ptr[:-1].tolist(), level.ptr[1:].tolist(), strict=True)]

    rows = []
    for frames, nodes in itertools.product(sets(video), sets(text)):
        total = frames.new_zeros(())
        for node in nodes if len(frames) else []:
            weights, similarity = plain_weights(frames, node, temperature, norm)
            attended = (weights[:, None] * frames).sum(0)
            total = total + ((weights * similarity).sum() if fusion == "sim" else cosine(attended, node))
        rows.append(total / max(len(nodes), 1) if reduce == "mean" else total)
    return torch.stack(rows).view(len(video), len(text))


def levels(frame_counts: list[int], node_counts: list[int]) -> tuple[Level, Level]:
    def make(counts: list[int]) -> Level:
        x = torch.randn(sum(counts), 6, dtype=torch.double, requires_grad=True)
        return Level(x, torch.tensor([0, *counts]).cumsum(0))

    return make(frame_counts), make(node_counts)


@pytest.mark.parametrize(
    ("fusion", "norm", "reduce"), list(itertools.product(("sim", "embed"), ("raw", "clipped"), ("sum", "mean")))
)
@pytest.mark.parametrize(("frames", "nodes"), [([3, 1, 4], [2, 0, 3]), ([5, 0, 2], [1, 1]), ([2], [0])])
def test_values_and_gradients(frames: list[int], nodes: list[int], fusion: Any, norm: Any, reduce: Any) -> None:
    video, text = levels(frames, nodes)
    scores = LocalAttentiveMatch(3.0, fusion, norm, reduce)(video, text)
    expected = plain(video, text, 3.0, fusion, norm, reduce)
    torch.testing.assert_close(scores, expected)
    if sum(nodes):
        probe = torch.randn_like(scores)
        for mine, other in zip(
            torch.autograd.grad((scores * probe).sum(), (video.x, text.x)),
            torch.autograd.grad((expected * probe).sum(), (video.x, text.x)),
            strict=True,
        ):
            torch.testing.assert_close(mine, other)


def test_defaults_are_the_papers() -> None:
    video, text = levels([3, 2], [2, 1])
    torch.testing.assert_close(LocalAttentiveMatch()(video, text), plain(video, text, 4.0, "sim", "raw", "sum"))


def test_a_small_budget_changes_nothing() -> None:
    video, text = levels([3, 1, 4, 2], [2, 0, 3])
    for fusion in ("sim", "embed"):
        wide, narrow = LocalAttentiveMatch(fusion=fusion), LocalAttentiveMatch(fusion=fusion, budget_bytes=1)
        torch.testing.assert_close(narrow(video, text), wide(video, text))


@pytest.mark.parametrize("norm", ["raw", "clipped"])
def test_frame_weights_of_one_pair(norm: Any) -> None:
    video, text = levels([3, 4], [2, 3])
    match = LocalAttentiveMatch(2.0, norm=norm)
    weights = match.frame_weights(video.select(torch.tensor([1])), text.select(torch.tensor([0])))
    for place, own in enumerate(match.frame_weights_each(video, text.select(torch.tensor([0])))):
        one = match.frame_weights(video.select(torch.tensor([place])), text.select(torch.tensor([0])))
        torch.testing.assert_close(own, one)
    assert weights.shape == (2, 4)
    for node, row in zip(text.x[:2], weights, strict=True):
        torch.testing.assert_close(row, plain_weights(video.x[3:], node, 2.0, norm)[0])
    with pytest.raises(DataError, match="video level: has 2 items"):
        match.frame_weights(video, text.select(torch.tensor([0])))
    with pytest.raises(DataError, match="text level: has 2 items"):
        match.frame_weights(video.select(torch.tensor([0])), text)


def test_single_vectors_are_refused() -> None:
    video, text = levels([3], [2])
    with pytest.raises(DataError, match="video level: holds one vector an item"):
        LocalAttentiveMatch()(Level(video.x), text)
    with pytest.raises(DataError, match="text level: holds one vector an item"):
        LocalAttentiveMatch()(video, Level(text.x))


@pytest.mark.parametrize("option", ["fusion", "norm", "node_reduce"])
def test_unknown_options(option: str) -> None:
    with pytest.raises(DataError, match=f"{option}: is 'other' \\(use one of"):
        LocalAttentiveMatch(**{option: "other"})


def test_repr() -> None:
    expected = "LocalAttentiveMatch(temperature=4.0, fusion=sim, norm=raw, node_reduce=sum)"
    assert repr(LocalAttentiveMatch()) == expected
