"""Small splits made once, and scripts with chosen events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import SPLITS, Event, MovingScenes, Script, Thing
from graphvtr.datasets.moving_scenes.generate import write_scripts
from graphvtr.datasets.moving_scenes.world import ACTIONS

THINGS = (
    Thing("circle", "red", "small"),
    Thing("square", "blue", "large"),
    Thing("star", "green", "small"),
    Thing("heart", "yellow", "small"),
)

ScriptMaker = Callable[..., Script]


@pytest.fixture(scope="session")
def cache_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="session")
def splits(cache_root: Path) -> dict[str, MovingScenes]:
    """All four splits of 120 clips."""
    return {split: MovingScenes(cache_root, split, num_clips=120, workers=0, progress=False) for split in SPLITS}


@pytest.fixture(scope="session")
def scripts() -> dict[str, list[Script]]:
    """The scripts of the default dataset."""
    return write_scripts(2000, seed=0, distractors=None)


@pytest.fixture
def make_script() -> ScriptMaker:
    """A script of one event of an action, or of given events, with a red small ball, a blue large box, a green
    small star and a yellow small heart as things 0 to 3."""

    def make(*events: str | Event, seed: int = 0, place: str = "grass", things: tuple[Thing, ...] = THINGS) -> Script:
        made = []
        for event in events:
            if isinstance(event, str):
                cast = dict(zip(ACTIONS[event].participants, range(3), strict=False))
                rng = np.random.default_rng(seed)
                way = ("left", "right", "up", "down")[rng.integers(4)] if ACTIONS[event].way else None
                event = Event(event, **cast, direction=way, manner="quickly" if ACTIONS[event].paced else None)
            made.append(event)
        return Script("clip", seed, things, tuple(made), place)

    return make
