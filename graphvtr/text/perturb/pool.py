"""What a dataset's captions offer as replacements: verbs, agents, patients, places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graphvtr.text.perturb.inflect import inflect
from graphvtr.text.perturb.lexicon import DULL, PLACES, VAGUE
from graphvtr.text.perturb.sentence import NOUNS, Phrase, Sentence

SIMPLE = frozenset(("DT", "JJ", "CD", *NOUNS))
DETERMINERS = frozenset("a an the some two three four several many".split())
USUAL = 0.3  # of a verb's uses are with an object, or without: rarer uses are mostly slips of the parser
SEEN = 3  # a verb or noun used less often may be a slip of the pen or of the tagger
PREPOSITIONS = frozenset("in on at inside outside near by beside behind under below above over around along".split())


@dataclass(frozen=True)
class Noun:
    """A noun phrase that can stand elsewhere."""

    words: tuple[str, ...]
    head: str
    plural: bool


@dataclass(frozen=True)
class Verb:
    """A verb by its base form and whether it takes an object."""

    lemma: str
    transitive: bool


@dataclass
class Pool:
    """Replacements, in an order that depends on the captions alone.

    Args:
        verbs: of actions.
        nouns: role -> phrases, for ``ARG0`` and ``ARG1``.
        places: (whether it is a scene, a place where something happens as against a table or a pan) -> phrases with
            their preposition.
    """

    verbs: list[Verb] = field(default_factory=list)
    nouns: dict[str, list[Noun]] = field(default_factory=dict)
    places: dict[bool, list[Noun]] = field(default_factory=dict)

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> Pool:
        """The pool of a collection of captions."""
        verbs: Counter[Verb] = Counter()
        nouns: dict[str, Counter[Noun]] = {"ARG0": Counter(), "ARG1": Counter()}
        places: dict[bool, Counter[Noun]] = {True: Counter(), False: Counter()}
        heads: Counter[str] = Counter()
        for sentence in sentences:
            for action in range(len(sentence.graph.actions)):
                verb = replaceable_verb(sentence, action)
                if verb is not None:
                    verbs[verb] += 1
                for role, spans in sentence.participants(action).items():
                    for noun in (simple_noun(sentence, sentence.phrase(span)) for span in spans):
                        if noun is not None:
                            nouns[role][noun] += 1
                            heads[noun.head] += 1
                for place in (place_phrase(sentence, span) for span in sentence.roles(action).get("ARGM-LOC", ())):
                    if place is not None:
                        places[place.head in PLACES][place] += 1
                        heads[place.head] += 1
        lemmas: Counter[str] = Counter()
        for verb, count in verbs.items():
            lemmas[verb.lemma] += count

        def kept(found: Counter[Noun]) -> list[Noun]:
            nouns = (n for n in found if heads[n.head] >= SEEN and (found[n] > 1 or len(n.words) < 3))
            return sorted(nouns, key=lambda noun: noun.words)

        usual = (verb for verb in verbs if verbs[verb] >= max(SEEN, USUAL * lemmas[verb.lemma]))
        return cls(
            sorted(usual, key=lambda verb: (verb.lemma, verb.transitive)),
            {role: kept(found) for role, found in nouns.items()},
            {scene: kept(found) for scene, found in places.items()},
        )


def replaceable_verb(sentence: Sentence, action: int) -> Verb | None:
    """The verb of an action that another of its kind can stand in for: one with an object or without, no clause."""
    tree, token = sentence.tree, sentence.verb(action)
    if token is None or tree.child(token, "xcomp", "ccomp", "acomp", "attr", "dative", "oprd", "prt") is not None:
        return None
    lemma = tree.lemma(token)
    form = sentence.words[token].lower()
    if lemma in DULL or not lemma.isalpha() or len(lemma) < 3 or inflect(lemma, tree.tags[token]) != form:
        return None
    if token + 1 < len(tree) and (tree.tags[token + 1] in ("RP", "JJ") and tree.heads[token + 1] == token):
        return None  # cuts open, takes off
    passive = tree.child(token, "auxpass", "nsubjpass") is not None
    if tree.deps[token] in ("relcl", "advcl") and not passive and tree.child(token, "dobj") is None:
        return None  # the fish he caught: its object stands elsewhere
    if tree.deps[token] in ("amod", "compound", "aux", "auxpass", "xcomp", "prep", "pcomp"):
        return None
    return Verb(lemma, passive or tree.child(token, "dobj") is not None)


def simple_noun(sentence: Sentence, phrase: Phrase | None) -> Noun | None:
    """A phrase of a determiner, adjectives and one noun, that can stand in another sentence."""
    if phrase is None or phrase.head != phrase.last or len(phrase.tokens) > 4:
        return None
    tree, words = sentence.tree, [sentence.words[token].lower() for token in phrase.tokens]
    tags = [tree.tags[token] for token in phrase.tokens]
    head = words[-1]
    plain = tags[-1] in ("NN", "NNS") and all(tag in SIMPLE for tag in tags) and all(word.isalpha() for word in words)
    if not plain or head in VAGUE or any(word in VAGUE for word in words[:-1]):
        return None
    if words[0] not in DETERMINERS and (tags[-1] == "NN" or tags[0] != tags[-1]):  # a bare noun may lack its article
        return None
    if (tags[-1] == "NNS") != phrase.plural or (words[0] in ("a", "an") and phrase.plural):
        return None
    if any(word.endswith("ing") for word in words) or sum(tag in ("DT", "CD") for tag in tags) > 1:
        return None
    return Noun(tuple(words), head, phrase.plural)


def place_phrase(sentence: Sentence, span: Sequence[int]) -> Noun | None:
    """`in the kitchen`: a preposition of place and a simple noun phrase, which is all of the span."""
    head = sentence.head_of(span)
    if sentence.words[head].lower() not in PREPOSITIONS or head != span[0]:
        return None
    phrase = sentence.phrase(span)
    noun = simple_noun(sentence, phrase)
    if phrase is None or noun is None or phrase.first != head + 1 or phrase.last != span[-1]:
        return None
    return Noun((sentence.words[head].lower(), *noun.words), noun.head, noun.plural)
