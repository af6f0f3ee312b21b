"""Keys: exact for cosines, of the same order for everything else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn import (
    CosineMatch,
    HolographicMatch,
    JaccardMatch,
    Level,
    LevelEmbeddings,
    LocalAttentiveMatch,
)
from graphvtr.nn.match.order import OrderMatch
from graphvtr.nn.models.base import RetrievalModel
from graphvtr.nn.models.pvse import BestPairMatch
from graphvtr.search import Projection
from graphvtr.search.projection import FREE, LOW, RIDGE, Sample


class Made(nn.Module):
    """What a projection asks of a model, with given matchers and weights."""

    level_scores, similarity = RetrievalModel.level_scores, RetrievalModel.similarity

    def __init__(self, matchers: dict[str, nn.Module], weights: list[float]) -> None:
        super().__init__()
        self.levels = tuple(matchers)
        self.matchers = nn.ModuleDict(matchers)
        self.weights = torch.tensor(weights)

    def fuse(self, level_scores: Tensor) -> Tensor:
        return torch.tensordot(self.weights.to(level_scores), level_scores, 1)


def sets(count: int, width: int, most: int) -> Level:
    counts = torch.randint(0, most + 1, (count,))
    centre = torch.randn(count, width)
    x = centre.repeat_interleave(counts, 0) + 0.5 * torch.randn(int(counts.sum()), width)
    return Level(x, torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)]))


def concepts(count: int, width: int) -> Tensor:
    """Probabilities as heads give them: few near 1, most near 0."""
    return torch.sigmoid(4 * torch.randn(count, width) - 4)


def pairs(count: int, width: int) -> Level:
    """Two vectors an item, near each other."""
    x = torch.randn(count, 1, width) + 0.5 * torch.randn(count, 2, width)
    return Level(x.flatten(0, 1), 2 * torch.arange(count + 1))


def recall(found: Tensor, wanted: Tensor, top: int = 10, candidates: int = 60) -> float:
    """Share of the best by ``wanted`` [N, Q] that are among the candidates of ``found`` [N, Q]."""
    best, near = wanted.topk(top, dim=0).indices.T, found.topk(candidates, dim=0).indices.T
    return sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(best, near, strict=True)) / best.numel()


def test_cosines_are_exact() -> None:
    model = Made({"a": CosineMatch(), "b": CosineMatch()}, [0.3, 0.7])
    projection = Projection(model)
    assert projection.exact
    video = LevelEmbeddings(a=torch.randn(9, 4), b=torch.randn(9, 6))
    text = LevelEmbeddings(a=torch.randn(5, 4), b=torch.randn(5, 6))
    found = projection.items(video, "video") @ projection.queries(text, "text").T
    assert torch.allclose(found, model.similarity(video, text), atol=1e-6)
    assert torch.allclose(projection.items(text, "text") @ projection.queries(video, "video").T, found.T, atol=1e-6)


@pytest.mark.parametrize("side", ["text", "video"])
@pytest.mark.parametrize("kind", ["local", "embed", "holographic", "jaccard", "order", "pairs", "mixed"])
def test_other_matchers_keep_the_order(kind: str, side: str) -> None:
    width, count = 16, 600
    makers: dict[str, tuple[nn.Module, Level, Level]] = {
        "local": (LocalAttentiveMatch(), sets(count, width, 6), sets(20, width, 3)),
        "embed": (
            LocalAttentiveMatch(fusion="embed", norm="clipped", node_reduce="mean"),
            sets(count, width, 6),
            sets(20, width, 3),
        ),
        "holographic": (HolographicMatch(width), Level(torch.randn(count, width)), Level(torch.randn(20, width))),
        "jaccard": (JaccardMatch(), Level(concepts(count, width)), Level(concepts(20, width))),
        "order": (OrderMatch(), Level(torch.rand(count, width)), Level(torch.rand(20, width))),
        "pairs": (BestPairMatch(), pairs(count, width), pairs(20, width)),
    }
    chosen = list(makers) if kind == "mixed" else [kind]
    model = Made({name: makers[name][0] for name in chosen}, [1 / len(chosen)] * len(chosen))
    video = LevelEmbeddings(**{name: makers[name][1] for name in chosen})
    text = LevelEmbeddings(**{name: makers[name][2] for name in chosen})
    items, queries = video, text
    if side == "video":  # the captions are the many
        many = {
            name: sets(count, width, 3) if isinstance(model.matchers[name], LocalAttentiveMatch) else level
            for name, level in video.items()
        }
        items, queries = LevelEmbeddings(**many), video.select(torch.arange(20))
    pair = (items, queries) if side == "text" else (queries, items)
    scores = model.similarity(*pair).detach()
    scores = scores if side == "text" else scores.T  # [items, queries]
    other = "video" if side == "text" else "text"
    projection = Projection(model)
    assert not projection.exact
    sample = projection.sample(items.select(torch.arange(0, count, 3)), other)  # type: ignore[arg-type]
    found = projection.items(items, other) @ projection.queries(queries, side, sample).T  # type: ignore[arg-type]
    assert recall(found, scores) >= 0.93


def test_the_fit_finds_what_is_linear_in_the_keys() -> None:
    items, wanted = torch.randn(300, 5), torch.randn(3, 5)
    sample = Sample(LevelEmbeddings(a=items), items)
    found = sample.fit(torch.zeros(3, 5), wanted @ items.T + 7)
    assert torch.allclose(found, wanted, atol=0.2)
    assert recall(items @ found.T, items @ wanted.T, candidates=12) >= 0.9
    given = torch.randn(3, 5)
    assert torch.allclose(sample.fit(given, given @ items.T), given, atol=1e-5)  # right already: nothing moves


def test_the_fit_is_the_ridge_regression_as_printed() -> None:
    keys, queries, scores = torch.randn(40, 7).double(), torch.randn(3, 7).double(), torch.randn(3, 40).double()
    found = Sample(LevelEmbeddings(a=keys), keys).fit(queries, scores)
    x = keys - keys.mean(0)
    gram = x @ x.T
    scale = gram.diagonal().mean()
    good = scores >= scores.quantile(0.75, dim=1, keepdim=True)
    for query, wanted, best, key in zip(queries, scores, good, found, strict=True):
        noise = torch.where(best, RIDGE * scale, RIDGE / LOW * scale).diag()
        moved = query + torch.linalg.solve(gram + FREE * scale + noise, wanted - x @ query) @ x
        torch.testing.assert_close(key, moved.float())


def test_a_level_that_counts_against_an_item() -> None:
    model = Made({"a": CosineMatch(), "b": CosineMatch()}, [1.0, -0.5])
    projection = Projection(model)
    video, text = (LevelEmbeddings(a=torch.randn(n, 4), b=torch.randn(n, 4)) for n in (7, 3))
    found = projection.items(video, "video") @ projection.queries(text, "text").T
    assert projection.exact
    assert torch.allclose(found, model.similarity(video, text), atol=1e-6)


def test_levels_without_keys_are_left_out() -> None:
    class Bare(nn.Module):
        def forward(self, video: Level, text: Level) -> Tensor:
            return video.x @ text.x.T

    model = Made({"a": CosineMatch(), "b": Bare()}, [0.5, 0.5])
    projection = Projection(model)
    assert (projection.levels, projection.exact) == (["a"], False)
    with pytest.raises(DataError, match="no level that can be indexed"):
        Projection(Made({"b": Bare()}, [1.0]))
