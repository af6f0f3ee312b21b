from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.tasks.schedule import LearningRate, Schedule


def optimiser() -> torch.optim.Optimizer:
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def test_none() -> None:
    assert {LearningRate(0.1).at(epoch, [1.0] * epoch) for epoch in range(9)} == {0.1}


def test_exponential_is_torch() -> None:
    rate = LearningRate(0.1, "exponential", factor=0.7)
    adam = optimiser()
    torch_rate = torch.optim.lr_scheduler.ExponentialLR(adam, 0.7)
    for epoch in range(6):
        assert rate.at(epoch) == pytest.approx(adam.param_groups[0]["lr"])
        adam.step()
        torch_rate.step()


def test_step_is_torch() -> None:
    adam = optimiser()
    torch_rate = torch.optim.lr_scheduler.StepLR(adam, step_size=3, gamma=0.1)
    ours = LearningRate(0.1, "step", factor=0.1, patience=3)
    for epoch in range(8):
        assert ours.at(epoch) == pytest.approx(torch_rate.get_last_lr()[0])
        adam.step()
        torch_rate.step()


def test_cosine_is_torch() -> None:
    rate = LearningRate(0.1, "cosine", factor=0.2, epochs=9)
    adam = optimiser()
    torch_rate = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=8, eta_min=0.02)
    for epoch in range(9):
        assert rate.at(epoch) == pytest.approx(adam.param_groups[0]["lr"])
        adam.step()
        torch_rate.step()
    assert rate.at(8) == pytest.approx(0.02)
    assert rate.at(20) == pytest.approx(0.02)  # a run made longer stays at the end


def test_cosine_of_one_epoch() -> None:
    assert LearningRate(0.1, "cosine", epochs=1).at(0) == pytest.approx(0.1)


def test_plateau_is_torch() -> None:
    scores = [5.0, 6.0, 6.0, 5.0, 7.0, 6.0, 6.5, 6.9, 6.9, 8.0, 7.0]
    rate = LearningRate(0.1, "plateau", factor=0.5, patience=2)
    adam = optimiser()
    # torch counts the epochs it forgives, one fewer than those it waits
    torch_rate = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, mode="max", factor=0.5, patience=1, threshold=0)
    rates = []
    for epoch, score in enumerate(scores):
        rates.append(rate.at(epoch, scores))
        assert rates[-1] == pytest.approx(adam.param_groups[0]["lr"])
        adam.step()
        torch_rate.step(score)
    assert rates[0] == 0.1
    assert rates[-1] == pytest.approx(0.0125)


@pytest.mark.parametrize("schedule", ["plateau", "drop"])
def test_the_warm_up_is_no_measure_of_what_follows(schedule: Schedule) -> None:
    after = [1.0, 2.0, 2.0, 2.0, 3.0, 2.0]
    alone = LearningRate(0.1, schedule, patience=2)
    warmed = LearningRate(0.1, schedule, patience=2, warmup=3)
    scores = [9.0, 8.0, 7.0, *after]
    assert [warmed.at(epoch, scores) for epoch in range(4)] == [0.1] * 4
    for epoch in range(len(after) + 1):
        assert warmed.at(epoch + 3, scores) == alone.at(epoch, after)
    assert alone.at(len(after), after) < 0.1


def test_drop_is_dual_encoding() -> None:
    """The loop of the released code: x0.99 every epoch; halved after a miss, each rate for three epochs at least."""
    scores = [5.0, 4.0, 6.0, 5.0, 5.0, 5.0, 7.0, 6.0, 6.0, 8.0, 7.0, 7.0]
    rate = LearningRate(0.1, "drop", factor=0.5, patience=3, decay=0.99)
    lr, best, used = 0.1, 0.0, 0
    for epoch, score in enumerate(scores):
        assert rate.at(epoch, scores) == pytest.approx(lr)
        used += 1
        lr *= 0.99
        if score <= best and used > 2:
            lr, used = lr / 2, 0
        best = max(best, score)
    assert lr < 0.1 * 0.99 ** len(scores) / 4


def test_decay_comes_on_top() -> None:
    assert LearningRate(0.1, decay=0.9).at(3) == pytest.approx(0.1 * 0.9**3)
    assert LearningRate(0.1, "exponential", factor=0.5, decay=0.9).at(2) == pytest.approx(0.1 * 0.45**2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schedule": "steps"}, "schedule: is 'steps' .*cosine"),
        ({"lr": -1.0}, "lr: is -1.0"),
        ({"factor": 0.0}, "factor: is 0.0"),
        ({"factor": 1.5}, "factor: is 1.5"),
        ({"decay": 0.0}, "decay: is 0.0"),
        ({"patience": 0}, "patience: is 0"),
    ],
)
def test_bad_values(values, message) -> None:
    with pytest.raises(DataError, match=message):
        LearningRate(**{"lr": 0.1, **values})
