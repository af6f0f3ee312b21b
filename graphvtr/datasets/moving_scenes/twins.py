"""Twins: two clips of the same things and actions in the same place, with roles or order exchanged.

What a bag of words says of one is true of the other, and so is every thing that can be seen in it: only who does what
to whom, or what comes first, tells them apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from numpy.random import Generator

from graphvtr.datasets.moving_scenes.script import Script, ScriptWriter, Thing, is_held_out, sample_script
from graphvtr.datasets.moving_scenes.world import SOLID_SHAPES
from graphvtr.metrics.twins import TWIN


def write_twins(
    writer: ScriptWriter, rng: Generator, name: str, *, unseen: bool = False, distractors: int | None = None
) -> tuple[Script, Script]:
    """A script and its twin, both unlike all those written before."""
    while True:
        script = sample_script(rng, name, unseen=unseen, distractors=distractors)
        twins = [twin for twin in twins_of(script, unseen=unseen) if writer.free(script, twin)]
        if twins:
            twin = twins[rng.integers(len(twins))]
            writer.take(script, twin)
            return script, twin


def twins_of(script: Script, *, unseen: bool = False) -> Iterator[Script]:
    """All scripts that differ in two participants of an event, who take each other's part throughout, or in the order
    of two events that share no participant.

    Args:
        script: what happens.
        unseen: whether compositions that are held out are to be those of the twin too, or none of them.
    """
    for event in script.events:
        for one, other in itertools.combinations(event.cast.values(), 2):
            twin = replace(script, name=script.name + TWIN, things=_exchanged(script.things, one, other))
            if _may_happen(twin, unseen):
                yield twin
    if len(script.events) == 2 and not set(script.events[0].cast.values()) & set(script.events[1].cast.values()):
        yield replace(script, name=script.name + TWIN, events=script.events[::-1])


def _exchanged(things: tuple[Thing, ...], one: int, other: int) -> tuple[Thing, ...]:
    """Two things in each other's place; a size that an action forces stays with the part."""
    out = list(things)
    out[one], out[other] = out[other], out[one]
    if not (things[one].size_told and things[other].size_told):
        for place in (one, other):
            out[place] = replace(out[place], size=things[place].size, size_told=things[place].size_told)
    return tuple(out)


def _may_happen(script: Script, unseen: bool) -> bool:
    """Whether who hides has a shape to hide behind, and the compositions are those of the split."""
    hiders = [index for event in script.events if event.action == "hide" for index in event.cast.values()]
    return all(script.things[index].shape in SOLID_SHAPES for index in hiders) and all(
        is_held_out(script.things, event) == (unseen and event.patient is not None) for event in script.events
    )
