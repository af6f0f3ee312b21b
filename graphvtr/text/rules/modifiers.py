"""Adverbs, adverbial nouns and clauses, particles, modals, negation."""

from __future__ import annotations

from graphvtr.text.rules import lexicon
from graphvtr.text.rules.clause import Clause
from graphvtr.text.rules.tree import Tree


def names_time(tree: Tree, noun: int) -> bool:
    """Whether the noun names a time: `Monday`, `the last minute`, `2004`, `5 pm`."""
    word = tree.words[noun]
    if word in lexicon.TIME_NOUNS:
        return True
    if word[:1].isdigit():
        if word.rstrip("s").isdigit() and len(word.rstrip("s")) == 4 and word[:2] in ("18", "19", "20"):
            return True
        return ":" in word or word[-2:] in ("am", "pm") or _beside_time(tree, noun)
    return word in ("pm", "am", "p.m.", "a.m.") or tree.tags[noun] == "CD" and _beside_time(tree, noun)


def _beside_time(tree: Tree, noun: int) -> bool:
    """`May 5th`, `the 5th of May`."""
    return noun > 0 and tree.words[noun - 1] in lexicon.TIME_NOUNS


def adverb_role(clause: Clause, child: int) -> str | None:
    """Role of an adverb."""
    tree = clause.tree
    word = tree.words[child]
    if word in lexicon.NEGATION and word != "never":
        return "ARGM-NEG"
    if word == "how":
        return "ARGM-MNR"
    if word == "why":
        return "ARGM-CAU"
    if word == "so" and tree.left[clause.verb] == child or word == "also":
        return "ARGM-DIS"
    if word == "well" and child and tree.words[child - 1] == "as":
        return "ARGM-ADV"
    if word in ("next", "close") and tree.child(child, "prep") is not None:
        return place_role(clause)
    if word in lexicon.TIME_ADVERBS:
        return "ARGM-TMP"
    if word in lexicon.PLACE_ADVERBS:
        return "ARG4" if clause.lemma in lexicon.ARRIVAL_VERBS else place_role(clause)
    if word in lexicon.DIRECTION_ADVERBS:
        if clause.lemma == "be":
            return "ARG2"
        if word in ("together",):
            return (
                "ARG2" if clause.lemma in ("get", "put", "mix", "add", "tie", "join", "come", "bring") else "ARGM-MNR"
            )
        return "ARGM-DIR"
    if word == "home":
        return "ARG4"
    if word in lexicon.EXTENT_ADVERBS:
        return "ARGM-EXT"
    if word in lexicon.STANCE_ADVERBS:
        return "ARGM-ADV"
    if word in lexicon.DISCOURSE_ADVERBS:
        return "ARGM-DIS"
    return "ARGM-MNR"


def place_role(clause: Clause) -> str:
    """Role of a place: where a thing is or is put (ARG2, ARG3), or where something happens."""
    lemma = clause.lemma
    if lemma in ("stay", "remain"):
        return "ARG3"
    if lemma in lexicon.POSITION_VERBS or (lemma in lexicon.PLACEMENT_VERBS):
        return "ARG2"
    return "ARGM-LOC"


def noun_adverb_role(clause: Clause, child: int) -> str | None:
    """Role of a noun used as an adverb: `last night`, `a bit`, `that way`."""
    tree = clause.tree
    word = tree.words[child]
    if names_time(tree, child):
        return "ARGM-TMP"
    if word in lexicon.EXTENT_NOUNS:
        return "ARGM-EXT"
    if word in lexicon.MANNER_NOUNS:
        return "ARGM-MNR"
    if word.endswith(("self", "selves")):
        return "ARGM-REC"
    if child < clause.verb and tree.tags[child] == "NNP":
        return "ARGM-DIS"
    return "ARGM-TMP" if tree.tags[child].startswith("NNP") else "ARGM-ADV"


def particle_role(clause: Clause, child: int) -> str | None:
    """`walks away` has a direction; in `cuts up` the particle is part of the verb."""
    word = clause.tree.words[child]
    if clause.lemma == "be":
        return "ARG2"
    if clause.lemma in lexicon.MOTION_VERBS and word in lexicon.DIRECTION_ADVERBS:
        return "ARGM-DIR"
    return None


def auxiliary_role(clause: Clause, child: int) -> str | None:
    """Modals are ARGM-MOD; `be`, `have`, `do` and `to` are nothing."""
    tree = clause.tree
    return "ARGM-MOD" if tree.tags[child] == "MD" else None


def clause_marker(tree: Tree, verb: int) -> str:
    """The word that opens an adverbial clause: `when`, `because`, `to`; empty for a bare participle."""
    for child in tree.children[verb]:
        if child > verb:
            break
        if tree.deps[child] == "mark" or (tree.deps[child] == "advmod" and tree.tags[child] == "WRB"):
            return tree.words[child]
    return "to" if any(tree.words[child] == "to" and tree.deps[child] == "aux" for child in tree.children[verb]) else ""


def adverbial_clause_role(clause: Clause, child: int) -> str:
    """Role of an adverbial clause by the word that opens it."""
    tree = clause.tree
    marker = clause_marker(tree, child)
    if marker == "to":
        return "ARGM-PRP"
    if marker == "so":
        return "ARGM-PRP"
    if marker == "for":
        return "ARG1"
    if marker == "like":
        return "ARG1" if clause.lemma in ("look", "feel", "seem", "sound", "be") else "ARGM-MNR"
    return lexicon.MARKER_ROLE.get(marker, "ARGM-ADV")


def negation_role(clause: Clause, child: int) -> str:
    """`not`."""
    return "ARGM-NEG"


def interjection_role(clause: Clause, child: int) -> str:
    """`please`, `yes`."""
    return "ARGM-DIS"


def opening_conjunction_role(clause: Clause, child: int) -> str | None:
    """`And then he leaves`: a conjunction that opens the sentence; others join and have no role."""
    return "ARGM-DIS" if child == clause.tree.left[clause.verb] else None
