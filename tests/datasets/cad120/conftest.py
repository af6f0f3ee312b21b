"""A small annotation in the layout of CAD-120's ``annotations.zip``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FRAMES = 12
FOLDS = {1: "Subject1", 2: "Subject3", 3: "Subject4", 4: "Subject5"}


def track(x: int, y: int, step: int = 0, absent: tuple[int, ...] = ()) -> list[list[int]]:
    """A box of 64 x 48 pixels that moves to the right, [0, 0, 0, 0] in the frames where it is not seen."""
    return [[0, 0, 0, 0] if t in absent else [x + step * t, y, 64, 48] for t in range(FRAMES)]


def recording(subject: str, activity: str, number: str) -> dict[str, Any]:
    """A hand takes a cup at frame 4, the mouth meets it at 7, the hand lets go at 9; the microwave opens at 6."""
    held = ["holding" if 4 <= t < 9 else "not_holding" for t in range(FRAMES)]
    drinks = ["contacting" if t >= 7 else "apart" for t in range(FRAMES)]
    tracks = {
        "head_1": track(300, 20),
        "hand_1": track(100, 200, 10, absent=(1,)),
        "cup_1": track(200, 240, 5),
        "microwave_1": track(0, 0, absent=(0, 1)),
    }
    return {
        "person_id": subject,
        "video_label": activity,
        "video_id": number,
        "locations": [{"obj_id": name, "loc_list": boxes} for name, boxes in tracks.items()],
        "relations": [
            {"obj_ids": ["hand_1", "cup_1"], "rel_list": held},
            {"obj_ids": ["head_1", "cup_1"], "rel_list": drinks},
        ],
        "attributes": [
            {"obj_id": "microwave_1", "attr_list": ["open" if t >= 6 else "closed" for t in range(FRAMES)]},
        ],
    }


@pytest.fixture
def cad_root(tmp_path: Path) -> Path:
    """``annotations/`` with two videos a person, one of them labelled with five clips."""
    root = tmp_path / "annotations"
    lines = []
    for subject in FOLDS.values():
        for activity, number in (("having_meal", "001"), ("making_cereal", "002")):
            folder = root / "all" / subject / activity
            folder.mkdir(parents=True)
            (folder / f"{number}.json").write_text(json.dumps(recording(subject, activity, number)))
        clip = f"{subject}, having_meal, 001"
        lines += [f"{clip}, 3, 6, pick", f"{clip}, 7, 9, drink", f"{clip}, 8, 12, place", f"{clip}, 1, 12, open"]
        lines += [f"{clip}, 1, 3, null "]  # one real line ends so
    (root / "splits").mkdir()
    for fold, subject in FOLDS.items():
        train = [other for other in FOLDS.values() if other != subject]
        (root / "splits" / f"testlist{fold:02d}.txt").write_text(subject)
        (root / "splits" / f"trainlist{fold:02d}.txt").write_text("\r\n".join(train))
    (root / "video_clips.txt").write_text("\n".join(lines) + "\n")
    return tmp_path
