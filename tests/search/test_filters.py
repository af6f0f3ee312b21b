"""Conditions on what is known about a clip."""

from __future__ import annotations

import pytest

from graphvtr.errors import DataError
from graphvtr.search import Item, Where

ITEM = Item("beach", "a/beach.mp4", 12.5, ["A dog runs.", "Waves"], ["music", "sea"], {"year": 2020.0, "place": "Rio"})


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("duration<30", True),
        ("duration >= 12.5", True),
        ("duration>12.5", False),
        ("duration<soon", False),
        ("duration!=soon", True),
        ("tag=music", True),
        ("tag=Music", False),
        ("tag!=music", False),
        ("tag!=talk", True),
        ("tag~MUS", True),
        ("caption~dog", True),
        ("caption~cat", False),
        ("year=2020", True),
        ("year!=2020", False),
        ("place=Rio", True),
        ("place<S", True),
        ("name=beach", True),
        ("path~A/", True),
        ("absent=1", False),
        ("absent!=1", True),
        ("absent~x", False),
    ],
)
def test_conditions(condition: str, met: bool) -> None:
    assert Where.parse(condition)(ITEM) is met


@pytest.mark.parametrize("text", ["", "duration", "duration<", "<3", "a b=c"])
def test_what_is_no_condition_is_named(text: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        Where.parse(text)
