"""The sentences that captions are made of: one function a template, each saying its words with their roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphvtr.datasets.moving_scenes.grammar import (
    Draft,
    Span,
    VerbPhrase,
    can_say,
    say_verb_phrase,
    says_modifier,
    subject_of,
)
from graphvtr.datasets.moving_scenes.script import Event, Script
from graphvtr.text.frames import Argument


@dataclass(frozen=True)
class Template:
    """A kind of sentence: for which scripts it can be said, and how."""

    events: int
    fits: Callable[[Script], bool]
    say: Callable[[Draft], None]


# --- parts ------------------------------------------------------------------------------------------------------


def _opening(draft: Draft) -> list[Argument]:
    """``on the grass,``, if the place stands first."""
    if draft.wording.place < 0 or not draft.wording.place_first:
        return []
    place = draft.place()
    draft.comma()
    return [place]


def _place_last(draft: Draft, number: int, construction: str) -> bool:
    """Whether the place closes the sentence: where it was chosen, and follows no other prepositional phrase."""
    event, wording = draft.script.events[number], draft.wording
    spec = event.spec
    alone = construction not in PASSIVE and spec.particle is None and event.recipient is None and not spec.places
    return wording.place >= 0 and not wording.place_first and alone and not says_modifier(draft, number)


def _active(draft: Draft, number: int, construction: str) -> str:
    """The simple form where it was chosen and is clear, else the progressive one."""
    simple = not draft.wording.progressive and can_say(draft.script.events[number], construction)
    return construction if simple else "progressive"


def _that(draft: Draft, number: int, *, passive: bool, head: Span | None = None) -> Span:
    """``a ball that chases a box``: the antecedent has the role, the pronoun none. Returns the whole span."""
    construction = "passive" if passive else _active(draft, number, "led")
    head = draft.noun_phrase(subject_of(draft, number, passive=passive)) if head is None else head
    draft.say("that")
    place_last = len(draft.script.events) == 1 and _place_last(draft, number, construction)
    _, end = say_verb_phrase(draft, VerbPhrase(number, construction, head, (), place_last))
    return head[0], end


def _same_subject(draft: Draft, one: int, *, passive: bool, other: int) -> bool:
    """Whether the agent of event ``other`` is the subject of event ``one``."""
    return subject_of(draft, one, passive=passive) == draft.script.events[other].agent


# --- one event --------------------------------------------------------------------------------------------------


def _clause(construction: str | None) -> Callable[[Draft], None]:
    """A sentence, or a noun phrase for ``ing`` and ``participle``; the place stands first, last or nowhere."""

    def say(draft: Draft) -> None:
        chosen = construction or _active(draft, 0, "finite")
        opening = _opening(draft)
        subject = draft.noun_phrase(subject_of(draft, 0, passive=chosen in PASSIVE))
        say_verb_phrase(draft, VerbPhrase(0, chosen, subject, opening, _place_last(draft, 0, chosen)))

    return say


def _relative(draft: Draft) -> None:
    _that(draft, 0, passive=False)


def _relative_passive(draft: Draft) -> None:
    _that(draft, 0, passive=True)


def _participants(draft: Draft) -> None:
    """``a ball and a box``: who takes part and nothing of what they do; used for incomplete captions only."""
    for number, thing in enumerate(draft.script.events[0].cast.values()):
        if number:
            draft.say("and")
        draft.nouns.append(draft.noun_phrase(thing))


# --- two events -------------------------------------------------------------------------------------------------


def _then(draft: Draft, *, passive: bool = False) -> None:
    """``a ball is chasing a box and then hits a star``; a new subject is said, after a comma."""
    opening = _opening(draft)
    same = _same_subject(draft, 0, passive=passive, other=1) and can_say(draft.script.events[1], "led")
    subject = draft.noun_phrase(subject_of(draft, 0, passive=passive))
    first = "passive" if passive else "progressive"
    say_verb_phrase(draft, VerbPhrase(0, first, subject, opening))
    if not same:
        draft.comma()
    draft.say("and")
    then = Argument("ARGM-TMP", *draft.say("then"))
    second = subject if same else draft.noun_phrase(draft.script.events[1].agent)
    say_verb_phrase(draft, VerbPhrase(1, "led" if same else "progressive", second, [then]))


def _linked(link: str, main: int, *, passive: bool = False) -> Callable[[Draft], None]:
    """The main clause of event ``main``, then ``before`` or ``after`` and the clause of the other."""

    def say(draft: Draft) -> None:
        other = 1 - main
        opening = _opening(draft)
        subject = draft.noun_phrase(subject_of(draft, main, passive=passive))

        def tail() -> list[Argument]:
            first, _ = draft.say(link)
            same = _same_subject(draft, main, passive=passive, other=other)
            end = _linked_clause(draft, other, same=same, passive_main=passive)
            return [Argument("ARGM-TMP", first, end)]

        construction = "passive" if passive else "progressive"
        say_verb_phrase(draft, VerbPhrase(main, construction, subject, opening), tail)

    return say


def _has_object(event: Event) -> bool:
    """Whether the active clause ends in a direct object."""
    return event.patient is not None and event.spec.particle is None and event.recipient is None


def _linkable(main: int, *, passive: bool = False) -> Callable[[Script], bool]:
    """Whether ``before`` and a clause read well after event ``main``: ``is hopping before a ball`` misleads."""

    def fits(script: Script) -> bool:
        event, other = script.events[main], script.events[1 - main]
        if passive and not can_say(event, "passive"):
            return False
        same = (event.patient if passive else event.agent) == other.agent
        return same or can_say(other, "passive") or (_has_object(event) and not passive)

    return fits


def _linked_clause(draft: Draft, number: int, *, same: bool, passive_main: bool) -> int:
    """The clause after ``before`` or ``after``; returns its last word."""
    event, main = draft.script.events[number], draft.script.events[1 - number]
    plain = _has_object(main) and not passive_main and can_say(event, "linked")
    passive = can_say(event, "passive") and (draft.wording.passive_link or not plain)
    if same and (draft.wording.pronoun or not (plain or passive)):
        phrase = VerbPhrase(number, _active(draft, number, "led"), draft.say("it"))
    elif passive:
        phrase = VerbPhrase(number, "passive", draft.noun_phrase(subject_of(draft, number, passive=True)))
    else:
        phrase = VerbPhrase(number, "linked", draft.noun_phrase(event.agent))
    return say_verb_phrase(draft, phrase)[1]


def _passive_subject(draft: Draft) -> None:
    """``the box that is chased by the ball is hitting the star``."""
    opening = _opening(draft)
    subject = _that(draft, 0, passive=True)
    say_verb_phrase(draft, VerbPhrase(1, "progressive", subject, opening))


def _aside(draft: Draft) -> None:
    """``the ball, which is chasing the box, is hitting the star``."""
    opening = _opening(draft)
    head = draft.noun_phrase(draft.script.events[0].agent)
    draft.comma()
    draft.say("which")
    _, end = say_verb_phrase(draft, VerbPhrase(0, "progressive", head))
    draft.comma()
    say_verb_phrase(draft, VerbPhrase(1, "progressive", (head[0], end), opening))


def _with_object_clause(main: int, *, passive: bool) -> Callable[[Draft], None]:
    """``a ball is chasing a box that is hitting a star``, ``... that is hit by a star``."""

    def say(draft: Draft) -> None:
        opening = _opening(draft)
        subject = draft.noun_phrase(draft.script.events[main].agent)

        def tail(head: Span) -> Span:
            return _that(draft, 1 - main, passive=passive, head=head)

        say_verb_phrase(draft, VerbPhrase(main, "progressive", subject, opening), object_clause=tail)

    return say


PASSIVE = ("passive", "participle")
FRAGMENTS = ("ing", "participle", "relative", "relative passive", "participants")
"""Templates that are a noun phrase rather than a sentence; a place cannot open them."""


def _always(script: Script) -> bool:
    return True


def _can(number: int, construction: str) -> Callable[[Script], bool]:
    return lambda script: can_say(script.events[number], construction)


def _chained(main: int, role: str, construction: str) -> Callable[[Script], bool]:
    """Whether the direct object of event ``main`` has ``role`` in the other event, which suits a construction."""

    def fits(script: Script) -> bool:
        event, other = script.events[main], script.events[1 - main]
        plain = event.spec.particle is None and event.recipient is None and event.patient is not None
        return plain and getattr(other, role) == event.patient and can_say(other, construction)

    return fits


TEMPLATES: dict[str, Template] = {
    "active": Template(1, _always, _clause(None)),
    "passive": Template(1, _can(0, "passive"), _clause("passive")),
    "ing": Template(1, _can(0, "ing"), _clause("ing")),
    "participle": Template(1, _can(0, "participle"), _clause("participle")),
    "relative": Template(1, _always, _relative),
    "relative passive": Template(1, _can(0, "passive"), _relative_passive),
    "participants": Template(1, _always, _participants),
    "then": Template(2, _always, _then),
    "passive then": Template(2, _can(0, "passive"), lambda draft: _then(draft, passive=True)),
    "before": Template(2, _linkable(0), _linked("before", 0)),
    "passive before": Template(2, _linkable(0, passive=True), _linked("before", 0, passive=True)),
    "after": Template(2, _linkable(1), _linked("after", 1)),
    "passive after": Template(2, _linkable(1, passive=True), _linked("after", 1, passive=True)),
    "passive subject": Template(
        2,
        lambda script: can_say(script.events[0], "passive") and script.events[0].patient == script.events[1].agent,
        _passive_subject,
    ),
    "aside": Template(2, lambda script: script.events[0].agent == script.events[1].agent, _aside),
    "object clause": Template(2, _chained(0, "agent", "progressive"), _with_object_clause(0, passive=False)),
    "passive object clause": Template(2, _chained(1, "patient", "passive"), _with_object_clause(1, passive=True)),
}
