"""What a clip of CAD120Graphs is: one action, two in a row, or all of a video; and which objects it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from graphvtr.datasets.cad120.annotations import RELATIONS, STATES, LabelledClip, Recording
from graphvtr.errors import DataError, check_choice

UNITS = ("action", "pair", "video")
CHANGES = {
    "pick": ("not_holding", "holding"),
    "place": ("holding", "not_holding"),
    "drink": ("apart", "contacting"),
    "eat": ("apart", "contacting"),
    "microwave_food": ("separate", "containing"),
    "take_food": ("containing", "separate"),
    "clean": ("separate", "containing"),
    "open": ("closed", "open"),
    "close": ("open", "closed"),
}
"""What each action changes, from ``knowledge/act_rel_list.txt`` and ``act_attr_list.txt``."""


@dataclass(frozen=True)
class Action:
    """Something a person does.

    Args:
        name: ``"pick"``, a key of :data:`CHANGES`.
        thing: category of the object whose relation or state changes, ``"cup"``.
        hands: how many hands take or leave the thing at once; 0 for actions that are no matter of hands.
        begin: first frame.
        end: last frame.
    """

    name: str
    thing: str
    hands: int
    begin: int
    end: int


@dataclass(frozen=True)
class Unit:
    """One item of the dataset: frames ``begin`` to ``end`` of a recording, with its actions in order."""

    recording: Recording
    actions: tuple[Action, ...]

    @property
    def begin(self) -> int:
        """First frame."""
        return min(action.begin for action in self.actions)

    @property
    def end(self) -> int:
        """Last frame."""
        return max(action.end for action in self.actions)

    @property
    def name(self) -> str:
        """``Subject1/making_cereal/1204142055/30-99``."""
        return f"{self.recording.name}/{self.begin}-{self.end}"


def find_action(recording: Recording, clip: LabelledClip) -> Action | None:
    """What a labelled clip shows: the object whose relation (or state) is the first of its action's
    :data:`CHANGES` at the beginning and the second one later. None for ``null`` clips.

    Raises:
        DataError: the action is unknown, nothing changes, or two kinds of things do.
    """
    if clip.action == "null":
        return None
    where = f"video_clips.txt: {clip.recording}, frames {clip.begin + 1} to {clip.end + 1}"
    if clip.action not in CHANGES:
        raise DataError(where, f"has the unknown action '{clip.action}'", f"known: null, {', '.join(CHANGES)}")
    if not 0 <= clip.begin <= clip.end < recording.num_frames:
        raise DataError(where, f"lies outside the {recording.num_frames} frames", "download it again")
    before, after = CHANGES[clip.action]
    labels, known = (recording.states, STATES) if before in STATES else (recording.pairs, RELATIONS)
    first, later = known.index(before), known.index(after)
    changed = []
    for key, values in labels.items():
        part = values[clip.begin : clip.end + 1]
        if part[0] == first and (part == later).any():
            changed.append(key if isinstance(key, int) else key[1])
    things = {recording.category(index) for index in changed}
    if len(things) != 1:
        raise DataError(where, f"'{clip.action}' changes {sorted(things) or 'nothing'}", "download it again")
    hands = len(changed) if clip.action in ("pick", "place") else 0
    return Action(clip.action, things.pop(), hands, clip.begin, clip.end)


def make_units(recordings: Mapping[str, Recording], clips: Iterable[LabelledClip], unit: str) -> list[Unit]:
    """The items of the dataset, sorted by name of the video and time.

    Args:
        recordings: the videos by name.
        clips: the labelled clips; those of other videos are not looked at.
        unit: ``"action"``, ``"pair"`` or ``"video"``.

    Raises:
        DataError: an unknown unit, or what :func:`find_action` raises.
    """
    check_choice("unit", unit, UNITS)
    found: dict[str, list[Action]] = {}
    for clip in clips:
        recording = recordings.get(clip.recording)
        action = None if recording is None else find_action(recording, clip)
        if action is not None:
            found.setdefault(clip.recording, []).append(action)
    out = []
    for name in sorted(found):
        actions = sorted(found[name], key=lambda action: (action.begin, action.end))
        out += [Unit(recordings[name], part) for part in _parts(actions, unit)]
    return out


def _parts(actions: Sequence[Action], unit: str) -> list[tuple[Action, ...]]:
    if unit == "action":
        return [(action,) for action in actions]
    return list(pairwise(actions)) if unit == "pair" else [tuple(actions)]


def sample(unit: Unit, num_frames: int | None) -> list[int]:
    """Frames of a unit: all, or ``num_frames`` of them at equal distance, first and last included."""
    length = unit.end - unit.begin + 1
    if num_frames is None or num_frames >= length:
        return list(range(unit.begin, unit.end + 1))
    return [int(frame) for frame in np.linspace(unit.begin, unit.end, num_frames).round()]
