"""No core role twice on one verb: what the second phrase with it is instead."""

from __future__ import annotations

from collections.abc import Sequence

from graphvtr.text.frames import Argument
from graphvtr.text.rules import lexicon
from graphvtr.text.rules.tree import Tree

CORE = ("ARG0", "ARG1", "ARG2", "ARG3", "ARG4", "ARG5")
ASPECTUAL = frozenset(("begin", "continue", "start", "stop"))  # who begins is ARG0, what is begun ARG1
RAISING = frozenset(("appear", "seem"))  # the subject is a part of what appears: both are ARG1 in PropBank


def once_each(tree: Tree, verb: int, arguments: Sequence[Argument]) -> list[Argument]:
    """The arguments of a verb, each core role at most once; coordinated phrases are one argument already.

    Phrases side by side that no preposition divides are one (`a japanese dish` `noodles`). Of others the first noun
    phrase keeps the role; the rest are modifiers by their first word, or the next free role.
    """
    out = _joined(tree, arguments)
    for role in CORE:
        same = [argument for argument in out if argument.label == role]
        if len(same) < 2:
            continue
        same.sort(key=lambda one: (_opens(tree, one) != "", one.first))
        around = same[0].last < verb < same[1].first and not _opens(tree, same[1])
        begins = tree.lemma(verb) in ASPECTUAL and same[0].last < verb < same[1].first
        if role == "ARG1" and (around or begins) and "ARG0" not in {argument.label for argument in out}:
            same.reverse()  # `someone fried zucchini`, which the parser reads as a passive; `a baby starts crying`
        for argument in same[1:]:
            taken = {one.label for one in out}
            out[out.index(argument)] = argument._replace(label=_instead(tree, verb, argument, taken))
    return out


def _joined(tree: Tree, arguments: Sequence[Argument]) -> list[Argument]:
    out: list[Argument] = []
    for argument in arguments:
        last = out[-1] if out else None
        beside = last is not None and last.label == argument.label and last.last + 1 == argument.first
        if beside and argument.label in CORE and not _opens(tree, argument) and not _opens(tree, last):  # type: ignore[arg-type]
            out[-1] = last._replace(last=argument.last)  # type: ignore[union-attr]
        else:
            out.append(argument)
    return out


def _opens(tree: Tree, argument: Argument) -> str:
    """The word that opens a phrase or clause, empty for a noun phrase."""
    tag = tree.tags[argument.first]
    return tree.words[argument.first] if tag in ("IN", "TO", "RP", "WRB", "WDT", "WP", "MD") or tag[:2] == "VB" else ""


def _instead(tree: Tree, verb: int, argument: Argument, taken: set[str]) -> str:
    word = _opens(tree, argument)
    if argument.first > argument.last or not word:
        if argument.last < verb and "ARG0" not in taken:
            return "ARG0"
        return "ARG2" if "ARG2" not in taken else "ARGM-ADV"
    verb_next = argument.first < argument.last and tree.tags[argument.first + 1] == "VB"
    if word == "to" and verb_next and tree.lemma(verb) not in RAISING:
        return "ARGM-PRP"
    if word == "from":
        return "ARGM-DIR"
    if word in ("to", "into", "onto") and not verb_next:
        return "ARGM-GOL"
    if word in lexicon.SPATIAL:
        return "ARGM-LOC"
    return "ARG2" if "ARG2" not in taken else "ARGM-ADV"
