from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import Event, Script
from graphvtr.datasets.moving_scenes.script import sample_script
from graphvtr.datasets.moving_scenes.simulate import event_frames, simulate, stage
from graphvtr.datasets.moving_scenes.world import SIZE_RADIUS

ScriptMaker = Callable[..., Script]


def test_event_frames(make_script: ScriptMaker) -> None:
    assert event_frames(make_script("jump"), 16) == [range(16)]
    assert event_frames(make_script("jump", "dance"), 15) == [range(7), range(7, 15)]


def test_same_script_same_motion(make_script: ScriptMaker) -> None:
    script = make_script("chase", "dance", seed=4)
    one, other = simulate(script, 16), simulate(script, 16)
    for field in ("xy", "height", "angle", "layer", "rope"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert not np.array_equal(one.xy, simulate(make_script("chase", "dance", seed=5), 16).xy)


def test_stage_returns_the_motion_of_the_script_it_returns(scripts: dict[str, list[Script]]) -> None:
    for script in scripts["val"][:40]:
        staged, motion = stage(script, 16)
        np.testing.assert_array_equal(simulate(staged, 16).xy, motion.xy)
        assert [staged.signature(e) for e in staged.events] == [script.signature(e) for e in script.events]


def test_layouts_are_almost_always_without_fault(scripts: dict[str, list[Script]]) -> None:
    faults = [stage(script, 16)[1].fault for script in scripts["test"][:120]]
    assert np.isfinite(faults).all()
    assert (np.array(faults) == 0).mean() > 0.99


@pytest.mark.parametrize("num_frames", [12, 16, 21])
def test_every_thing_has_a_place_in_every_frame(num_frames: int) -> None:
    for seed in range(20):
        script, motion = stage(sample_script(np.random.default_rng(seed), "clip"), num_frames)
        assert motion.xy.shape == (num_frames, len(script.things), 2)
        assert np.isfinite(motion.xy).all()
        assert (motion.height > -1e-9).all()


def test_nothing_teleports(scripts: dict[str, list[Script]]) -> None:
    for script in scripts["val"][:100]:
        motion = stage(script, 16)[1]
        assert np.linalg.norm(np.diff(motion.drawn, axis=0), axis=2).max() < 0.3


def test_things_stand_still_until_their_event_and_after_it(make_script: ScriptMaker) -> None:
    script = make_script("travel", Event("dance", 2), seed=2)
    motion = stage(script, 16)[1]
    assert np.ptp(motion.xy[8:, 0], axis=0).max() < 1e-9
    assert np.ptp(motion.xy[:8, 2], axis=0).max() < 1e-9
    assert np.ptp(motion.xy[:8, 0], axis=0).max() > 0.1
    assert np.ptp(motion.xy[8:, 2], axis=0).max() > 0.05


def test_events_happen_in_their_order(make_script: ScriptMaker) -> None:
    jump, leave = Event("jump", 0), Event("leave", 1, direction="left")
    first = stage(make_script(jump, leave, seed=1), 16)[1]
    second = stage(make_script(leave, jump, seed=1), 16)[1]
    assert first.height[:8, 0].max() > 0.1
    assert first.height[8:, 0].max() < 1e-9
    assert second.height[:8, 0].max() == 0
    assert second.height[8:, 0].max() > 0.1


def test_second_event_goes_on_from_the_first(make_script: ScriptMaker) -> None:
    for seed in range(6):
        motion = stage(make_script("travel", Event("push", 0, 1, direction="left", manner="slowly"), seed=seed), 16)[1]
        assert motion.fault == 0
        np.testing.assert_allclose(motion.xy[8, 0], motion.xy[7, 0], atol=0.12)


def test_bystanders_wander_and_keep_clear(scripts: dict[str, list[Script]]) -> None:
    crowded = 0
    for script in scripts["test"][:80]:
        script, motion = stage(script, 16)
        radius = [SIZE_RADIUS[thing.size] for thing in script.things]
        for index in script.bystanders:
            moved = np.ptp(motion.xy[:, index], axis=0).max()
            assert 0 < moved < 0.08
            others = [other for other in range(len(script.things)) if other != index]
            gap = np.linalg.norm(motion.drawn[:, others] - motion.drawn[:, [index]], axis=2)
            crowded += (gap < np.array(radius)[others] + radius[index]).any()
    assert crowded <= 8  # where there is no room the least crowded spot is taken


def test_things_that_do_not_act_on_each_other_do_not_touch(scripts: dict[str, list[Script]]) -> None:
    for script in scripts["test"][:60]:
        script, motion = stage(script, 16)
        if len(script.events) != 2 or motion.fault:
            continue
        one, two = (set(event.cast.values()) for event in script.events)
        for i in one - two:
            for j in two - one:
                gap = np.linalg.norm(motion.drawn[:, i] - motion.drawn[:, j], axis=1)
                assert gap.min() > SIZE_RADIUS[script.things[i].size] + SIZE_RADIUS[script.things[j].size]
