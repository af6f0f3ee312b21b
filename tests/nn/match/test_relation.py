"""Relation matching against its formula, pair by pair."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn.levels import Level
from graphvtr.nn.match import RelationMatch


def level(counts: list[int], width: int = 5, seed: int = 0) -> Level:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(sum(counts), width, generator=generator, dtype=torch.float64)
    return Level(x.requires_grad_(), torch.tensor([0, *torch.tensor(counts).cumsum(0).tolist()]))


def by_formula(match: RelationMatch, video: Level, text: Level) -> torch.Tensor:
    k, temperature = match.key_channels, match.log_temperature.exp()
    out = []
    for pairs in video.x.tensor_split(video.ptr[1:-1]):
        row = []
        for actions in text.x.tensor_split(text.ptr[1:-1]):
            looks = actions[:, :k] @ pairs[:, :k].T
            if not looks.numel():
                row.append(video.x.sum() * 0)
                continue
            does = (looks.mul(temperature).softmax(1) * (actions[:, k:] @ pairs[:, k:].T)).sum(1)
            fits = (looks.mul(temperature).exp().mean(1)).log() / temperature
            row.append((does + match.key_weight * fits).mean())
        out.append(torch.stack(row))
    return torch.stack(out)


@pytest.mark.parametrize("videos", [[3, 1, 7], [2, 0, 5], [1]])
@pytest.mark.parametrize("texts", [[1, 2], [0, 3, 1], [4]])
def test_values_and_gradients(videos: list[int], texts: list[int]) -> None:
    match = RelationMatch(3, temperature=4.0).double()
    with torch.no_grad():
        match.key_weight.fill_(0.7)
    video, text = level(videos), level(texts, seed=1)
    wanted = [video.x, text.x, *match.parameters()]
    found, expected = match(video, text), by_formula(match, video, text)
    torch.testing.assert_close(found, expected)
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gradients = [torch.autograd.grad((one * weight).sum(), wanted, allow_unused=True) for one in (found, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, torch.zeros_like(one) if other is None else other)


def test_blocks_change_nothing() -> None:
    video, text = level([3, 9, 0, 1, 4]), level([2, 1], seed=1)
    whole = RelationMatch(3).double()
    small = RelationMatch(3, budget_bytes=1).double()
    with torch.inference_mode():
        torch.testing.assert_close(small(video, text), whole(video, text))
        assert small(Level(video.x[:0], torch.tensor([0])), text).shape == (0, 2)
        assert not small(Level(video.x[:0], torch.tensor([0, 0])), text).any()


def test_who_is_told_from_whom() -> None:
    """Two videos of the same two things, of which one does something and the other suffers it, or the reverse."""
    a_b, b_a = torch.tensor([1.0, 0, 0, 1]), torch.tensor([0, 1.0, 1, 0])
    chases, chased = torch.tensor([1.0]), torch.tensor([-1.0])
    rows = [(a_b, chases), (b_a, chased), (a_b, chased), (b_a, chases)]
    video = Level(torch.stack([torch.cat(row) for row in rows]), torch.tensor([0, 2, 4]))
    text = Level(torch.stack([torch.cat([a_b, chases]), torch.cat([b_a, chases])]), torch.tensor([0, 1, 2]))
    scores = RelationMatch(4)(video, text)
    assert scores[0, 0] > scores[1, 0]
    assert scores[1, 1] > scores[0, 1]


def test_keys_are_the_looks_and_whole_vectors_are_refused() -> None:
    video = level([2, 0, 1])
    match = RelationMatch(3)
    (keys,) = match.item_keys(video, "video")
    torch.testing.assert_close(keys[0], video.x[:2, :3].mean(0))
    assert keys.shape == (3, 3)
    for one, other in ((video, Level(video.x)), (Level(video.x), video)):
        with pytest.raises(DataError, match="holds one vector an item"):
            match(one, other)
    with pytest.raises(DataError, match="text level: holds one vector an item"):
        match.item_keys(Level(video.x), "text")
