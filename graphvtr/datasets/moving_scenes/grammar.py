"""Phrases and clauses with their gold roles: every word is put down once, with the span it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from graphvtr.datasets.moving_scenes.script import Event, Script
from graphvtr.datasets.moving_scenes.world import (
    COLOUR_WORDS,
    FROM_PHRASES,
    MANNER_WORDS,
    PLACE_PHRASES,
    POSITION_PHRASES,
    SHAPE_NOUNS,
    SIZE_WORDS,
    TOWARDS_PHRASES,
    Verb,
)
from graphvtr.graphs import ROLE_IDS
from graphvtr.text.frames import Argument
from graphvtr.text.graph_lists import GraphLists

Span = tuple[int, int]
"""First and last word, both inclusive."""


class Frame(NamedTuple):
    """A predicate and its arguments."""

    predicate: int
    arguments: list[Argument]


@dataclass(frozen=True)
class Wording:
    """Every free choice in the wording of a caption, so that a negative can be worded like its positive.

    Numbers choose among synonyms, modulo how many there are; -1 leaves a thing unsaid.

    Args:
        template: a key of :data:`graphvtr.datasets.moving_scenes.templates.TEMPLATES`.
        noun, colour, size: a choice per thing of the script.
        verb, manner, direction, position: a choice per event.
        place: choice of the place's words; ``place_first`` opens the sentence with them.
        definite: ``the`` already at first mention.
        progressive: ``is chasing`` for ``chases`` where the template allows it.
        manner_last: the adverb after the object, where nothing else follows.
        recipient_first: ``the box is handed a star`` for ``a star is handed to the box``.
        pronoun: ``it`` for the subject of a second clause that is the first one's subject.
        passive_link: a passive clause after ``before`` and ``after`` where there is one.
    """

    template: str
    noun: tuple[int, ...]
    colour: tuple[int, ...]
    size: tuple[int, ...]
    verb: tuple[int, ...]
    manner: tuple[int, ...]
    direction: tuple[int, ...]
    position: tuple[int, ...]
    place: int = -1
    place_first: bool = False
    definite: bool = False
    progressive: bool = False
    manner_last: bool = False
    recipient_first: bool = False
    pronoun: bool = False
    passive_link: bool = False


@dataclass
class Draft:
    """A sentence in the making."""

    script: Script
    wording: Wording
    words: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    mentioned: set[int] = field(default_factory=set)
    commas: set[int] = field(default_factory=set)
    nouns: list[Span] = field(default_factory=list)
    tells_place: bool = False
    constructions: list[str] = field(default_factory=list)

    def say(self, text: str) -> Span:
        """Add words; their span."""
        first = len(self.words)
        self.words += text.split()
        return first, len(self.words) - 1

    def comma(self) -> None:
        """A comma after the last word said; it is part of the text but no word of the graph."""
        self.commas.add(len(self.words) - 1)

    def text(self) -> str:
        """The sentence as it is written."""
        words = [word + "," * (index in self.commas) for index, word in enumerate(self.words)]
        return " ".join(words).capitalize() + "."

    def lists(self) -> GraphLists:
        """The sentence as a gold role graph; its words are in lower case and without punctuation."""
        entities: dict[Argument, int] = {}
        fills = []
        frames = sorted(self.frames)
        for action, frame in enumerate(frames):
            for argument in sorted(frame.arguments, key=lambda argument: argument[1:]):
                entity = entities.setdefault(argument, len(entities))
                fills.append((entity, action, ROLE_IDS[argument.label]))
        nodes = [*entities, *(Argument("NOUN", *span) for span in self.nouns)]  # nouns: a sentence without verbs
        return GraphLists(
            self.text(),
            self.words,
            [[frame.predicate] for frame in frames],
            [(ROLE_IDS[label], list(range(first, last + 1))) for label, first, last in nodes],
            fills,
        )

    def noun_phrase(self, thing: int, preposition: str = "") -> Span:
        """``a small red ball``; ``the`` once the thing has been mentioned. The span includes the preposition."""
        look, wording = self.script.things[thing], self.wording
        words = [pick(SHAPE_NOUNS[look.shape], wording.noun[thing])]
        words.insert(0, pick(COLOUR_WORDS[look.colour], wording.colour[thing]))
        if look.size_told and wording.size[thing] >= 0:
            words.insert(0, pick(SIZE_WORDS[look.size], wording.size[thing]))
        indefinite = "an" if words[0][0] in "aeiou" else "a"
        article = "the" if wording.definite or thing in self.mentioned else indefinite
        self.mentioned.add(thing)
        return self.say(" ".join([preposition, article, *words]))

    def place(self) -> Argument:
        """``on the grass``."""
        self.tells_place = True
        return Argument("ARGM-LOC", *self.say(pick(PLACE_PHRASES[self.script.place], self.wording.place)))

    def verb(self, number: int, construction: str) -> Verb:
        """The verb chosen for an event among those that suit a construction."""
        verbs = [verb for verb in self.script.events[number].spec.verbs if verb.fits(construction)]
        return verbs[self.wording.verb[number] % len(verbs)]


def pick(synonyms: Sequence[str], choice: int) -> str:
    """A synonym by number."""
    return synonyms[choice % len(synonyms)]


@dataclass
class VerbPhrase:
    """How a clause is built.

    Args:
        number: the event.
        construction: a key of ``CONSTRUCTIONS``.
        subject: span of the subject, wherever it stands.
        opening: arguments that stand before the subject (a place, ``then``).
        place_last: close with the place.
    """

    number: int
    construction: str
    subject: Span
    opening: Sequence[Argument] = ()
    place_last: bool = False

    @property
    def is_passive(self) -> bool:
        """Whether the subject is acted on."""
        return self.construction in ("passive", "participle")


def can_say(event: Event, construction: str) -> bool:
    """Whether the event has a verb for a construction."""
    return any(verb.fits(construction) for verb in event.spec.verbs)


def subject_of(draft: Draft, number: int, *, passive: bool) -> int:
    """The thing that is the grammatical subject."""
    event = draft.script.events[number]
    if not passive:
        return event.agent
    thing = event.recipient if _recipient_first(draft, event) else event.patient
    assert thing is not None
    return thing


def say_verb_phrase(
    draft: Draft,
    phrase: VerbPhrase,
    tail: Callable[[], list[Argument]] | None = None,
    object_clause: Callable[[Span], Span] | None = None,
) -> Span:
    """Say the verb and all that follows it; files the frame and returns the span said.

    Args:
        draft: the sentence.
        phrase: what to say.
        tail: says what follows inside the clause (a clause of time) and returns its arguments.
        object_clause: says a relative clause about the object, given its span; returns the span of both.
    """
    event, verb = draft.script.events[phrase.number], draft.verb(phrase.number, phrase.construction)
    first = len(draft.words)
    draft.constructions.append(phrase.construction)
    arguments = [*phrase.opening, Argument(_subject_role(draft, event, phrase), *phrase.subject)]
    if phrase.construction in ("progressive", "linked", "passive"):
        draft.say("is")
    adverb = _manner(draft, phrase.number)
    after = phrase.place_last or says_modifier(draft, phrase.number) or tail is not None or object_clause is not None
    last = draft.wording.manner_last and not after and not phrase.is_passive
    if adverb and not last:
        arguments.append(Argument("ARGM-MNR", *draft.say(adverb)))
    form = verb.participle if phrase.is_passive else verb.ing
    predicate, _ = draft.say(verb.third if phrase.construction in ("finite", "led") else form)
    complements = _complements(draft, event, verb, phrase)
    if object_clause is not None:
        role, *span = complements.pop()
        complements.append(Argument(role, *object_clause((span[0], span[1]))))
    arguments += complements
    if adverb and last:
        arguments.append(Argument("ARGM-MNR", *draft.say(adverb)))
    if object_clause is None and phrase.construction != "participle":  # neither reads well with more behind it
        arguments += _modifiers(draft, phrase.number)
    if phrase.is_passive:  # after the modifiers: `by a ball towards the left` would read as one phrase
        arguments.append(Argument("ARG0", *draft.noun_phrase(event.agent, "by")))
    if phrase.place_last:
        arguments.append(draft.place())
    if tail is not None:
        arguments += tail()
    draft.frames.append(Frame(predicate, arguments))
    return first, len(draft.words) - 1


def _recipient_first(draft: Draft, event: Event) -> bool:
    """``the box is handed a star``."""
    return event.recipient is not None and draft.wording.recipient_first


def _subject_role(draft: Draft, event: Event, phrase: VerbPhrase) -> str:
    if not phrase.is_passive:
        return "ARG0"
    return "ARG2" if _recipient_first(draft, event) else "ARG1"


def _complements(draft: Draft, event: Event, verb: Verb, phrase: VerbPhrase) -> list[Argument]:
    """Objects."""
    found: list[Argument] = []
    patient, recipient = event.patient, event.recipient
    if event.spec.object is not None:
        found.append(Argument("ARG1", *draft.say(event.spec.object)))
    if patient is None:
        return found
    if phrase.is_passive:
        if _recipient_first(draft, event):
            found.append(Argument("ARG1", *draft.noun_phrase(patient)))
        elif recipient is not None:
            found.append(Argument("ARG2", *draft.noun_phrase(recipient, "to")))
        return found
    found.append(Argument(verb.patient_role, *draft.noun_phrase(patient, event.spec.particle or "")))
    if recipient is not None:
        found.append(Argument("ARG2", *draft.noun_phrase(recipient, "to")))
    return found


def _manner(draft: Draft, number: int) -> str | None:
    manner, choice = draft.script.events[number].manner, draft.wording.manner[number]
    return None if manner is None or choice < 0 else pick(MANNER_WORDS[manner], choice)


def says_modifier(draft: Draft, number: int) -> bool:
    """Whether the wording tells the event's direction or position."""
    event, wording = draft.script.events[number], draft.wording
    told_direction = event.direction is not None and wording.direction[number] >= 0
    return told_direction or (event.position is not None and wording.position[number] >= 0)


def _modifiers(draft: Draft, number: int) -> list[Argument]:
    """Direction and position."""
    event, wording = draft.script.events[number], draft.wording
    found = []
    if event.direction is not None and wording.direction[number] >= 0:
        phrases = FROM_PHRASES if event.spec.way == "from" else TOWARDS_PHRASES
        text = pick(phrases[event.direction], wording.direction[number])
        found.append(Argument("ARGM-DIR", *draft.say(text)))
    if event.position is not None and wording.position[number] >= 0:
        text = pick(POSITION_PHRASES[event.position], wording.position[number])
        found.append(Argument("ARGM-LOC", *draft.say(text)))
    return found
