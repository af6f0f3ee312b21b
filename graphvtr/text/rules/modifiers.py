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
    return word in ("pm", "am", "p.m.", "a.m.") or (tree.tags[noun] == "CD" and _beside_time(tree, noun))


def _beside_time(tree: Tree, noun: int) -> bool:
    """`May 5th`, `the 5th of May`."""
    return noun > 0 and tree.words[noun - 1] in lexicon.TIME_NOUNS


def names_being(tree: Tree, noun: int) -> bool:
    """Whether the noun names a person or an animal: `him`, `Mary`, `two dogs`."""
    word = tree.words[noun]
    if tree.tags[noun] in ("PRP", "NNP"):
        return word != "it"
    return word in lexicon.PERSON_WORDS or (word.endswith("s") and word[:-1] in lexicon.PERSON_WORDS)


# what an adverb tells, by table; other adverbs tell a manner
ADVERB_ROLES = {"why": "ARGM-CAU"}
for _table, _role in (
    (lexicon.TIME_ADVERBS, "ARGM-TMP"),
    (lexicon.EXTENT_ADVERBS, "ARGM-EXT"),
    (lexicon.DISCOURSE_ADVERBS, "ARGM-DIS"),
    (lexicon.STANCE_ADVERBS, "ARGM-ADV"),
    (lexicon.NEGATION, "ARGM-NEG"),
):
    ADVERB_ROLES |= dict.fromkeys(_table, _role)


def adverb_role(clause: Clause, child: int) -> str | None:
    """Role of an adverb: time, place, direction, extent, manner, or how the speaker sees it."""
    tree, lemma = clause.tree, clause.lemma
    word = tree.words[child]
    if is_particle(tree, child):
        return particle_role(clause, child)
    if word in ("next", "close") and tree.child(child, "prep") is not None:
        return place_role(clause)
    if word == "so" and tree.left[clause.verb] == child:
        return "ARGM-DIS"
    if word == "well" and child and tree.words[child - 1] == "as":
        return "ARGM-ADV"
    if word == "together":
        return "ARG2" if lemma in lexicon.JOINING_VERBS else "ARGM-MNR"
    if word in lexicon.PLACE_ADVERBS:
        return "ARG4" if lemma in lexicon.ARRIVAL_VERBS else place_role(clause)
    if word == "home":
        return "ARG4"
    if word in lexicon.DIRECTION_ADVERBS:
        return "ARG2" if lemma == "be" else "ARGM-DIR"
    return ADVERB_ROLES.get(word, "ARGM-MNR")


def place_role(clause: Clause) -> str:
    """Role of a place: where a thing is or is put (ARG2, ARG3), or where something happens."""
    lemma = clause.lemma
    if lemma in ("stay", "remain"):
        return "ARG3"
    if lemma in lexicon.POSITION_VERBS:
        return "ARG2"
    if lemma in lexicon.PLACEMENT_VERBS and (clause.has_object or clause.passive):
        return "ARG2"
    return "ARGM-LOC"


def noun_adverb_role(clause: Clause, child: int) -> str | None:
    """Role of a noun used as an adverb: `last night`, `a bit`, `that way`."""
    tree = clause.tree
    word = tree.words[child]
    if clause.path_particle(child) is not None:
        return "ARGM-DIR"
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


def is_particle(tree: Tree, child: int) -> bool:
    """Whether a child of a verb is a particle: `cuts an onion up`."""
    if tree.deps[child] == "prt":
        return True
    return tree.deps[child] == "advmod" and (tree.tags[child] == "RP" or tree.words[child] in lexicon.PARTICLES)


def particle_role(clause: Clause, child: int) -> str | None:
    """`walks away` has a direction; in `cuts up` the particle is part of the verb, without a role."""
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
    marker = clause_marker(clause.tree, child)
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
