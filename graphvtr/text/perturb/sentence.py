"""A caption as its role graph and, token by token, its tags and dependencies: what perturbations read and rebuild."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.perturb.inflect import agree
from graphvtr.text.perturb.lexicon import OBJECT, SUBJECT
from graphvtr.text.rules.tree import Tree
from graphvtr.text.spacy_parser import SpacyRoleParser

SUBJECTS = ("nsubj", "nsubjpass")
AUXILIARIES = ("aux", "auxpass")
FINITE = ("VBZ", "VBP", "VBD")
NOUNS = ("NN", "NNS", "NNP", "NNPS")
IN_PHRASE = frozenset(("det", "amod", "compound", "nummod", "poss", "nmod", "quantmod", "predet", "case", "advmod"))
JOINED = frozenset("'s ’s n't n’t 're ’re 'm ’m 'll ’ll 've ’ve 'd ’d , . ! ?".split())
PLURAL_WORDS = frozenset("two three four five six seven eight nine ten several many few both these those".split())


@dataclass(frozen=True)
class Phrase:
    """A noun phrase without what follows its noun: first and last token, its noun, and whether it is plural."""

    first: int
    last: int
    head: int
    plural: bool

    @property
    def tokens(self) -> range:
        """Its positions."""
        return range(self.first, self.last + 1)


class Sentence:
    """A caption's role graph with the dependency parse of its words.

    Args:
        graph: the role graph as lists.
        tree: of the same words, in lower case.
    """

    def __init__(self, graph: GraphLists, tree: Tree) -> None:
        self.caption, self.words, self.graph, self.tree = graph.caption, list(graph.words), graph, tree

    @cached_property
    def heads(self) -> frozenset[str]:
        """All words, in lower case."""
        return frozenset(word.lower() for word in self.words)

    @cached_property
    def lemmas(self) -> frozenset[str]:
        """The base forms of all words, read as verbs."""
        return frozenset(self.tree.lemma(token) for token in range(len(self.tree)))

    def roles(self, action: int) -> dict[str, list[Sequence[int]]]:
        """Role -> spans of the entities that fill it for an action."""
        out: dict[str, list[Sequence[int]]] = {}
        for entity, owner, role in self.graph.fills:
            if owner == action:
                out.setdefault(ROLES[role], []).append(self.graph.entities[entity][1])
        return out

    def participants(self, action: int) -> dict[str, list[Sequence[int]]]:
        """Spans of the agents (``ARG0``) and patients (``ARG1``) of an action. A direct object with another role, such
        as the instrument of `play`, counts as a patient."""
        roles = self.roles(action)
        others = [span for role in roles for span in roles[role] if role not in ("ARG0", "ARG1")]
        objects = [span for span in others if self.tree.deps[self.head_of(span)] == "dobj"]
        return {"ARG0": roles.get("ARG0", []), "ARG1": [*roles.get("ARG1", []), *objects]}

    def verb(self, action: int) -> int | None:
        """The token of an action's verb: the one that is tagged as a verb."""
        tokens = [token for token in self.graph.actions[action] if self.tree.tags[token].startswith("VB")]
        return tokens[0] if tokens else None

    def head_of(self, span: Sequence[int]) -> int:
        """The token of a span that hangs on one outside it."""
        inside = set(span)
        outside = [t for t in span if self.tree.heads[t] not in inside or self.tree.heads[t] == t]
        return outside[0] if outside else span[0]

    def phrase(self, span: Sequence[int]) -> Phrase | None:
        """The noun phrase of an entity's span, or of the object of its preposition; None where there is none."""
        head = self.head_of(span)
        if self.tree.tags[head] in ("IN", "TO"):
            below = self.tree.child(head, "pobj")
            if below is None or below not in set(span):
                return None
            head = below
        if self.tree.tags[head] not in (*NOUNS, "PRP"):
            return None
        return self.noun_phrase(head)

    def noun_phrase(self, head: int) -> Phrase | None:
        """The phrase of a noun or pronoun; nouns joined by `and` are one phrase. None where it is not of one piece."""
        tree = self.tree
        tokens = {head} | {
            t
            for child in tree.children[head]
            if tree.deps[child] in IN_PHRASE and child < head
            for t in tree.subtree(child)
        }
        joined = [child for child in tree.all_children(head, "conj") if tree.tags[child] in NOUNS]
        kinds = [t for t in tree.all_children(head, "prep") if self.words[t].lower() == "of" and t == head + 1]
        last = head
        for child in kinds:  # a deck of cards stays together
            last = max(last, *tree.subtree(child))
            tokens |= set(tree.subtree(child))
        for child in joined:
            if any(tree.tags[t].startswith("VB") or tree.tags[t] == "IN" for t in tree.subtree(child)):
                return None
            last = max(last, *tree.subtree(child))
        first = min(tokens)
        inner = set(range(first, last + 1)) - tokens - {t for child in joined for t in tree.subtree(child)}
        if any(tree.deps[token] not in ("cc", "punct") for token in inner):
            return None
        return Phrase(first, last, head, self._plural(head, bool(joined), range(first, head)))

    def _plural(self, head: int, joined: bool, before: Iterable[int]) -> bool:
        verb = self.tree.heads[head]
        if self.tree.deps[head] in SUBJECTS:  # the sentence's own agreement knows best
            finite = self.finite(verb)
            if finite is not None and self.words[finite].lower() in ("is", "was", "has", "are", "were", "have"):
                return self.words[finite].lower() in ("are", "were", "have")
        if self.tree.tags[head] == "PRP":
            return self.words[head].lower() in ("they", "them", "we", "us", "you")
        words = {self.words[token].lower() for token in before}
        return joined or self.tree.tags[head] in ("NNS", "NNPS") or bool(words & PLURAL_WORDS)

    def finite(self, verb: int) -> int | None:
        """The token that agrees with the subject: the first auxiliary, else the verb itself; None if none is finite."""
        helpers = [t for t in self.tree.all_children(verb, *AUXILIARIES) if t < verb]
        first = helpers[0] if helpers else verb
        return first if self.tree.tags[first] in FINITE else None

    def agreeing(self, head: int) -> list[tuple[int, int]]:
        """Finite tokens that agree with the noun at ``head``, each with the verb it belongs to."""
        tree = self.tree
        verbs: list[int] = []
        if tree.deps[head] in SUBJECTS:
            verbs.append(tree.heads[head])
        if tree.deps[head] == "attr" and tree.child(tree.heads[head], "expl") is not None:
            verbs.append(tree.heads[head])  # there is a man
        for clause in tree.all_children(head, "relcl"):
            subject = tree.child(clause, *SUBJECTS)
            if subject is not None and tree.tags[subject] in ("WP", "WDT"):
                verbs.append(clause)
        for verb in verbs:  # verbs joined to one that has the subject share it
            verbs += [t for t in tree.all_children(verb, "conj") if tree.child(t, *SUBJECTS) is None and t not in verbs]
        found = [(self._joined_finite(verb), verb) for verb in verbs]
        return [(token, verb) for token, verb in found if token is not None]

    def _joined_finite(self, verb: int) -> int | None:
        """:meth:`finite`; a plural verb after `and` looks like a base form and is often tagged as one."""
        head = self.tree.heads[verb]
        if self.tree.deps[verb] == "conj" and self.tree.tags[verb] == "VB" and self.finite(head) == head:
            return verb
        return self.finite(verb)

    def is_subject(self, head: int) -> bool:
        """Whether the noun at ``head`` is a subject."""
        return self.tree.deps[head] in SUBJECTS


class Draft:
    """The words of a caption under change; positions stay those of the sentence until it is written out."""

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence
        self.slots: list[list[str]] = [[word] for word in sentence.words]

    def put(self, tokens: Sequence[int], words: Sequence[str]) -> None:
        """Write ``words`` in place of ``tokens``, which are next to each other."""
        for token in tokens:
            self.slots[token] = []
        self.slots[tokens[0]] = list(words)

    def drop(self, tokens: Iterable[int]) -> None:
        """Leave tokens out."""
        for token in tokens:
            self.slots[token] = []

    def put_phrase(self, place: Phrase, words: Sequence[str], plural: bool) -> None:
        """Write a noun phrase in the place of another: pronouns take its case, verbs agree with it."""
        sentence = self.sentence
        subject = sentence.is_subject(place.head)
        cases = SUBJECT if subject else OBJECT
        words = [cases.get(words[0], words[0])] if len(words) == 1 else list(words)
        self.put(place.tokens, words)
        if plural != place.plural:
            for token, verb in sentence.agreeing(place.head):
                form = sentence.words[token].lower()
                base = sentence.tree.lemma(token) if token != verb else sentence.tree.lemma(verb)
                self.slots[token] = [agree(form, base, plural)]

    def text(self) -> str:
        """The caption, with the positive's capital and full stop."""
        words = [word for slot in self.slots for word in slot]
        for place, word in enumerate(words[:-1]):
            if word in ("a", "an"):
                words[place] = article(words[place + 1])
        text = ""
        for word in words:
            text += word if not text or word in JOINED else f" {word}"
        return like(text, self.sentence.caption)


def article(following: str) -> str:
    """``a`` or ``an`` before a word.

    Example:
        >>> [article(word) for word in ("dog", "egg", "hour", "unicorn", "one-eyed")]
        ['a', 'an', 'an', 'a', 'a']
    """
    word = following.lower()
    if word.startswith(("hour", "honest", "heir")):
        return "an"
    if word.startswith(("uni", "use", "usa", "eu", "one", "once", "ukulele")) and not word.startswith("unin"):
        return "a"
    return "an" if word[:1] in "aeiou" else "a"


def like(text: str, model: str) -> str:
    """``text`` with the capital and the stop at the end of ``model``."""
    model = model.strip()
    if model[:1].isupper():
        text = text[:1].upper() + text[1:]
    return text + model[-1] if model[-1:] in ".!" and not text.endswith((".", "!")) else text


def sentences(graphs: Iterable[RoleGraph], parser: SpacyRoleParser) -> Iterator[Sentence]:
    """The sentences of role graphs of any parser; tags and dependencies are spaCy's, word for word."""
    from spacy.tokens import Doc

    def documents() -> Iterator[tuple[Doc, GraphLists]]:
        for graph in graphs:
            lists = GraphLists.of(graph)
            yield Doc(parser.pipeline.vocab, words=[word.lower() for word in lists.words]), lists

    for doc, lists in parser.pipeline.pipe(documents(), as_tuples=True, batch_size=256):
        yield Sentence(lists, parser.tree(doc))
