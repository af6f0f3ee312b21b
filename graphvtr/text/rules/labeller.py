"""The arguments of a predicate: one small rule a construction, looked up by dependency label."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphvtr.text.frames import Argument
from graphvtr.text.rules import complements, modifiers, prepositions
from graphvtr.text.rules.clause import (
    SUBJECTS,
    Clause,
    Phrase,
    antecedent,
    is_means_to,
    is_relative,
    is_semi_auxiliary,
    subject,
)
from graphvtr.text.rules.tree import Tree

Rule = Callable[[Clause, int], str | None]
"""A rule looks at a clause and one child of its verb and gives the child's PropBank label, or None."""

RULES: dict[str, Rule] = {
    "nsubj": complements.subject_role,
    "nsubjpass": complements.subject_role,
    "csubj": complements.subject_role,
    "csubjpass": complements.subject_role,
    "agent": complements.agent_role,
    "dobj": complements.object_role,
    "dative": complements.indirect_object_role,
    "attr": complements.attribute_role,
    "acomp": complements.complement_role,
    "oprd": complements.complement_role,
    "ccomp": complements.clausal_role,
    "xcomp": complements.clausal_role,
    "prep": prepositions.preposition_role,
    "advmod": modifiers.adverb_role,
    "npadvmod": modifiers.noun_adverb_role,
    "advcl": modifiers.adverbial_clause_role,
    "prt": modifiers.particle_role,
    "aux": modifiers.auxiliary_role,
    "neg": modifiers.negation_role,
    "intj": modifiers.interjection_role,
    "cc": modifiers.opening_conjunction_role,
}


def label_predicate(tree: Tree, verb: int) -> list[Argument]:
    """The arguments of the predicate at ``verb``, in the order of the sentence; auxiliaries have none.

    Relative pronouns are labelled ``R-x`` beside their antecedent's ``x``.
    """
    if tree.deps[verb] in ("aux", "auxpass"):
        return []
    clause = Clause(tree, verb)
    if is_semi_auxiliary(clause):
        return []
    found = {*_own_arguments(clause), *_shared_arguments(clause)}
    return sorted(
        (argument for argument in found if not argument.first <= verb <= argument.last),
        key=lambda argument: (argument.first, argument.last, argument.label),
    )


def _own_arguments(clause: Clause) -> Iterator[Argument]:
    """What hangs on the predicate itself; in a relative clause also what the relative pronoun stands for."""
    tree = clause.tree
    for child in clause.children:
        rule = RULES.get(tree.deps[child])
        role = rule(clause, child) if rule is not None else None
        if role is None or clause.opens_path(child):
            continue
        if clause.dep == "relcl" and is_relative(tree, child, clause.verb):
            yield Argument(f"R-{role}", *tree.span(child))
            yield Argument(role, *_span_outside(tree, antecedent(tree, clause.verb), clause.verb))
            continue
        detached = _detached(clause, child)
        particle = clause.path_particle(child) if tree.deps[child] in ("dobj", "npadvmod") else None
        if particle is not None:
            yield Argument(role, particle, tree.span(child)[1])
        elif detached is None:
            yield Argument(role, *_span_outside(tree, Phrase(child), clause.verb))
        else:
            yield Argument(role, *_span_outside(tree, Phrase(child, (detached,)), clause.verb))
            rule = prepositions.preposition_role if tree.deps[detached] == "prep" else complements.clausal_role
            detached_role = rule(clause, detached)
            if detached_role is not None:
                yield Argument(detached_role, *tree.span(detached))


def _detached(clause: Clause, child: int) -> int | None:
    """The last phrase inside the object that is an argument of its own, if there is one."""
    inside = clause.tree.children[child]
    if inside and inside[-1] > child and is_means_to(clause.tree, inside[-1]):
        return inside[-1]
    return prepositions.detached_phrase(clause, child)


def _shared_arguments(clause: Clause) -> Iterator[Argument]:
    """What the predicate shares with other verbs: subjects, modals, and the noun that its clause describes."""
    tree, verb = clause.tree, clause.verb
    if tree.child(verb, *SUBJECTS) is None:
        phrase = subject(tree, verb)
        if phrase is not None:
            yield Argument(complements.subject_role(clause, phrase.head), *_span_outside(tree, phrase, verb))
    elif clause.dep == "relcl" and not any(is_relative(tree, child, verb) for child in clause.children):
        role = complements.gap_role(clause)
        yield Argument(role, *_span_outside(tree, antecedent(tree, verb), verb))
    if clause.dep == "conj" and tree.tags[verb] == "VB" and tree.child(verb, "aux", *SUBJECTS) is None:
        modal = tree.child(clause.head, "aux")
        if modal is not None and tree.tags[modal] == "MD":
            yield Argument("ARGM-MOD", modal, modal)


def _span_outside(tree: Tree, phrase: Phrase, verb: int) -> tuple[int, int]:
    """The span of a phrase, cut so that it leaves out the predicate: a subject may have a part behind its verb."""
    first, last = tree.span(phrase.head, phrase.without)
    if first <= verb <= last:
        if verb > phrase.head:
            last = max(phrase.head, min(verb, tree.left[verb]) - 1)
        else:
            first = verb + 1
    return first, last
