"""Captions of CAD120Graphs: templates that say what is done to what, in which order, with their role graphs.

A unit's captions are all the templates of its kind, filled with the labels of its actions. Two units of which the
same is true have the same captions, word for word, so that evaluation with ``duplicates="one"`` knows every clip
that a caption is true of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphvtr.datasets.cad120.sentence import Sentence
from graphvtr.datasets.cad120.units import Action, Unit
from graphvtr.text import GraphLists

ACTIVITIES = {
    "arranging_objects": ("arranging", "objects"),
    "cleaning_objects": ("cleaning", "objects"),
    "having_meal": ("having", "a meal"),
    "making_cereal": ("making", "cereal"),
    "microwaving_food": ("microwaving", "food"),
    "picking_objects": ("picking up", "objects"),
    "stacking_objects": ("stacking", "objects"),
    "taking_food": ("taking", "food"),
    "taking_medicine": ("taking", "medicine"),
    "unstacking_objects": ("unstacking", "objects"),
}


@dataclass(frozen=True)
class Verb:
    """How an action is said: verb forms and what follows them, ``{}`` standing for the thing."""

    finite: str
    progressive: str
    participle: str
    patient: str = "the {}"
    patient_role: str = "ARG1"
    rest: str = ""
    rest_role: str = "ARG2"


MICROWAVE = "the microwave"
VERBS = {
    "open": Verb("opens", "opening", "opened"),
    "close": Verb("closes", "closing", "closed"),
    "pick": Verb("picks up", "picking up", "picked up"),
    "place": Verb("puts down", "putting down", "put down"),
    "drink": Verb("drinks", "drinking", "drunk", "from the {}", "ARG2"),
    "eat": Verb("eats", "eating", "eaten"),
    "microwave_food": Verb("puts", "putting", "put", rest="into the microwave"),
    "take_food": Verb("takes", "taking", "taken", rest="out of the microwave", rest_role="ARGM-DIR"),
    "clean": Verb("cleans", "cleaning", "cleaned", MICROWAVE, rest="with the {}", rest_role="ARGM-MNR"),
}
OTHER_VERBS = {
    "open": Verb("opens up", "opening up", "opened up"),
    "close": Verb("shuts", "shutting", "shut"),
    "pick": Verb("grabs", "grabbing", "grabbed"),
    "place": Verb("sets down", "setting down", "set down"),
    "drink": Verb("sips", "sipping", "sipped", "from the {}", "ARG2"),
    "eat": Verb("bites", "biting", "bitten", "into the {}", "ARG2"),
    "microwave_food": Verb("places", "placing", "placed", rest="inside the microwave"),
    "take_food": Verb("removes", "removing", "removed", rest="from the microwave"),
    "clean": Verb("wipes", "wiping", "wiped", MICROWAVE, rest="with the {}", rest_role="ARGM-MNR"),
}
HANDS = {1: "with one hand", 2: "with both hands"}
CHANGED = {  # who, role of who; verb before and after; role of the rest, rest before and after
    "pick": ("a hand", "ARG0", "does not hold", "holds", "ARG1", "the {}", "the {}"),
    "place": ("a hand", "ARG0", "holds", "does not hold", "ARG1", "the {}", "the {}"),
    "drink": ("the {}", "ARG1", "is away", "is", "ARG2", "from the head", "at the mouth"),
    "eat": ("the {}", "ARG1", "is away", "is", "ARG2", "from the head", "at the mouth"),
    "microwave_food": ("the {}", "ARG1", "is", "is", "ARG2", "outside the microwave", "inside the microwave"),
    "take_food": ("the {}", "ARG1", "is", "is", "ARG2", "inside the microwave", "outside the microwave"),
    "clean": ("the {}", "ARG1", "is", "is", "ARG2", "outside the microwave", "inside the microwave"),
    "open": ("the {}", "ARG1", "is", "is", "ARGM-PRD", "closed", "open"),
    "close": ("the {}", "ARG1", "is", "is", "ARGM-PRD", "open", "closed"),
}
"""What holds before an action and after it: the relations and states of the annotation, in words."""


def noun(thing: str) -> str:
    """A category in words."""
    return thing.replace("-", " ")


def captions_of(unit: Unit) -> list[GraphLists]:
    """All captions of a unit: five for one action, five for two, three for a video of three or more."""
    if len(unit.actions) == 1:
        templates: Sequence[Callable[[Sentence, Unit], None]] = ONE
    else:
        templates = TWO if len(unit.actions) == 2 else MANY
    out = []
    for template in templates:
        sentence = Sentence()
        template(sentence, unit)
        out.append(sentence.lists())
    return out


# --- phrases ----------------------------------------------------------------------------------------------------


def _verb_phrase(said: Sentence, verb: Verb, form: str, action: Action, subject: int | None) -> int:
    """``picks up the cup``; ``subject`` is the entity that does it. Returns the action's number."""
    number = said.action(form)
    if subject is not None:
        said.fill(subject, number)
    said.entity(verb.patient_role, verb.patient.format(noun(action.thing)), [number])
    if verb.rest:
        said.entity(verb.rest_role, verb.rest.format(noun(action.thing)), [number])
    return number


def _finite(said: Sentence, action: Action, subject: int) -> int:
    verb = VERBS[action.name]
    return _verb_phrase(said, verb, verb.finite, action, subject)


def _clause(said: Sentence, word: str, action: Action) -> list[int]:
    """``after opening the microwave``; returns its words, to become a time of the main verb."""
    begin = len(said.words)
    said.say(word)
    _verb_phrase(said, VERBS[action.name], VERBS[action.name].progressive, action, None)
    return list(range(begin, len(said.words)))


def _while(said: Sentence, unit: Unit) -> list[int]:
    """``while making cereal``."""
    begin = len(said.words)
    said.say("while")
    verb, thing = ACTIVITIES[unit.recording.activity]
    said.entity("ARG1", thing, [said.action(verb)])
    return list(range(begin, len(said.words)))


def _then(said: Sentence, action: Action, subject: int, opening: str = "and") -> int:
    """``and then drinks from the cup``."""
    said.say(opening)
    then = said.entity("ARGM-TMP", "then")
    number = _finite(said, action, subject)
    said.fill(then, number)
    return number


# --- one action -------------------------------------------------------------------------------------------------


def _plain(said: Sentence, unit: Unit) -> None:
    _finite(said, unit.actions[0], said.entity("ARG0", "a person"))


def _during(said: Sentence, unit: Unit) -> None:
    (action,) = unit.actions
    subject = said.entity("ARG0", "someone")
    said.say("is")
    number = _verb_phrase(said, VERBS[action.name], VERBS[action.name].progressive, action, subject)
    said.span_entity("ARGM-TMP", _while(said, unit), [number])


def _passive(said: Sentence, unit: Unit) -> None:
    (action,) = unit.actions
    verb = VERBS[action.name]
    thing = noun(action.thing)
    if verb.patient_role != "ARG1":  # nobody says that a cup is drunk from
        said.say("there is")
        subject = said.entity("ARG0", "a person")
        _verb_phrase(said, verb, verb.progressive, action, subject)
        return
    patient = said.entity(verb.patient_role, verb.patient.format(thing))
    said.say("is")
    number = said.action(verb.participle)
    said.fill(patient, number)
    if verb.rest:
        said.entity(verb.rest_role, verb.rest.format(thing), [number])
    said.entity("ARG0", "by a person", [number])


def _other_words(said: Sentence, unit: Unit) -> None:
    (action,) = unit.actions
    verb = OTHER_VERBS[action.name]
    number = _verb_phrase(said, verb, verb.finite, action, said.entity("ARG0", "a person"))
    if action.hands:
        said.entity("ARGM-MNR", HANDS[action.hands], [number])


def _change(said: Sentence, unit: Unit) -> None:
    """``first the microwave is closed , then it is open``."""
    (action,) = unit.actions
    who, role, before, after, rest_role, one, other = (part.format(noun(action.thing)) for part in CHANGED[action.name])
    for word, subject, verb, rest in (("first", who, before, one), (", then", "it", after, other)):
        *comma, when = word.split()
        said.say(" ".join(comma))
        arguments = [said.entity("ARGM-TMP", when), said.entity(role, subject)]
        number = said.action(verb)
        for argument in arguments:
            said.fill(argument, number)
        said.entity(rest_role, rest, [number])


ONE = (_plain, _during, _passive, _other_words, _change)

# --- two actions, in both orders of telling ---------------------------------------------------------------------


def _and_then(said: Sentence, unit: Unit) -> None:
    subject = said.entity("ARG0", "a person")
    _finite(said, unit.actions[0], subject)
    _then(said, unit.actions[1], subject)


def _told(word: str, opening: int, main: int, *, clause_first: bool) -> Callable[[Sentence, Unit], None]:
    """``after opening the microwave , a person ...`` or ``a person ... after opening the microwave``."""

    def say(said: Sentence, unit: Unit) -> None:
        clause: list[int] = []
        if clause_first:
            clause = _clause(said, word, unit.actions[opening])
            said.say(",")
        number = _finite(said, unit.actions[main], said.entity("ARG0", "a person"))
        if not clause_first:
            clause = _clause(said, word, unit.actions[opening])
        said.span_entity("ARGM-TMP", clause, [number])

    return say


TWO = (
    _and_then,
    _told("after", 0, 1, clause_first=True),
    _told("after", 0, 1, clause_first=False),
    _told("before", 1, 0, clause_first=True),
    _told("before", 1, 0, clause_first=False),
)

# --- three and more ---------------------------------------------------------------------------------------------


def _all(said: Sentence, unit: Unit, subject: int) -> int:
    """``picks up the cup , then drinks from the cup and then puts down the cup``; returns the first action."""
    first, *between, last = unit.actions
    number = _finite(said, first, subject)
    for action in between:
        _then(said, action, subject, ",")
    _then(said, last, subject)
    return number


def _sequence(said: Sentence, unit: Unit) -> None:
    _all(said, unit, said.entity("ARG0", "a person"))


def _sequence_during(said: Sentence, unit: Unit) -> None:
    clause = _while(said, unit)
    said.say(",")
    number = _all(said, unit, said.entity("ARG0", "someone"))
    said.span_entity("ARGM-TMP", clause, [number])


def _backwards(said: Sentence, unit: Unit) -> None:
    """``a person closes the microwave after opening the microwave and putting the bowl into the microwave``."""
    *earlier, last = unit.actions
    number = _finite(said, last, said.entity("ARG0", "a person"))
    clause = _clause(said, "after", earlier[0])
    for action in earlier[1:]:
        begin = len(said.words)
        said.say("and then")
        _verb_phrase(said, VERBS[action.name], VERBS[action.name].progressive, action, None)
        clause += range(begin, len(said.words))
    said.span_entity("ARGM-TMP", clause, [number])


MANY = (_sequence, _sequence_during, _backwards)
