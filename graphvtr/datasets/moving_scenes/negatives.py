"""Hard negatives: captions worded like a true one of which one thing is wrong, or missing.

The five kinds are those of HGR's fine-grained binary selection (Table 6). A negative is made on the script, not on
the text: the script is changed, the change is checked against what really happens in the clip, and the changed
script is worded by the same choices as the true caption.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from numpy.random import Generator

from graphvtr.datasets.moving_scenes.captions import (
    Caption,
    fits,
    outline,
    realise,
)
from graphvtr.datasets.moving_scenes.grammar import Wording
from graphvtr.datasets.moving_scenes.script import Event, Script, Thing, is_held_out
from graphvtr.datasets.moving_scenes.world import ACTIONS, COLOURS, PLACES, SHAPES
from graphvtr.registry import Registry

ATTEMPTS = 12
"""Draws of a negative before its kind is given up for a caption."""


@dataclass(frozen=True)
class Negative:
    """A wrong or incomplete caption.

    Args:
        kind: one of :data:`KINDS`.
        positive: position of the true caption among the clip's captions.
        caption: the negative.
        claim: the script that the negative describes.
    """

    kind: str
    positive: int
    caption: Caption
    claim: Script


Change = Callable[[Generator, Script, Wording], tuple[Script, Wording] | None]
CHANGES: Registry[Change] = Registry("kind of negative")


def write_negatives(rng: Generator, script: Script, captions: Sequence[Caption], *, unseen: bool) -> list[Negative]:
    """At most one negative of each kind, each for a caption drawn at random from those it can be made from.

    Args:
        rng: source of randomness.
        script: what happens in the clip.
        captions: the clip's true captions.
        unseen: whether held-out compositions may be named; those of the other splits stay unseen in negatives too.
    """
    found = []
    for kind in KINDS:
        negative = _first_valid(rng, kind, script, captions, unseen=unseen)
        if negative is not None:
            found.append(negative)
    return found


def _first_valid(
    rng: Generator, kind: str, script: Script, captions: Sequence[Caption], *, unseen: bool
) -> Negative | None:
    for position in rng.permutation(len(captions)):
        wording = captions[position].wording
        for _ in range(ATTEMPTS):
            changed = CHANGES[kind](rng, script, wording)
            if changed is None:
                break
            claim, claim_wording = changed
            if not is_valid(kind, claim, script, unseen=unseen):
                continue
            caption = realise(claim, claim_wording)
            if all(caption.text != other.text for other in captions):
                return Negative(kind, int(position), caption, claim)
    return None


def is_valid(kind: str, claim: Script, script: Script, *, unseen: bool) -> bool:
    """Whether a claim is wrong for the clip (or, for ``incomplete events``, right and less than all)."""
    if not unseen and any(is_held_out(claim.things, event) for event in claim.events):
        return False
    if kind == "incomplete events":
        return may_hold(claim, script) and len(claim.events) <= len(script.events)
    return not may_hold(claim, script)


def may_hold(claim: Script, script: Script) -> bool:
    """Whether a viewer could take ``claim`` for true: its place is right and its events happen, in their order.

    Actions of one family count as the same, because a chase is also a following, a hit also a short push.
    """
    if claim.place != script.place:
        return False
    happened = [_family_signature(script, event) for event in script.events]
    position = 0
    for wanted in (_family_signature(claim, event) for event in claim.events):
        while position < len(happened) and happened[position] != wanted:
            position += 1
        if position == len(happened):
            return False
        position += 1
    return True


def _family_signature(script: Script, event: Event) -> tuple[object, ...]:
    return event.spec.family, *script.signature(event)[1:]


@CHANGES.register("switch roles")
def switch_roles(rng: Generator, script: Script, wording: Wording) -> tuple[Script, Wording] | None:
    """Two participants of an event take each other's part, throughout the clip."""
    events = [event for event in script.events if len(event.cast) > 1]
    if not events:
        return None
    cast = list(events[rng.integers(len(events))].cast.values())
    one, other = (cast[index] for index in rng.permutation(len(cast))[:2])
    return _exchange(script, one, other), _exchange_words(wording, one, other)


@CHANGES.register("replace actions")
def replace_actions(rng: Generator, script: Script, wording: Wording) -> tuple[Script, Wording] | None:
    """An event has another action with the same participants; everything else that was said can still be said."""
    number = int(rng.integers(len(script.events)))
    event = script.events[number]
    others = [name for name in ACTIONS if _can_replace(event, name, script, wording, number)]
    if not others:
        return None
    name = others[rng.integers(len(others))]
    return _with_event(script, number, _as_action(event, name)), wording


def _as_action(event: Event, name: str) -> Event:
    spec = ACTIONS[name]
    return replace(
        event,
        action=name,
        direction=event.direction if spec.way == event.spec.way else None,
        manner=event.manner if spec.paced else None,
        position=event.position if event.position in spec.positions else None,
    )


def _can_replace(event: Event, name: str, script: Script, wording: Wording, number: int) -> bool:
    spec, old = ACTIONS[name], event.spec
    if spec.participants != old.participants or spec.family == old.family:
        return False
    new = _as_action(event, name)
    kept = all(
        getattr(new, field) == getattr(event, field) or getattr(wording, field)[number] < 0
        for field in ("direction", "manner", "position")
    )
    claim = _with_event(script, number, new)
    return kept and fits(wording.template, claim) and outline(claim, wording) == outline(script, wording)


@CHANGES.register("replace persons")
def replace_persons(rng: Generator, script: Script, wording: Wording) -> tuple[Script, Wording] | None:
    """A participant is another thing: a bystander, or one that differs in colour, in shape or in both."""
    actors = script.actors
    actor = actors[rng.integers(len(actors))]
    thing, bystanders = script.things[actor], script.bystanders
    if bystanders and rng.random() < 0.5:
        claim = _exchange(script, actor, bystanders[rng.integers(len(bystanders))])
        return _with_thing(claim, actor, replace(claim.things[actor], size_told=thing.size_told)), wording
    part = rng.integers(3)
    colour = COLOURS[rng.integers(len(COLOURS))] if part != 1 else thing.colour
    shape = SHAPES[rng.integers(len(SHAPES))] if part != 0 else thing.shape
    if (colour, shape) in {other.look for other in script.things}:
        return script, wording  # two things of one look would mislead; the unchanged script is turned down
    return _with_thing(script, actor, replace(thing, colour=colour, shape=shape)), wording


@CHANGES.register("replace scenes")
def replace_scenes(rng: Generator, script: Script, wording: Wording) -> tuple[Script, Wording] | None:
    """It happens in another place; only captions that name the place qualify."""
    if not outline(script, wording).tells_place:
        return None
    return replace(script, place=PLACES[rng.integers(len(PLACES))]), wording


@CHANGES.register("incomplete events")
def incomplete_events(rng: Generator, script: Script, wording: Wording) -> tuple[Script, Wording] | None:
    """Only part is told: one of two events, or the participants of a single one without what they do."""
    if len(script.events) == 1:
        if len(script.events[0].cast) == 1:
            return None
        return script, replace(wording, template="participants", place_first=False)
    kept = int(rng.integers(2))
    part = replace(script, events=(script.events[kept],))
    shortened = replace(
        wording,
        template="passive" if wording.template.startswith("passive") else "active",
        verb=(wording.verb[kept],),
        manner=(wording.manner[kept],),
        direction=(wording.direction[kept],),
        position=(wording.position[kept],),
    )
    return part, shortened if fits(shortened.template, part) else replace(shortened, template="active")


KINDS = ("switch roles", "replace actions", "replace persons", "replace scenes", "incomplete events")
"""The kinds of negatives, in the order of HGR's Table 6."""


def _with_thing(script: Script, index: int, thing: Thing) -> Script:
    things = list(script.things)
    things[index] = thing
    return replace(script, things=tuple(things))


def _with_event(script: Script, number: int, event: Event) -> Script:
    events = list(script.events)
    events[number] = event
    return replace(script, events=tuple(events))


def _exchange(script: Script, one: int, other: int) -> Script:
    things = list(script.things)
    things[one], things[other] = things[other], things[one]
    return replace(script, things=tuple(things))


def _exchange_words(wording: Wording, one: int, other: int) -> Wording:
    """The things keep their words when they change places."""

    def exchanged(choices: tuple[int, ...]) -> tuple[int, ...]:
        out = list(choices)
        out[one], out[other] = out[other], out[one]
        return tuple(out)

    return replace(
        wording, noun=exchanged(wording.noun), colour=exchanged(wording.colour), size=exchanged(wording.size)
    )
