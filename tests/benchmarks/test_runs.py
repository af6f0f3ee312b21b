"""Intervals over seeds and clips, power, verdicts and candidates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.metrics import both_directions


@pytest.fixture
def runs(load_benchmark: Callable[[str], Any]) -> Any:
    return load_benchmark("lib.runs")


def made(runs: Any, seeds: np.ndarray, clips: np.ndarray) -> Any:
    """Runs whose rsum is the sum of an effect of the seed and one of the clips."""
    return runs.Runs({"rsum": seeds}, {"rsum": seeds[:, None] + clips[None]})


def test_the_spread_of_seeds_is_in_the_interval(runs: Any) -> None:
    seeds, clips = np.array([0.0, 10.0, 20.0]), np.random.default_rng(0).normal(0, 1, 4000)
    drawn = made(runs, seeds, clips).resampled("rsum")
    # of the mean of three seeds with sample variance 100, and of the clips
    assert drawn.var() == pytest.approx(100 / 3 + 1, rel=0.1)
    assert made(runs, seeds[:1], clips).resampled("rsum").var() == pytest.approx(1, rel=0.1)


def test_clips_are_paired_and_seeds_are_not(runs: Any) -> None:
    clips = np.random.default_rng(0).normal(0, 50, 4000)
    one, other = made(runs, np.array([3.0, 5.0, 4.0]), clips), made(runs, np.array([1.0, 2.0, 3.0]), clips)
    found = one.difference(other)
    assert found["mean"] == pytest.approx(2)
    assert found["smallest_visible"] == pytest.approx(2.8 * np.sqrt(2 / 3), rel=0.1)
    assert found["seeds"] == [3, 3]


def test_joined_seeds_are_those_of_one_call(runs: Any) -> None:
    owner = torch.arange(6) // 2
    one, other = torch.rand(2, 3, 6, generator=torch.Generator().manual_seed(0))
    together = runs.Runs.of([one, other], owner, samples=20)
    joined = runs.Runs.joined([runs.Runs.of([scores], owner, samples=20) for scores in (one, other)])
    assert together.values.keys() == joined.values.keys()
    for name, values in together.values.items():
        np.testing.assert_array_equal(values, joined.values[name])
        np.testing.assert_array_equal(together.draws[name], joined.draws[name])


@pytest.mark.parametrize(
    ("interval", "smallest", "expected"),
    [
        ((1, 5), 3, "holds"),
        ((-5, -1), 3, "fails"),
        ((-3, 4), 4, "fails"),  # an effect of 10 would have been seen, and half of it is outside
        ((-3, 6), 6, "cannot tell"),
        ((-3, 4), 11, "cannot tell"),
    ],
)
def test_verdicts(
    load_benchmark: Callable[[str], Any], interval: tuple[float, float], smallest: float, expected: str
) -> None:
    verdict = load_benchmark("lib.verdict")
    difference = {"interval": interval, "smallest_visible": smallest, "mean": sum(interval) / 2, "seeds": [3, 2]}
    assert verdict.verdict(difference, 10) == expected
    claim = verdict.Claim("paper", "a is ahead of b", "a", "b", (110.0, 100.0), "Table 1")
    assert claim.judge(difference, 100)["verdict"] == expected
    assert claim.judge(difference, 50)["scaled"] == pytest.approx(5)
    untuned = "cannot tell" if expected == "fails" else expected
    assert verdict.verdict(difference, 10, tuned=False) == untuned
    assert verdict.verdict({**difference, "seeds": [3, 1]}, 10) == "cannot tell"


def test_an_interval_over_clips_is_widened_by_seeds(load_benchmark: Callable[[str], Any]) -> None:
    verdict = load_benchmark("lib.verdict")
    found = verdict.with_spread({"mean": 10.0, "interval": [6.08, 13.92]}, [1.0, 3.0, 5.0], [2.0, 4.0])
    error = np.sqrt(2**2 + 4 / 3 + 2 / 2)
    assert found["interval"] == pytest.approx([10 - 1.96 * error, 10 + 1.96 * error])
    assert found["smallest_visible"] == pytest.approx(2.8 * error)
    assert found["seeds"] == [3, 2]


def test_claims_have_the_figures_of_every_study_that_has_their_rows(
    load_benchmark: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claims, rows = load_benchmark("claims"), load_benchmark("lib.scenes_rows")
    committed = {name: claims.result(name) for name in ("msrvtt_real", "cad120")}
    monkeypatch.setattr(claims, "result", committed.get)
    real = claims.judge()
    assert {(row["paper"], row["file"]) for row in real} >= {("HGR", "msrvtt_real.json"), ("VSR-Net", "cad120.json")}
    assert all(row["printed"] > 0 and row["interval"][0] < row["here"] < row["interval"][1] for row in real)

    # a study of simulated clips that has everything it claims: every claim of the papers is among that
    measured = [pair for study in rows.CLAIMS.values() for pair in study]
    one = {"mean": -60.0, "interval": [-70.0, -50.0], "smallest_visible": 5.0}
    names = {name for pair in measured for name in pair}
    tables = {
        "differences": {"test": {f"{ahead} less {behind}": one for ahead, behind in measured}},
        "rows": {"test": {name: {"rsum": {"mean": 200.0, "seeds": [199.0, 201.0]}} for name in names}},
    }
    tried = {name: [{}, {}] for name in names - {"HANet"}}
    committed["scenes"] = {"rows": tables, "tried": tried}
    simulated = [row for row in claims.judge() if row["file"] == "scenes.json"]
    assert len(simulated) == len(claims.PARTS) + len(claims.WHOLE)
    assert {row["claim"]: row["verdict"] for row in simulated if row["verdict"] != "fails"} == {
        "MCSAN is ahead of HANet": "cannot tell"  # of which one row was not tuned
    }
    committed["scenes"]["tried"]["HANet"] = [{}] * 3  # with which no row has as many as the one that has most
    assert {row["verdict"] for row in claims.judge() if row["file"] == "scenes.json"} == {"cannot tell"}
    walk = next(row for row in simulated if row["claim"].endswith("(as printed)"))
    assert walk["printed"] == pytest.approx(3.5)
    assert walk["scaled"] == pytest.approx(3.5 / 147.6 * 200)
    assert walk["here"] == -60.0
    claims.show(claims.judge())
    assert max(map(len, capsys.readouterr().out.splitlines())) <= load_benchmark("lib.tables").WIDTH


def test_a_larger_budget_keeps_the_candidates_of_a_smaller_one(load_benchmark: Callable[[str], Any]) -> None:
    tune, trials = load_benchmark("lib.tune"), load_benchmark("lib.trials")
    row = trials.Trial("HGR", "hgr", {"hidden": 8}, {"lr": 1e-3})
    few, many = tune.candidates(row, 3), tune.candidates(row, 8)
    assert many[:3] == few
    assert few[0] == row
    assert len({str(one) for one in many}) == 8
    assert {one.options.get("word_dropout") for one in many[1:]} <= set(tune.DROPOUT)
    vse = tune.candidates(trials.Trial("VSE++", "vse++"), 5)
    assert not any("mining" in one.options for one in vse)


def test_runs_of_scores_are_the_plain_table(runs: Any) -> None:
    scores = torch.rand(9, 20, generator=torch.Generator().manual_seed(1))
    owner = torch.arange(20) % 9
    found, wanted = runs.Runs.of([scores], owner), both_directions(scores, owner)
    assert found.values["rsum"] == pytest.approx([wanted["rsum"]])
    assert found.values["t2v MedR"] == pytest.approx([wanted["t2v"]["MedR"]])
