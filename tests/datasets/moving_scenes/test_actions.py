"""What each action means, read off the motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from graphvtr.datasets.moving_scenes import Event, Script
from graphvtr.datasets.moving_scenes.simulate import Motion, stage
from graphvtr.datasets.moving_scenes.stage import in_zone
from graphvtr.datasets.moving_scenes.world import DIRECTION_STEP, DIRECTIONS, POSITIONS, SIZE_RADIUS

Array = NDArray[np.float64]
SEEDS = range(8)


class Take:
    """A staged clip of one event, and its participants' paths."""

    def __init__(self, script: Script) -> None:
        self.script, self.motion = stage(script, 16)
        assert self.motion.fault == 0
        self.event = self.script.events[0]
        for role, index in self.event.cast.items():
            setattr(self, role, self.motion.drawn[:, index])
            setattr(self, f"{role}_ground", self.motion.xy[:, index])

    agent: Array
    patient: Array
    recipient: Array
    agent_ground: Array
    patient_ground: Array

    def radius(self, role: str) -> float:
        return SIZE_RADIUS[self.script.things[self.event.cast[role]].size]

    @property
    def contact(self) -> float:
        return self.radius("agent") + self.radius("patient")

    @property
    def gap(self) -> Array:
        return np.linalg.norm(self.agent - self.patient, axis=1)

    @property
    def step(self) -> Array:
        assert self.event.direction is not None
        return np.array(DIRECTION_STEP[self.event.direction])


def length(path: Array) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def way(path: Array) -> Array:
    return path[-1] - path[0]


@pytest.fixture(params=SEEDS)
def take(request: pytest.FixtureRequest, make_script: Callable[..., Script]) -> Callable[..., Take]:
    return lambda action: Take(make_script(action, seed=request.param))


def test_travel_goes_straight(take: Callable[..., Take]) -> None:
    clip = take("travel")
    direction = way(clip.agent) / np.linalg.norm(way(clip.agent))
    np.testing.assert_allclose(direction, clip.step, atol=1e-9)
    assert length(clip.agent) > 0.25


def test_jump_goes_up_and_down_on_the_spot(take: Callable[..., Take]) -> None:
    clip = take("jump")
    height = clip.motion.height[:, clip.event.agent]
    assert height.max() > 0.15
    assert height[0] == pytest.approx(0)
    assert height[-1] == pytest.approx(0, abs=1e-9)
    assert length(clip.agent_ground) == 0
    peaks = (np.diff(np.sign(np.diff(height))) < 0).sum()
    assert peaks >= 2


def test_dance_swings_and_leans(take: Callable[..., Take]) -> None:
    clip = take("dance")
    turns = (np.diff(np.sign(np.diff(clip.agent[:, 0]))) != 0).sum()
    assert turns >= 3
    assert np.abs(clip.motion.angle[:, clip.event.agent]).max() > 0.4
    np.testing.assert_allclose(way(clip.agent), 0, atol=1e-9)


def test_enter_begins_outside(take: Callable[..., Take]) -> None:
    clip = take("enter")
    radius = clip.radius("agent")
    outside = (clip.agent[0] < -radius) | (clip.agent[0] > 1 + radius)
    assert outside.any()
    assert (clip.agent[-1] > radius).all()
    assert (clip.agent[-1] < 1 - radius).all()
    assert np.dot(way(clip.agent), clip.step) > 0.15


def test_leave_ends_outside(take: Callable[..., Take]) -> None:
    clip = take("leave")
    radius = clip.radius("agent")
    assert ((clip.agent[-1] < -radius) | (clip.agent[-1] > 1 + radius)).any()
    assert ((clip.agent[0] > 0) & (clip.agent[0] < 1)).all()
    assert np.dot(way(clip.agent), clip.step) > 0.1


def test_chase_closes_in_on_one_that_flees(take: Callable[..., Take]) -> None:
    clip = take("chase")
    assert clip.gap[-1] < 0.75 * clip.gap[0]
    assert clip.gap[-1] < clip.contact + 0.05
    flight = way(clip.patient)
    assert np.linalg.norm(flight) > 0.1
    ahead = (clip.patient - clip.agent) @ flight
    assert (ahead > 0).all()  # the chased one is ahead, always
    assert length(clip.agent) > length(clip.patient) * 0.9


def test_follow_keeps_its_distance(take: Callable[..., Take]) -> None:
    clip = take("follow")
    assert clip.gap.max() - clip.gap.min() < 0.05
    assert clip.gap.min() > clip.contact
    assert length(clip.patient) == pytest.approx(length(clip.agent), rel=0.15)
    steps, ahead = np.diff(clip.patient, axis=0), (clip.patient - clip.agent)[1:]
    assert ((steps * ahead).sum(1) > 0).all()


def test_push_moves_the_patient_in_front(take: Callable[..., Take]) -> None:
    clip = take("push")
    moving = np.linalg.norm(np.diff(clip.patient, axis=0), axis=1) > 1e-6
    assert moving.sum() >= 6
    np.testing.assert_allclose(clip.gap[1:][moving], clip.contact, atol=1e-6)
    np.testing.assert_allclose(way(clip.patient) / np.linalg.norm(way(clip.patient)), clip.step, atol=1e-6)
    assert (((clip.patient - clip.agent)[1:][moving] @ clip.step) > 0).all()


def test_pull_moves_the_patient_behind_on_a_rope(take: Callable[..., Take]) -> None:
    clip = take("pull")
    moving = np.linalg.norm(np.diff(clip.patient, axis=0), axis=1) > 1e-6
    assert moving.sum() >= 6
    assert (((clip.agent - clip.patient)[1:][moving] @ clip.step) > clip.contact).all()
    np.testing.assert_allclose(way(clip.patient) / np.linalg.norm(way(clip.patient)), clip.step, atol=1e-6)
    tied = clip.motion.rope[:, 0] >= 0
    assert tied[1:][moving].all()
    assert set(clip.motion.rope[tied].ravel()) == {clip.event.agent, clip.event.patient}


def test_hit_touches_once_and_bounces_back(take: Callable[..., Take]) -> None:
    clip = take("hit")
    touch = int(clip.gap.argmin())
    assert 4 <= touch <= 8
    assert clip.gap[touch] < clip.contact + 0.06
    assert length(clip.patient[: touch - 1]) < 0.02
    assert np.linalg.norm(way(clip.patient)) > 0.2
    back = way(clip.agent[touch:])
    assert np.dot(back, way(clip.patient)) < 0


def test_orbit_goes_round_a_still_patient(take: Callable[..., Take]) -> None:
    clip = take("orbit")
    assert length(clip.patient) == 0
    around = clip.agent - clip.patient
    angle = np.unwrap(np.arctan2(around[:, 1], around[:, 0]))
    assert abs(angle[-1] - angle[0]) > 1.2 * np.pi
    assert clip.gap[4:].std() < 0.01


def test_pass_comes_from_behind_and_ends_ahead(take: Callable[..., Take]) -> None:
    clip = take("pass")
    direction = way(clip.patient)
    assert np.linalg.norm(direction) > 0.02
    ahead = (clip.agent - clip.patient) @ (direction / np.linalg.norm(direction))
    assert ahead[0] < -0.05
    assert ahead[-1] > 0.05
    assert clip.gap.min() > 0.9 * clip.contact


def test_carry_brings_the_patient_along_on_top(take: Callable[..., Take]) -> None:
    clip = take("carry")
    on_top = clip.motion.height[:, clip.event.patient or 0] > 0.9 * clip.contact
    assert on_top.sum() >= 5
    np.testing.assert_allclose(clip.agent[on_top][:, 0], clip.patient[on_top][:, 0], atol=1e-6)
    assert (clip.patient[on_top][:, 1] < clip.agent[on_top][:, 1]).all()
    moved = way(clip.agent[on_top])
    assert np.dot(moved, clip.step) == pytest.approx(np.linalg.norm(moved))
    assert np.dot(moved, clip.step) > 0.1
    assert clip.motion.height[-1, clip.event.patient or 0] == pytest.approx(0, abs=1e-9)


def test_lift_raises_both(take: Callable[..., Take]) -> None:
    clip = take("lift")
    height = clip.motion.height
    assert height[-1, clip.event.agent] > 0.3
    assert height[-1, clip.event.patient or 0] > height[-1, clip.event.agent] + 0.8 * clip.contact
    assert (np.diff(height[:, clip.event.agent]) >= 0).all()
    np.testing.assert_allclose(clip.agent[-1, 0], clip.patient[-1, 0], atol=1e-9)


def test_drop_falls_from_under_the_agent(take: Callable[..., Take]) -> None:
    clip = take("drop")
    height = clip.motion.height[:, clip.event.patient or 0]
    assert height[0] == pytest.approx(0.3)
    assert height[-1] == pytest.approx(0, abs=1e-9)
    assert (clip.agent[:, 1] < clip.patient[:, 1]).all()
    assert length(clip.agent) == 0


def test_jump_over_crosses_above(take: Callable[..., Take]) -> None:
    clip = take("jump over")
    side = np.sign(clip.agent[:, 0] - clip.patient[:, 0])
    assert side[0] != side[-1]
    crossing = int(np.abs(clip.agent[:, 0] - clip.patient[:, 0]).argmin())
    assert clip.patient[crossing, 1] - clip.agent[crossing, 1] > 0.7 * clip.contact
    assert length(clip.patient) == 0
    assert clip.motion.height[-1, clip.event.agent] == pytest.approx(0, abs=1e-9)


def test_hide_ends_behind(make_script: Callable[..., Script]) -> None:
    for seed in SEEDS:
        clip = Take(make_script("hide", seed=seed))
        np.testing.assert_allclose(clip.agent[-1], clip.patient[-1], atol=1e-9)
        assert clip.motion.layer[-1, clip.event.agent] < clip.motion.layer[-1, clip.event.patient or 0]
        assert clip.gap[0] > clip.contact


def test_give_hands_the_patient_over(take: Callable[..., Take]) -> None:
    clip = take("give")
    to_recipient = np.linalg.norm(clip.patient - clip.recipient, axis=1)
    assert clip.gap[0] < clip.contact
    assert to_recipient[0] > to_recipient[-1]
    assert clip.gap[-1] > clip.contact + 0.1
    assert to_recipient[-1] == pytest.approx(clip.radius("patient") + clip.radius("recipient"), abs=1e-6)
    assert length(clip.agent[:8]) > 0.2


def test_throw_flies_from_a_still_agent(take: Callable[..., Take]) -> None:
    clip = take("throw")
    to_recipient = np.linalg.norm(clip.patient - clip.recipient, axis=1)
    assert clip.gap[0] < clip.contact
    assert to_recipient[-1] == pytest.approx(clip.radius("patient") + clip.radius("recipient") + 0.07, abs=1e-6)
    assert clip.motion.height[:, clip.event.patient or 0].max() > 0.2
    assert np.linalg.norm(clip.agent - clip.agent[0], axis=1).max() < 0.06
    assert length(clip.recipient) == 0


@pytest.mark.parametrize("action", ["travel", "chase", "follow", "push", "pull", "carry", "orbit", "pass"])
def test_quick_goes_further_than_slow(action: str, make_script: Callable[..., Script]) -> None:
    def gone(manner: str) -> float:
        event = replace(make_script(action).events[0], manner=manner)
        clip: Motion = stage(make_script(event, seed=1), 16)[1]
        return length(clip.xy[:, 0])

    assert gone("quickly") > 1.25 * gone("slowly")


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("action", ["travel", "enter", "leave"])
def test_directions(action: str, direction: str, make_script: Callable[..., Script]) -> None:
    motion = stage(make_script(Event(action, 0, direction=direction)), 16)[1]
    moved = way(motion.xy[:, 0])
    assert np.dot(moved, DIRECTION_STEP[direction]) == pytest.approx(np.linalg.norm(moved))


@pytest.mark.parametrize("position", POSITIONS)
def test_positions(position: str, make_script: Callable[..., Script]) -> None:
    script, motion = stage(make_script(Event("dance", 0, position=position)), 16)
    assert motion.fault == 0
    chosen = script.events[0].position
    if chosen is not None:
        assert in_zone(motion.xy[0, 0], chosen)
    assert chosen == position  # there is room everywhere for a small thing that dances alone
