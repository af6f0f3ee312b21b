"""One predicate in its tree: its voice, its objects, and who its subject is when it stands elsewhere."""

from __future__ import annotations

from typing import NamedTuple

from graphvtr.text.rules import lexicon
from graphvtr.text.rules.tree import Tree

SUBJECTS = ("nsubj", "nsubjpass", "csubj", "csubjpass")
RELATIVE_PRONOUN_TAGS = frozenset(("WDT", "WP", "WRB", "WP$"))


class Phrase(NamedTuple):
    """A phrase by its head and the children of it that the phrase leaves out."""

    head: int
    without: tuple[int, ...] = ()


class Clause:
    """What the rules ask about one predicate."""

    __slots__ = ("children", "dep", "has_object", "head", "lemma", "passive", "tree", "verb")

    def __init__(self, tree: Tree, verb: int) -> None:
        self.tree, self.verb = tree, verb
        self.lemma = tree.lemma(verb)
        self.children = tree.children[verb]
        self.dep, self.head = tree.deps[verb], tree.heads[verb]
        self.passive = is_passive(tree, verb)
        self.has_object = any(
            tree.deps[child] == "dobj" and self.path_particle(child) is None for child in self.children
        )

    @property
    def has_recipient(self) -> bool:
        """`tells the class [a joke]`, `tells a joke [to the class]`: the recipient stands beside the object."""
        tree = self.tree
        return any(
            tree.deps[child] == "dative" or (tree.deps[child] == "prep" and tree.words[child] == "to")
            for child in self.children
        )

    @property
    def recipient(self) -> int | None:
        """The first of two objects: `hands [a man] a book`, where the parser calls both of them direct."""
        tree = self.tree
        if self.lemma not in lexicon.RECIPIENT_VERBS or tree.child(self.verb, "dative") is not None:
            return None
        objects = [
            child
            for child in self.children
            if child > self.verb and tree.deps[child] == "dobj" and self.path_particle(child) is None
        ]
        if len(objects) < 2 or self.passive or tree.words[objects[1]] in lexicon.TIME_NOUNS:
            return None
        return objects[0]

    def path_particle(self, noun: int) -> int | None:
        """The preposition before a noun that is the path of a motion, where the parser takes the one for a particle
        and the other for an object: `slides [down a slope]`."""
        if self.lemma not in lexicon.SELF_MOTION_VERBS:
            return None
        tree = self.tree
        before = tree.left[noun] - 1
        is_path = (
            before > self.verb
            and tree.heads[before] == self.verb
            and tree.deps[before] in ("prt", "advmod", "prep")
            and tree.words[before] in lexicon.PATHS
            and not tree.children[before]
        )
        return before if is_path else None

    def opens_path(self, particle: int) -> bool:
        """Whether a particle goes with the noun after it (:meth:`path_particle`)."""
        following = (child for child in self.children if self.tree.deps[child] in ("dobj", "npadvmod"))
        return any(self.path_particle(noun) == particle for noun in following)


def is_passive(tree: Tree, verb: int) -> bool:
    """Whether the verb is a passive: by an auxiliary, a passive subject, or as a bare past participle."""
    deps = [tree.deps[child] for child in tree.children[verb]]
    if "auxpass" in deps or "nsubjpass" in deps or "csubjpass" in deps:
        return True
    if "agent" in deps and tree.tags[verb] != "VBG":  # `sitting by the dock`
        return True
    if "aux" in deps or "nsubj" in deps:
        return False
    if tree.tags[verb] == "VBD" and tree.deps[verb] == "conj" and "dobj" not in deps:
        head = tree.heads[verb]  # `is washed and dried`: the second participle looks like a past tense
        return tree.tags[head] == "VBN" and is_passive(tree, head)
    if tree.tags[verb] != "VBN":
        return False
    return tree.deps[verb] != "conj" or tree.tags[tree.heads[verb]] != "VBN" or is_passive(tree, tree.heads[verb])


def is_verb(tree: Tree, token: int) -> bool:
    """Whether the token is tagged as a verb (modals are not)."""
    return tree.tags[token].startswith("VB")


def is_relative(tree: Tree, child: int, verb: int) -> bool:
    """Whether ``child`` of ``verb`` is or holds the relative pronoun of its clause: `who`, `where`, `in which`."""
    if child > verb:
        return False
    if tree.deps[child] == "prep":
        inner = tree.child(child, "pobj")
        return inner is not None and tree.tags[inner] in RELATIVE_PRONOUN_TAGS
    return tree.tags[child] in RELATIVE_PRONOUN_TAGS


def is_semi_auxiliary(clause: Clause) -> bool:
    """`is going to jump`, `has to jump`, `used to jump`: the first verb is no action of its own."""
    tree = clause.tree
    if tree.words[clause.verb] not in lexicon.SEMI_AUXILIARIES or clause.has_object:
        return False
    infinitive = tree.child(clause.verb, "xcomp")
    return infinitive is not None and any(tree.words[child] in ("to", "na") for child in tree.children[infinitive])


def stranded(clause: Clause) -> int | None:
    """The preposition whose noun is the one that the relative clause describes: `the floor the man sits [on]`."""
    tree = clause.tree
    if clause.dep != "relcl" or any(is_relative(tree, child, clause.verb) for child in clause.children):
        return None
    for child in reversed(clause.children):
        if child < clause.verb:
            return None
        if tree.children[child] or tree.words[child] not in lexicon.SPATIAL | lexicon.PATHS | {"with"}:
            continue
        place = clause.lemma in lexicon.POSITION_VERBS and tree.words[child] in lexicon.SPATIAL
        if tree.deps[child] == "prep" or (tree.deps[child] in ("prt", "advmod") and place and not clause.has_object):
            return child
    return None


def antecedent(tree: Tree, verb: int) -> Phrase:
    """The noun that the relative or participle clause of ``verb`` describes, without the clause itself."""
    return Phrase(tree.heads[verb], (verb,))


def subject(tree: Tree, verb: int) -> Phrase | None:
    """The phrase that is the subject of ``verb``, own, shared or controlled; None for imperatives and the like."""
    own = tree.child(verb, *SUBJECTS)
    if own is not None:
        if tree.deps[verb] == "relcl" and tree.tags[own] in RELATIVE_PRONOUN_TAGS:
            return antecedent(tree, verb)
        return Phrase(own)
    finder = FINDERS.get(tree.deps[verb])
    return finder(tree, verb) if finder is not None else None


def _shared(tree: Tree, verb: int) -> Phrase | None:
    """`sings and dances`: the subject of the first verb."""
    return subject(tree, tree.heads[verb])


def _controlled(tree: Tree, verb: int) -> Phrase | None:
    """`wants to catch`: the subject of the verb above; `asks him to catch`: its object."""
    head = tree.heads[verb]
    if not is_verb(tree, head):
        if tree.deps[head] not in ("acomp", "oprd"):
            return None
        adjective, head = head, tree.heads[head]
        if tree.words[adjective] in lexicon.TOUGH_ADJECTIVES:
            return None
    elif tree.lemma(head) == "be":
        return None
    controller = tree.child(head, "dobj", "dative")
    if (
        controller is not None
        and controller < verb
        and tree.tags[controller] not in RELATIVE_PRONOUN_TAGS
        and tree.lemma(head) not in lexicon.SUBJECT_CONTROL
    ):
        return Phrase(controller)
    phrase = subject(tree, head)
    return None if phrase is not None and tree.words[phrase.head] == "it" else phrase


def _adverbial(tree: Tree, verb: int) -> Phrase | None:
    """`leaves, waving`, `runs to catch`: the subject of the verb above, unless another word opens the clause."""
    head = tree.heads[verb]
    if tree.tags[verb] not in ("VB", "VBG", "VBN") or not is_verb(tree, head):
        return None
    for child in tree.children[verb]:
        if tree.deps[child] == "mark" or tree.tags[child] == "WRB":
            return None
    if tree.tags[verb] == "VB" and tree.child(verb, "aux") is None:
        return None
    return subject(tree, head)


def _described(tree: Tree, verb: int) -> Phrase | None:
    """`a man wearing a hat`, `chopped onions`: the noun; `uses a knife to cut`: who uses it."""
    noun = tree.heads[verb]
    if is_verb(tree, noun) and tree.deps[noun] in FINDERS:
        return subject(tree, noun)
    if tree.tags[verb] != "VB":
        return _wearer(tree, verb) or antecedent(tree, verb)
    return subject(tree, tree.heads[noun]) if is_means_to(tree, verb) else None


def _wearer(tree: Tree, verb: int) -> Phrase | None:
    """`[a man] in a suit standing`, `[a man] wearing a suit standing`: clothes do nothing of their own."""
    noun = tree.heads[verb]
    while tree.deps[noun] == "conj":
        noun = tree.heads[noun]
    if tree.words[noun] not in lexicon.CLOTHES or tree.tags[verb] != "VBG" or tree.lemma(verb) in lexicon.CLOTHES_DO:
        return None
    above = tree.heads[noun]
    if tree.deps[noun] == "dobj" and tree.lemma(above) == "wear":
        return subject(tree, above)
    if tree.deps[noun] == "pobj" and tree.words[above] in ("in", "with") and tree.deps[above] == "prep":
        wearer = tree.heads[above]
        return Phrase(wearer) if tree.tags[wearer].startswith(("NN", "PRP")) else None
    return None


def is_means_to(tree: Tree, verb: int) -> bool:
    """`uses [a knife] [to cut]`, where the parser hangs the infinitive on the object."""
    noun = tree.heads[verb]
    above = tree.heads[noun]
    return (
        tree.deps[verb] == "acl"
        and tree.deps[noun] == "dobj"
        and tree.tags[verb] == "VB"
        and tree.lemma(above) == "use"
    )


FINDERS = {
    "conj": _shared,
    "xcomp": _controlled,
    "advcl": _adverbial,
    "acl": _described,
    "amod": _described,
    "dep": _shared,
}
