"""Which tokens are predicates, which of their particles belong to them, and the noun phrases of a sentence."""

from __future__ import annotations

from graphvtr.text.frames import Argument, Frame, Span
from graphvtr.text.rules.clause import Clause, is_semi_auxiliary, is_verb, stranded
from graphvtr.text.rules.labeller import label_predicate
from graphvtr.text.rules.modifiers import is_particle, particle_role
from graphvtr.text.rules.repeated import once_each
from graphvtr.text.rules.tree import Tree

NO_PREDICATES = frozenset(("aux", "auxpass", "amod", "compound", "prep", "acomp", "punct", "case", "mark"))
"""Labels of verb forms that act as something else: `is chasing`, `chopped onions`, `including`, `is excited`."""
CLAUSAL = frozenset(("ROOT", "conj", "relcl", "advcl", "ccomp", "xcomp"))
NOUN_TAGS = frozenset(("NN", "NNS", "NNP", "NNPS", "PRP"))
NOUN_HEADS = frozenset(
    """
    ROOT nsubj nsubjpass dobj pobj dative attr oprd appos conj npadvmod pcomp dep nmod intj ccomp meta parataxis
    """.split()
)
INSIDE_NOUN_PHRASE = frozenset(
    ("det", "predet", "amod", "compound", "nummod", "poss", "quantmod", "nmod", "case", "advmod", "punct")
)


def find_predicates(tree: Tree) -> list[int]:
    """The predicates of a sentence; participles before a noun (`a barking dog`) only if it has no other."""
    found = [token for token in range(len(tree)) if _is_predicate(tree, token)]
    if not found:
        found = [token for token in range(len(tree)) if is_verb(tree, token) and tree.deps[token] == "amod"]
    return found


def _is_predicate(tree: Tree, token: int) -> bool:
    dep = tree.deps[token]
    if dep in NO_PREDICATES:
        return False
    if is_verb(tree, token):
        return not is_semi_auxiliary(Clause(tree, token))
    return dep in CLAUSAL and tree.tags[token] in NOUN_TAGS and _acts_as_verb(tree, token)


def _acts_as_verb(tree: Tree, token: int) -> bool:
    """Whether a token that the tagger calls a noun is a verb: `is singing and dancing`, `two men sail`."""
    head = tree.heads[token]
    if tree.deps[token] == "conj" and tree.words[token].endswith("ing"):
        return tree.tags[head] == "VBG" and tree.child(token, "det", "amod", "compound") is None
    deps = [tree.deps[child] for child in tree.children[token]]
    return ("aux" in deps or "nsubj" in deps) and "det" not in deps


def predicate_tokens(tree: Tree, verb: int) -> tuple[int, ...]:
    """The verb and its particles, if they are part of it: `cuts ... up`, but not `walks away`."""
    particles = [child for child in tree.children[verb] if is_particle(tree, child)]
    if not particles:
        return (verb,)
    clause = Clause(tree, verb)
    own = [child for child in particles if particle_role(clause, child) is None and not clause.opens_path(child)]
    return (verb, *own)


def label_sentence(tree: Tree) -> list[Frame]:
    """The frames of all predicates, without relative pronouns and prepositions whose noun stands elsewhere (`the floor
    he sits [on]`): the antecedent has the role."""
    return [
        Frame(predicate_tokens(tree, verb), once_each(tree, verb, _with_words_of_their_own(tree, verb)))
        for verb in find_predicates(tree)
    ]


def _with_words_of_their_own(tree: Tree, verb: int) -> list[Argument]:
    alone = stranded(Clause(tree, verb))
    return [
        argument
        for argument in label_predicate(tree, verb)
        if not argument.label.startswith("R-") and (alone is None or (argument.first, argument.last) != (alone, alone))
    ]


def noun_phrases(tree: Tree) -> list[Span]:
    """First and last token of each base noun phrase: a noun or pronoun with what stands before it."""
    spans = []
    for token in range(len(tree)):
        if tree.tags[token] in NOUN_TAGS and tree.deps[token] in NOUN_HEADS:
            first = token
            while first and _leads_to(tree, first - 1, token):
                first -= 1
            while tree.deps[first] == "punct":
                first += 1
            spans.append((first, token))
    return spans


def _leads_to(tree: Tree, token: int, noun: int) -> bool:
    """Whether ``token`` stands inside the noun phrase that ends in ``noun``."""
    while token != noun:
        if tree.deps[token] not in INSIDE_NOUN_PHRASE or tree.heads[token] == token:
            return False
        token = tree.heads[token]
    return True
