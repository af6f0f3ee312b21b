"""Twins differ in who does what to whom, or in the order, and in nothing else."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import MovingScenes, Script
from graphvtr.datasets.moving_scenes.generate import split_sizes, write_scripts
from graphvtr.datasets.moving_scenes.negatives import may_hold
from graphvtr.datasets.moving_scenes.script import ScriptWriter
from graphvtr.datasets.moving_scenes.twins import twins_of, write_twins
from graphvtr.datasets.moving_scenes.world import SOLID_SHAPES
from graphvtr.metrics import twin_positions


@pytest.fixture(scope="module")
def written() -> dict[str, list[Script]]:
    return write_scripts(400, seed=0, distractors=None, twins=True)


def pairs(scripts: list[Script]) -> list[tuple[Script, Script]]:
    twin = twin_positions([script.name for script in scripts]).tolist()
    return [(scripts[one], scripts[other]) for one, other in enumerate(twin) if 0 <= one < other]


def told(script: Script) -> list[tuple[object, ...]]:
    return [script.signature(event) for event in script.events]


def test_every_clip_of_an_even_split_has_one(written: dict[str, list[Script]]) -> None:
    assert {split: len(scripts) for split, scripts in written.items()} == split_sizes(400)
    for scripts in written.values():
        assert len(pairs(scripts)) == len(scripts) // 2
    every = [tuple(told(script)) for scripts in written.values() for script in scripts]
    assert max(Counter(every).values()) == 1
    assert written == write_scripts(400, seed=0, distractors=None, twins=True)


def test_they_hold_the_same_things_and_actions_and_neither_may_be_taken_for_the_other(
    written: dict[str, list[Script]],
) -> None:
    kinds = Counter()
    for one, other in (pair for scripts in written.values() for pair in pairs(scripts)):
        assert sorted(thing.look for thing in one.things) == sorted(thing.look for thing in other.things)
        assert Counter(event.action for event in one.events) == Counter(event.action for event in other.events)
        assert (one.place, one.seed) == (other.place, other.seed)
        assert not may_hold(other, one)
        assert not may_hold(one, other)
        kinds["order" if told(one) == told(other)[::-1] else "roles"] += 1
        hiders = [i for event in other.events if event.action == "hide" for i in event.cast.values()]
        assert all(other.things[index].shape in SOLID_SHAPES for index in hiders)
    assert min(kinds["order"], kinds["roles"]) > 10


def test_sizes_go_with_things_unless_the_action_forces_them() -> None:
    rng = np.random.default_rng(0)
    for number in range(60):
        script, twin = write_twins(ScriptWriter(), rng, f"{number}")
        forced = {index for index, thing in enumerate(script.things) if not thing.size_told}
        assert {index for index, thing in enumerate(twin.things) if not thing.size_told} == forced
        if not forced:
            assert sorted(map(str, script.things)) == sorted(map(str, twin.things))
        assert twin in list(twins_of(script))


def test_a_clip_and_its_twin_are_told_by_the_same_words(tmp_path: Path) -> None:
    scenes = MovingScenes(tmp_path, "test", num_clips=90, twins=True, workers=0, progress=False)
    words = [Counter(re.findall(r"\w+", caption.lower())) for caption in scenes.captions]
    same = [words[10 * pair + i] == words[10 * pair + 5 + i] for pair in range(5) for i in range(5)]
    assert np.mean(same) > 0.4  # others differ in a manner or a direction, drawn anew for want of room
    assert not set(scenes.captions[0:5]) & set(scenes.captions[5:10])
