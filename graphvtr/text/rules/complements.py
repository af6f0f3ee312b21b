"""Subjects, objects and complements of a predicate."""

from __future__ import annotations

from graphvtr.text.rules import lexicon, prepositions
from graphvtr.text.rules.clause import Clause, stranded
from graphvtr.text.rules.modifiers import names_being, place_role


def subject_role(clause: Clause, child: int) -> str:
    """Role of the subject: ARG0 for who acts, ARG1 for what undergoes, ARG2 for the recipient of a passive."""
    lemma = clause.lemma
    if clause.passive:
        addressed = lemma in lexicon.EXPERIENCER_PASSIVE and not clause.has_recipient
        return "ARG2" if addressed or (clause.has_object and lemma in lexicon.RECIPIENT_PASSIVE) else "ARG1"
    if lemma in lexicon.WHOLE_SUBJECT:
        return "ARG2"
    if clause.has_object:
        return "ARG1" if lemma in lexicon.UNDERGOER_SUBJECT_TRANSITIVE else "ARG0"
    if lemma == "get":
        becomes = clause.tree.child(clause.verb, "acomp", "prep", "advmod", "prt") is not None  # `gets wet`, `gets up`
        return "ARG1" if becomes else "ARG0"
    undergoes = lemma in lexicon.UNDERGOER_SUBJECT or lemma in lexicon.UNDERGOER_SUBJECT_TRANSITIVE
    return "ARG1" if undergoes else "ARG0"


def agent_role(clause: Clause, child: int) -> str:
    """`is chased by a dog`: who acts; but `sits by a dog`, `is parked by a wall`: where."""
    tree, noun = clause.tree, clause.tree.child(child, "pobj")
    parked = clause.lemma in ("dock", "moor", "park") and noun is not None and not names_being(tree, noun)
    return "ARG0" if clause.passive and not parked else place_role(clause)


def gap_role(clause: Clause) -> str:
    """Role of the noun before a relative clause without a pronoun: `the ball he throws`, `the day he left`, `the floor
    he sits on`."""
    preposition = stranded(clause)
    if preposition is not None:
        return prepositions.preposition_role(clause, preposition)
    return "ARGM-TMP" if clause.has_object else "ARG1"


def object_role(clause: Clause, child: int) -> str:
    """Role of the direct object."""
    tree, lemma = clause.tree, clause.lemma
    word = tree.words[child]
    if clause.path_particle(child) is not None:
        return "ARGM-DIR"
    if word in lexicon.TIME_NOUNS and not clause.passive and lemma in ("wait", "last", "live", "stay", "sleep"):
        return "ARGM-TMP"
    if clause.recipient == child:
        return indirect_object_role(clause, child)
    if lemma in lexicon.ADDRESSEE_OBJECT and not clause.has_recipient:
        addressed = (
            lemma not in lexicon.ADDRESSEE_OR_MESSAGE
            or names_being(tree, child)
            or tree.child(clause.verb, "xcomp", "ccomp", "advcl", "prep") is not None
        )
        return "ARG2" if addressed else "ARG1"
    if lemma == "play" and word in lexicon.INSTRUMENTS:
        return "ARG2"
    return "ARG1"


def indirect_object_role(clause: Clause, child: int) -> str:
    """Role of the recipient: `gives him a ball`, `gives a ball to him`."""
    return "ARG4" if clause.lemma == "get" else "ARG2"


def attribute_role(clause: Clause, child: int) -> str:
    """`is a dog` (ARG2); `there is a dog` (ARG1)."""
    if clause.tree.child(clause.verb, "expl") is not None and clause.tree.child(clause.verb, "nsubj") is None:
        return "ARG1"
    return complement_role(clause, child)


def complement_role(clause: Clause, child: int) -> str:
    """`is happy` (ARG2), `feels soft` (ARG1), `stays warm` (ARG3)."""
    if clause.lemma in lexicon.COMPLEMENT_ARG1:
        return "ARG1"
    return "ARG3" if clause.lemma in lexicon.COMPLEMENT_ARG3 else "ARG2"


def clausal_role(clause: Clause, child: int) -> str | None:
    """Role of a clause that the verb asks for: `tries to catch a fish` (ARG1)."""
    lemma = clause.lemma
    if child < clause.verb and clause.tree.deps[child] == "ccomp" and lemma not in lexicon.SAYING:
        return None  # the parser's reading of two sentences in a row
    if lemma in lexicon.CLAUSE_ARG3:
        return "ARG3"
    if lemma == "stop" and clause.tree.tags[child] == "VB":
        return "ARGM-PRP"
    if lemma == "be":
        return "ARG2"
    return "ARG2" if lemma in lexicon.CLAUSE_ARG2 else "ARG1"
