"""The plot of a clip: things, up to two events in order, a place; and how plots are drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from graphvtr.datasets.moving_scenes.world import (
    ACTIONS,
    COLOURS,
    DIRECTIONS,
    MANNERS,
    PLACES,
    SHAPES,
    SIZES,
    SOLID_SHAPES,
    Action,
)

MAX_THINGS = 5
"""Things in a clip unless a number of distractors is asked for."""

HELD_OUT_PERIOD = len(COLOURS)

REUSABLE: dict[str, tuple[str, ...]] = {  # participants on the ground and in sight once the action is over
    "leave": (),
    "hide": (),
    "lift": (),
    "drop": ("patient",),
    "give": ("patient", "recipient"),
    "throw": ("patient", "recipient"),
}

NEED_ROOM = ("jump over", "dance")
"""Actions that need room on both sides."""


@dataclass(frozen=True)
class Thing:
    """A coloured shape. ``size_told`` is False where an action forces the size (captions must not give it away)."""

    shape: str
    colour: str
    size: str
    size_told: bool = True

    @property
    def look(self) -> tuple[str, str]:
        """Colour and shape: unique in a clip, and what every caption says of a thing."""
        return self.colour, self.shape


@dataclass(frozen=True)
class Event:
    """One action. Participants are indices into the script's things."""

    action: str
    agent: int
    patient: int | None = None
    recipient: int | None = None
    direction: str | None = None
    manner: str | None = None
    position: str | None = None

    @property
    def spec(self) -> Action:
        """The action's entry in the tables."""
        return ACTIONS[self.action]

    @property
    def cast(self) -> dict[str, int]:
        """Participant -> index of the thing."""
        return {role: getattr(self, role) for role in self.spec.participants}


@dataclass(frozen=True)
class Script:
    """What happens in a clip; frames, boxes, captions and negatives follow from it.

    Args:
        name: name of the clip.
        seed: seeds the motion and the picture; captions have their own.
        things: actors and bystanders in random order, so that an index tells nothing.
        events: one, or two that happen one after the other.
        place: where it happens, a key of ``PLACES``.
    """

    name: str
    seed: int
    things: tuple[Thing, ...]
    events: tuple[Event, ...]
    place: str

    @property
    def actors(self) -> list[int]:
        """Things that take part in an event, in order of first appearance."""
        return list(dict.fromkeys(index for event in self.events for index in event.cast.values()))

    @property
    def bystanders(self) -> list[int]:
        """Things that take part in nothing."""
        return [index for index in range(len(self.things)) if index not in self.actors]

    def signature(self, event: Event) -> tuple[Any, ...]:
        """What every caption says about an event: the action and the looks of its participants."""
        return (event.action, *(self.things[index].look for index in event.cast.values()))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Script:
        """What :meth:`to_dict` gave."""
        return cls(
            name=values["name"],
            seed=values["seed"],
            things=tuple(Thing(**thing) for thing in values["things"]),
            events=tuple(Event(**event) for event in values["events"]),
            place=values["place"],
        )


def composition(things: Sequence[Thing], event: Event) -> tuple[str, str, str] | None:
    """Colour of the agent, action, colour of the patient; None for an event without a patient."""
    if event.patient is None:
        return None
    return things[event.agent].colour, event.action, things[event.patient].colour


def is_held_out(things: Sequence[Thing], event: Event) -> bool:
    """Whether an event's composition is kept from train, val and test and shown in test_unseen only.

    A Latin square over (agent's colour, action, patient's colour): one in eight triples is held out, and any
    two of the three still meet in training.
    """
    key = composition(things, event)
    if key is None:
        return False
    total = COLOURS.index(key[0]) + COLOURS.index(key[2]) + list(ACTIONS).index(key[1])
    return total % HELD_OUT_PERIOD == 0


def sample_script(rng: Generator, name: str, *, unseen: bool = False, distractors: int | None = None) -> Script:
    """Draw a plot.

    Args:
        rng: source of randomness.
        name: the clip's name.
        unseen: every event with a patient is of a held-out composition (and there is one), else none is.
        distractors: number of bystanders; None draws 0 to 2 and keeps the clip at 2 to 5 things.
    """
    while True:
        events = _sample_events(rng, unseen)
        cast = sorted({index for event in events for index in event.cast.values()})
        if len(cast) > MAX_THINGS:
            continue
        if distractors is None:
            low, high = max(0, 2 - len(cast)), min(2, MAX_THINGS - len(cast))
            bystanders = int(rng.integers(low, high + 1))
        else:
            bystanders = distractors
        things = _sample_things(rng, events, len(cast) + bystanders)
        if things is not None and all(
            is_held_out(things, event) == (unseen and event.patient is not None) for event in events
        ):
            break
    events, things = _shuffle(rng, events, things)
    place = PLACES[rng.integers(len(PLACES))]
    return Script(name, int(rng.integers(2**31)), things, events, place)


def _sample_events(rng: Generator, unseen: bool) -> tuple[Event, ...]:
    names = list(ACTIONS)
    single = rng.random() < 0.4
    while True:
        first = ACTIONS[names[rng.integers(len(names))]]
        second = ACTIONS[names[rng.integers(len(names))]]
        if single:
            # a lone thing that does something is rare: clips are about things that act on each other
            if len(first.participants) == 1 and (unseen or rng.random() < 0.85):
                continue
            return (_with_details(rng, _cast(first, (0, 1, 2)), fresh=True),)
        if first.name != second.name and max(len(first.participants), len(second.participants)) > 1:
            break
    one = _with_details(rng, _cast(first, (0, 1, 2)), fresh=True)
    old = [one.cast[role] for role in first.participants if role in REUSABLE.get(first.name, first.participants)]
    fresh = len(first.participants)
    chosen: list[int] = []
    for role in second.participants:
        # what was handed over lies at the recipient's side: neither has room to be acted on, nor for wide moves
        blocked = "recipient" in first.participants and (role != "agent" or second.name in NEED_ROOM)
        free = [] if blocked else [index for index in old if index not in chosen]
        if free and role not in second.needs_fresh and rng.random() < (0.7 if role == "agent" else 0.4):
            chosen.append(free[rng.integers(len(free))])
        else:
            chosen.append(fresh)
            fresh += 1
    two = _cast(second, chosen)
    return one, _with_details(rng, two, fresh=two.agent >= len(first.participants))


def redraw_details(rng: Generator, script: Script) -> Script:
    """The same plot with other directions, positions, manners and sizes; looks, casts and the place stay."""
    known: set[int] = set()
    events = []
    for event in script.events:
        bare = replace(event, direction=None, manner=None, position=None)
        events.append(_with_details(rng, bare, fresh=event.agent not in known))
        known.update(event.cast.values())
    things = tuple(
        replace(thing, size=SIZES[rng.integers(len(SIZES))]) if thing.size_told else thing for thing in script.things
    )
    return replace(script, events=tuple(events), things=things)


def _cast(action: Action, indices: Sequence[int]) -> Event:
    return _recast(Event(action.name, 0), dict(zip(action.participants, indices, strict=False)))


def _recast(event: Event, cast: Mapping[str, int]) -> Event:
    return replace(event, agent=cast["agent"], patient=cast.get("patient"), recipient=cast.get("recipient"))


def _with_details(rng: Generator, event: Event, *, fresh: bool) -> Event:
    spec = event.spec
    direction = DIRECTIONS[rng.integers(len(DIRECTIONS))] if spec.way else None
    manner = MANNERS[rng.integers(len(MANNERS))] if spec.paced else None
    placed = bool(spec.positions) and fresh and rng.random() < 0.5
    position = spec.positions[rng.integers(len(spec.positions))] if placed else None
    return replace(event, direction=direction, manner=manner, position=position)


def _sample_things(rng: Generator, events: Sequence[Event], count: int) -> tuple[Thing, ...] | None:
    """Things with distinct looks that suit the events, or None when the draw repeats a look."""
    hider = {index: role for event in events if event.action == "hide" for role, index in event.cast.items()}
    things = []
    for index in range(count):
        shapes = SOLID_SHAPES if index in hider else SHAPES
        shape, colour = shapes[rng.integers(len(shapes))], COLOURS[rng.integers(len(COLOURS))]
        size = SIZES[rng.integers(len(SIZES))]
        if index in hider:
            size = "small" if hider[index] == "agent" else "large"
        things.append(Thing(shape, colour, size, size_told=index not in hider))
    return tuple(things) if len({thing.look for thing in things}) == count else None


def _shuffle(
    rng: Generator, events: Sequence[Event], things: Sequence[Thing]
) -> tuple[tuple[Event, ...], tuple[Thing, ...]]:
    order = rng.permutation(len(things))
    new_index = np.argsort(order)
    moved = [_recast(event, {role: int(new_index[old]) for role, old in event.cast.items()}) for event in events]
    return tuple(moved), tuple(things[index] for index in order)


class ScriptWriter:
    """Draws scripts of which no two could be told by the same caption.

    A caption always names the actions and the looks of their participants, so two clips must differ there: no
    two clips have the same events in the same order, and a clip with one event has an event no other clip has.
    """

    def __init__(self) -> None:
        self._clips: set[tuple[Any, ...]] = set()
        self._alone: set[tuple[Any, ...]] = set()
        self._used: set[tuple[Any, ...]] = set()

    def write(self, rng: Generator, name: str, *, unseen: bool = False, distractors: int | None = None) -> Script:
        """A script unlike all those written before."""
        while True:
            script = sample_script(rng, name, unseen=unseen, distractors=distractors)
            if self.free(script):
                self.take(script)
                return script

    def free(self, *scripts: Script) -> bool:
        """Whether scripts are unlike all those written before."""
        for script in scripts:
            events = tuple(script.signature(event) for event in script.events)
            clash = events[0] in self._used if len(events) == 1 else not self._alone.isdisjoint(events)
            if clash or events in self._clips:
                return False
        return True

    def take(self, *scripts: Script) -> None:
        """Note scripts as written."""
        for script in scripts:
            events = tuple(script.signature(event) for event in script.events)
            self._clips.add(events)
            self._used.update(events)
            if len(events) == 1:
                self._alone.add(events[0])
