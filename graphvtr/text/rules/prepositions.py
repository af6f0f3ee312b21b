"""Prepositional phrases: arguments that a verb governs, places, paths, times, means and company."""

from __future__ import annotations

from collections.abc import Callable

from graphvtr.text.rules import lexicon
from graphvtr.text.rules.clause import RELATIVE_PRONOUN_TAGS, Clause
from graphvtr.text.rules.modifiers import names_being, names_time, place_role

NEVER_TIME = frozenset(("about", "as", "into", "of", "to", "with"))


def preposition_role(clause: Clause, preposition: int) -> str:
    """Role of the phrase that ``preposition`` opens, as an argument or modifier of the clause's verb."""
    tree, lemma = clause.tree, clause.lemma
    word = tree.words[preposition]
    inner = tree.child(preposition, "pobj", "pcomp")
    noun = inner if inner is not None and tree.deps[inner] == "pobj" else None
    if word == "in" and preposition + 1 < len(tree) and tree.words[preposition + 1] == "order":
        return "ARGM-PRP"
    if noun is not None and word not in NEVER_TIME and names_time(tree, noun):
        return "ARGM-TMP"
    if noun is not None and word in lexicon.SPATIAL and _sets_the_scene(clause, preposition, noun):
        return "ARGM-LOC"
    governed = lexicon.GOVERNED.get((lemma, word))
    if governed is not None:
        return governed
    if word in SPECIAL:
        return SPECIAL[word](clause, inner)
    if word == "in" and noun is not None and tree.words[noun] in lexicon.MANNERS_AND_CLOTHES:
        return "ARGM-MNR"
    if word == "after" and noun is not None and lemma in lexicon.MOTION_VERBS:
        return "ARGM-DIR"
    if word in lexicon.SPATIAL or word in lexicon.PATHS:
        return spatial_role(clause, word)
    return lexicon.PREPOSITION_ROLE.get(word, "ARGM-ADV")


def _sets_the_scene(clause: Clause, preposition: int, noun: int) -> bool:
    """`on the beach, a man is throwing a ball`: a place before the verb, whatever the verb governs."""
    relative = clause.tree.tags[noun] in RELATIVE_PRONOUN_TAGS
    return preposition < clause.verb and clause.lemma != "be" and not relative


def with_role(clause: Clause, inner: int | None) -> str:
    """`with a knife` (means), `with her friends` (company), `plays with a ball` (ARG2)."""
    tree = clause.tree
    if inner is None:
        return "ARG1"
    being = names_being(tree, inner)
    if clause.lemma == "play":
        return "ARG3" if being else "ARG2"
    if clause.lemma == "be":
        return "ARGM-ADV" if tree.deps[inner] == "pcomp" else "ARGM-COM"
    return "ARGM-COM" if being else "ARGM-MNR"


def by_role(clause: Clause, inner: int | None) -> str:
    """`by hand`, `by mixing` (means); `by the lake` (place); with a passive `by the boy` (who acts)."""
    tree = clause.tree
    if inner is None or tree.deps[inner] == "pcomp" or tree.child(inner, "det", "poss") is None:
        return "ARGM-MNR"
    if clause.passive and tree.child(clause.verb, "agent") is None:
        return "ARG0"
    return "ARG2" if clause.lemma in lexicon.POSITION_VERBS else "ARGM-LOC"


def for_role(clause: Clause, inner: int | None) -> str:
    """`for the camera` (purpose), `for his mother` (who profits)."""
    if inner is None:
        return "ARG1"
    if names_being(clause.tree, inner):
        return "ARGM-GOL" if clause.lemma in ("be", "have") else "ARG2"
    return "ARGM-PRP"


SPECIAL: dict[str, Callable[[Clause, int | None], str]] = {"by": by_role, "for": for_role, "with": with_role}


def spatial_role(clause: Clause, word: str) -> str:
    """A place, or with verbs of motion a path."""
    lemma = clause.lemma
    if lemma == "be":
        return "ARG2"
    if word in ("to", "into", "onto", "from"):
        if lemma in lexicon.PLACEMENT_VERBS and (clause.has_object or clause.passive):
            return "ARG2"
        return "ARGM-DIR" if lemma in lexicon.MOTION_VERBS or word == "onto" else "ARG2"
    if lemma in lexicon.MOTION_VERBS and lemma not in lexicon.POSITION_VERBS and word in lexicon.PATHS:
        return "ARGM-DIR"
    if word in lexicon.PREPOSITION_ROLE:
        return lexicon.PREPOSITION_ROLE[word]
    return place_role(clause) if word in lexicon.SPATIAL else "ARGM-DIR"


def detached_phrase(clause: Clause, child: int) -> int | None:
    """A place or time that the parser hangs on the object although it belongs to the event.

    Parsers trained on newspapers read `chases [a cat in the yard]`; in captions, where verbs name what is seen to
    happen, the place is nearly always the event's: `chases [a cat] [in the yard]`.
    """
    tree = clause.tree
    if tree.deps[child] == "dobj":
        if clause.lemma in lexicon.DESCRIPTIVE_VERBS or child < clause.verb:
            return None
    elif tree.deps[child] != "attr" or tree.child(clause.verb, "expl") is None:
        return None
    last = tree.children[child][-1] if tree.children[child] else child
    inner = tree.child(last, "pobj") if tree.deps[last] == "prep" and last > child else None
    if inner is None or tree.words[inner] in lexicon.CLOTHES:
        return None
    word = tree.words[last]
    belongs = word in lexicon.DETACHED or (clause.lemma, word) in lexicon.GOVERNED or names_time(tree, inner)
    return last if belongs or (word == "by" and clause.passive) else None
