"""Captions of a script in varied wording, each with the role graph it means."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.random import Generator

from graphvtr.datasets.moving_scenes.grammar import Draft, Wording
from graphvtr.datasets.moving_scenes.script import Script
from graphvtr.datasets.moving_scenes.templates import FRAGMENTS, TEMPLATES
from graphvtr.graphs import RoleGraph
from graphvtr.text.graph_lists import GraphLists

CAPTIONS_PER_CLIP = 5


@dataclass(frozen=True)
class Caption:
    """A sentence as a gold graph, and the wording it came from."""

    lists: GraphLists
    wording: Wording

    @property
    def text(self) -> str:
        """The sentence as it is written."""
        return self.lists.caption

    @property
    def graph(self) -> RoleGraph:
        """The gold role graph."""
        return self.lists.graph()


def realise(script: Script, wording: Wording) -> Caption:
    """The caption of ``script`` in a given wording."""
    draft = Draft(script, wording)
    TEMPLATES[wording.template].say(draft)
    return Caption(draft.lists(), wording)


def write_captions(rng: Generator, script: Script, count: int = CAPTIONS_PER_CLIP) -> list[Caption]:
    """``count`` captions of which no two are the same; templates repeat only once all that fit are used."""
    fitting = [name for name in TEMPLATES if name != "participants" and fits(name, script)]
    captions: dict[str, Caption] = {}
    queue: list[str] = []
    while len(captions) < count:
        if not queue:
            queue = [fitting[index] for index in rng.permutation(len(fitting))]
        caption = realise(script, choose_wording(rng, script, queue.pop()))
        captions.setdefault(caption.text, caption)
    return list(captions.values())


def choose_wording(rng: Generator, script: Script, template: str) -> Wording:
    """Random choices for a caption; what may stay unsaid is said about half the time."""

    def some(count: int, chance: float) -> tuple[int, ...]:
        return tuple(int(rng.integers(12)) if rng.random() < chance else -1 for _ in range(count))

    things, events = len(script.things), len(script.events)
    wording = Wording(
        template=template,
        noun=some(things, 1.0),
        colour=some(things, 1.0),
        size=some(things, 0.45),
        verb=some(events, 1.0),
        manner=some(events, 0.5),
        direction=some(events, 0.65),
        position=some(events, 0.7),
        place=some(1, 0.6)[0],
        place_first=events == 2 or bool(rng.random() < 0.4),
        definite=bool(rng.random() < 0.35),
        progressive=bool(rng.random() < 0.35),
        manner_last=bool(rng.random() < 0.35),
        recipient_first=bool(rng.random() < 0.5),
        pronoun=bool(rng.random() < 0.6),
        passive_link=bool(rng.random() < 0.5),
    )
    if template in FRAGMENTS and wording.place_first:
        wording = replace(wording, place_first=False)
    return wording


def fits(template: str, script: Script) -> bool:
    """Whether a script can be told by a template."""
    chosen = TEMPLATES[template]
    return chosen.events == len(script.events) and chosen.fits(script)


@dataclass(frozen=True)
class Outline:
    """What a sentence is made of, whatever its words: its constructions, and whether it names the place."""

    constructions: tuple[str, ...]
    tells_place: bool


def outline(script: Script, wording: Wording) -> Outline:
    """The outline of the caption of ``script`` in ``wording``."""
    draft = Draft(script, wording)
    TEMPLATES[wording.template].say(draft)
    return Outline(tuple(draft.constructions), draft.tells_place)
