"""The arguments of a predicate: one small rule a construction, looked up by dependency label."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphvtr.text.frames import Argument
from graphvtr.text.rules import complements, lexicon, modifiers, prepositions
from graphvtr.text.rules.clause import (
    RELATIVE_PRONOUN_TAGS,
    SUBJECTS,
    Clause,
    Phrase,
    antecedent,
    is_means_to,
    is_relative,
    is_semi_auxiliary,
    is_verb,
    subject,
)
from graphvtr.text.rules.modifiers import names_being
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
    objects = list(_objects_of_others(clause))
    clause.has_object = clause.has_object or bool(objects)
    found = {*objects, *_own_arguments(clause), *_shared_arguments(clause)}
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
        recipient = _recipient_inside(tree, child, clause.verb)
        if recipient is not None:
            yield Argument(complements.indirect_object_role(clause, recipient), tree.left[recipient], recipient)
            yield Argument("ARG1", recipient + 1, tree.span(child)[1])
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


def _recipient_inside(tree: Tree, child: int, verb: int) -> int | None:
    """The recipient that the parser took for a part of the object, or for the subject of a clause: `shows [her mother]
    a picture`, `makes [her] a cake`: what stands before a second article."""
    if child < verb or tree.tags[child] not in ("NN", "NNS") or tree.deps[child] not in ("dobj", "ccomp"):
        return None
    if tree.lemma(verb) not in lexicon.RECIPIENT_VERBS:
        return None
    if tree.deps[child] == "ccomp":
        being = tree.child(child, "nsubj")
        article = tree.child(child, "det")
        if being is None or article is None or not names_being(tree, being):
            return None
        return being if verb < being and tree.right[being] + 1 == article else None
    before = [part for part in tree.children[child] if verb < part < child]
    article = next((part for part in before if tree.words[part] in ("a", "an", "the", "some")), None)
    if article is None:
        return None
    for part in before:
        pronoun = tree.deps[part] == "poss" and tree.words[part] == "her" and part == article - 1
        noun = tree.deps[part] in ("compound", "nmod", "dative", "npadvmod", "poss")
        noun = noun and tree.tags[part] in ("NN", "NNS", "NNP", "PRP")
        if part < article and (pronoun or (noun and tree.right[part] == article - 1)) and part + 1 == article:
            return part
    return None


def _objects_of_others(clause: Clause) -> Iterator[Argument]:
    """`lifting and pushing [a tyre]`, `peeling, boiling and mashing [potatoes]`: the object of coordinated verbs, which
    the parser hangs on one of them."""
    tree, verb = clause.tree, clause.verb
    if clause.passive or clause.has_object or clause.lemma in lexicon.NO_OBJECT or not is_verb(tree, verb):
        return
    if any(child > verb and tree.deps[child] not in BETWEEN for child in clause.children):
        return
    owner, noun = verb, None
    while noun is None:
        following = next(
            (child for child in tree.children[owner] if child > owner and tree.deps[child] == "conj"), None
        )
        if following is None or not is_verb(tree, following) or tree.child(following, *SUBJECTS) is not None:
            break
        if tree.lemma(following) in ("do", "have", "leave", "spend"):  # `waits and has a drink`
            break
        owner = following
        noun = _last_object(tree, owner, verb)
    if noun is None and clause.dep == "conj" and is_verb(tree, clause.head):  # the first verb has it
        owner = clause.head
        while tree.deps[owner] == "conj" and _last_object(tree, owner, verb) is None:
            owner = tree.heads[owner]
        noun = _last_object(tree, owner, verb)
    if noun is None or tree.tags[noun] in RELATIVE_PRONOUN_TAGS:
        return
    between = range(verb + 1, tree.left[noun])
    if all(tree.deps[token] in BETWEEN or is_verb(tree, token) for token in between):
        yield Argument(complements.object_role(clause, noun), *_span_outside(tree, Phrase(noun), verb))


BETWEEN = frozenset(("cc", "punct", "conj", "prt", "preconj"))
"""What may stand between coordinated verbs and the object that they share."""


def _last_object(tree: Tree, owner: int, after: int) -> int | None:
    """The object of ``owner`` if it stands behind the verb ``after``."""
    return next((child for child in tree.all_children(owner, "dobj") if child > after), None)


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
