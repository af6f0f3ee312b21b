from __future__ import annotations

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.metrics import Ranks, bootstrap_intervals, percentiles, resample, rsum_samples, with_intervals


def ranks_of(best: torch.Tensor) -> Ranks:
    return Ranks(best.double(), None, torch.arange(len(best) + 1))


def test_resamples_follow_the_plain_bootstrap() -> None:
    """Same means and spreads as drawing indices in a loop."""
    ranks = ranks_of(torch.randint(1, 30, (60,)))
    found = resample(ranks, samples=4000, seed=1)
    rng = np.random.default_rng(2)
    drawn = ranks.best.numpy()[rng.integers(60, size=(4000, 60))]
    plain = {"R@5": 100 * (drawn <= 5).mean(1), "MedR": np.median(drawn, axis=1), "MnR": drawn.mean(1)}
    for name, values in plain.items():
        assert found[name].mean() == pytest.approx(values.mean(), rel=0.02)
        assert found[name].std() == pytest.approx(values.std(), rel=0.1)


def test_seed() -> None:
    ranks = ranks_of(torch.randint(1, 30, (60,)))
    first, again, other = (resample(ranks, samples=20, seed=seed)["MnR"] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_coverage() -> None:
    """An interval of 95 % holds the true value in about 95 % of experiments."""
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        best = torch.from_numpy(rng.geometric(0.3, size=200))
        low, high = bootstrap_intervals(ranks_of(best), samples=400, seed=trial)["R@1"]
        hits += low <= 30 <= high
    assert 0.90 <= hits / 200 <= 0.99


def test_floor_of_the_median() -> None:
    ranks = ranks_of(torch.tensor([1, 2]))
    assert set(resample(ranks, samples=200)["MedR"]) == {1.0, 1.5, 2.0}
    assert set(resample(ranks, samples=200, median="floor")["MedR"]) == {1.0, 2.0}


def test_mean_over_all_relevant_items() -> None:
    ranks = Ranks(torch.tensor([1.0, 1.0]).double(), torch.tensor([1.0, 3.0, 1.0]).double(), torch.tensor([0, 2, 3]))
    # twice the first query, one of each, twice the second
    assert set(resample(ranks, samples=200)["MnR"]) == {2.0, 5 / 3, 1.0}


def test_groups_are_drawn_whole() -> None:
    best = torch.cat([torch.ones(50), torch.full((50,), 9.0)])
    group = torch.arange(2).repeat_interleave(50)
    values = resample(ranks_of(best), samples=200, group=group)["R@1"]
    assert set(values) == {0.0, 50.0, 100.0}
    with pytest.raises(DataError, match="group: has 3 entries for 100"):
        resample(ranks_of(best), group=torch.arange(3))


def test_groups_of_different_sizes() -> None:
    ranks = ranks_of(torch.tensor([1, 1, 1, 9]))
    assert set(resample(ranks, samples=200, group=torch.tensor([0, 0, 0, 1]))["R@1"]) == {0.0, 75.0, 100.0}


def test_many_different_ranks_are_drawn_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = ranks_of(torch.randperm(50) + 1)
    whole = resample(ranks, samples=31)
    monkeypatch.setattr("graphvtr.metrics.bootstrap.CHUNK", 120)
    parts = resample(ranks, samples=31)
    assert all(np.array_equal(parts[name], drawn) and len(drawn) == 31 for name, drawn in whole.items())


@pytest.mark.parametrize("group", [None, torch.arange(20).repeat_interleave(3)])
def test_resamples_of_two_systems_are_paired(group) -> None:
    """A system that ranks every query two places worse is worse by two in every resample."""
    best = torch.randint(1, 30, (60,))
    first, second = (resample(ranks_of(best + shift), samples=50, group=group) for shift in (0, 2))
    np.testing.assert_allclose(second["MnR"] - first["MnR"], 2.0)
    np.testing.assert_allclose(second["MedR"] - first["MedR"], 2.0)
    # another system with other ties: equal on the first half of the queries, rank 1 on the others
    third = resample(ranks_of(torch.cat([best[:30], torch.ones(30)])), samples=50, group=group)
    assert np.all(third["MnR"] <= first["MnR"])


def test_rsum_and_json() -> None:
    drawn = {"R@1": np.array([1.0, 2.0]), "MnR": np.array([7.0, 7.0])}
    assert rsum_samples(drawn, {"R@1": np.array([10.0, 20.0])}).tolist() == [11.0, 22.0]
    assert with_intervals({"R@1": 1.5}, {"R@1": (1.0, 2.0)}) == {"R@1": {"value": 1.5, "low": 1.0, "high": 2.0}}


def test_bad_arguments() -> None:
    with pytest.raises(DataError, match="samples: is 0"):
        resample(ranks_of(torch.ones(2)), samples=0)
    with pytest.raises(DataError, match="level: is 95"):
        percentiles(np.ones(3), 95)


def test_intervals_are_of_95_percent_unless_said_otherwise() -> None:
    ranks = Ranks(torch.arange(1.0, 201.0).double(), None, torch.arange(201))
    drawn = resample(ranks, samples=500)
    for name, values in drawn.items():
        wanted = pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
        assert percentiles(values) == wanted
        assert bootstrap_intervals(ranks, samples=500)[name] == wanted
        narrow = bootstrap_intervals(ranks, samples=500, level=0.9)[name]
        assert narrow == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])))
    assert percentiles(np.arange(1001.0)) == pytest.approx((25.0, 975.0))
