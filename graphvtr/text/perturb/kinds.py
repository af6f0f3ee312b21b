"""The five perturbations of HGR's binary selection (Table 6), made on a caption's role graph.

Each takes a source of randomness, the sentence, the pool of replacements and what other captions say of the same clip
(its words and base forms), and gives the new text or None where the caption does not lend itself to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from graphvtr.registry import Registry
from graphvtr.text.perturb.inflect import inflect
from graphvtr.text.perturb.lexicon import (
    NEEDS_PLACE,
    PLACES,
    POSSESSIVE,
    REFLEXIVE,
    VAGUE,
    may_be_same,
    person_group,
    singular,
)
from graphvtr.text.perturb.pool import Noun, Pool, replaceable_verb
from graphvtr.text.perturb.sentence import AUXILIARIES, NOUNS, SUBJECTS, Draft, Phrase, Sentence
from graphvtr.text.rules.tree import Tree


@dataclass(frozen=True)
class Said:
    """What all captions of a clip say: its words (nouns without plural endings) and the base forms of its verbs."""

    words: frozenset[str]
    lemmas: frozenset[str]

    @classmethod
    def by(cls, sentences: Sequence[Sentence]) -> Said:
        """Of the captions of one clip."""
        words = {singular(word) for sentence in sentences for word in sentence.heads}
        return cls(frozenset(words), frozenset(lemma for sentence in sentences for lemma in sentence.lemmas))

    def may_hold(self, noun: str) -> bool:
        """Whether a noun is, or may be another word for, something the captions name."""
        return singular(noun) in self.words or any(
            may_be_same(noun, word) for word in self.words if person_group(word) and person_group(noun)
        )


Change = Callable[[Generator, Sentence, Pool, Said], str | None]
CHANGES: Registry[Change] = Registry("perturbation")


@CHANGES.register("switch roles")
def switch_roles(rng: Generator, sentence: Sentence, pool: Pool, said: Said) -> str | None:
    """Agent and patient of an action take each other's place."""
    found = [
        (agent, patient)
        for action in range(len(sentence.graph.actions))
        for agent in _phrases(sentence, sentence.participants(action)["ARG0"])
        for patient in _phrases(sentence, sentence.participants(action)["ARG1"])
        if _can_switch(sentence, action, agent, patient)
    ]
    if not found:
        return None
    agent, patient = found[rng.integers(len(found))]
    draft = Draft(sentence)
    texts = [[sentence.words[token] for token in phrase.tokens] for phrase in (agent, patient)]
    draft.put_phrase(agent, texts[1], patient.plural)
    draft.put_phrase(patient, texts[0], agent.plural)
    return draft.text()


def _can_switch(sentence: Sentence, action: int, agent: Phrase, patient: Phrase) -> bool:
    verb = sentence.verb(action)
    if verb is None or set(agent.tokens) & set(patient.tokens) or not _stands(sentence, action, patient):
        return False
    if sentence.tree.child(verb, "dative") is not None or not _stands(sentence, action, agent):
        return False
    words, tags = sentence.words, sentence.tree.tags
    if any(
        tags[token] == "PRP$" or words[token].lower().endswith(("self", "selves", "other"))
        for phrase in (agent, patient)
        for token in phrase.tokens
    ):
        return False  # his hair brushes a man: the pronoun has lost its noun
    heads = [words[phrase.head].lower() for phrase in (agent, patient)]
    return heads[0] != heads[1] and singular(heads[0]) != singular(heads[1]) and heads[1] not in VAGUE


@CHANGES.register("replace actions")
def replace_actions(rng: Generator, sentence: Sentence, pool: Pool, said: Said) -> str | None:
    """An action is another one that takes an object where it did."""
    found = []
    for action in range(len(sentence.graph.actions)):
        verb, token = replaceable_verb(sentence, action), sentence.verb(action)
        if verb is not None and token is not None:
            found.append((verb, token))
    if not found:
        return None
    verb, token = found[rng.integers(len(found))]
    others = [
        other
        for other in pool.verbs
        if other.transitive == verb.transitive and other.lemma != verb.lemma and other.lemma not in said.lemmas
    ]
    if not others:
        return None
    draft = Draft(sentence)
    draft.put([token], [inflect(others[rng.integers(len(others))].lemma, sentence.tree.tags[token])])
    return draft.text()


@CHANGES.register("replace persons")
def replace_persons(rng: Generator, sentence: Sentence, pool: Pool, said: Said) -> str | None:
    """An agent or a patient is another one, which no caption of the clip names."""
    found: list[tuple[str, Phrase]] = []
    for action in range(len(sentence.graph.actions)):
        for role, spans in sentence.participants(action).items():
            phrases = _phrases(sentence, spans)
            found += [(role, phrase) for phrase in phrases if _stands(sentence, action, phrase)]
    if not found:
        return None
    role, place = found[rng.integers(len(found))]
    old = [sentence.words[token].lower() for token in place.tokens]
    noun = _drawn(rng, pool.nouns.get(role, []), said, old)
    if noun is None:
        return None
    draft = Draft(sentence)
    draft.put_phrase(place, noun.words, noun.plural)
    if sentence.is_subject(place.head):
        _fit_pronouns(draft, place, "many" if noun.plural else person_group(noun.head))
    return draft.text()


def _fit_pronouns(draft: Draft, place: Phrase, group: str) -> None:
    """His becomes her, its or their as the subject does, in what follows it and below its verb."""
    tree = draft.sentence.tree
    for token in tree.subtree(tree.heads[place.head]):
        word = draft.sentence.words[token].lower()
        if token <= place.last or group not in POSSESSIVE:
            continue
        if tree.tags[token] == "PRP$" and word in POSSESSIVE.values():
            draft.slots[token] = [POSSESSIVE[group]]
        elif word in REFLEXIVE.values():
            draft.slots[token] = [REFLEXIVE[group]]


def _stands(sentence: Sentence, action: int, phrase: Phrase) -> bool:
    """Whether a phrase is what the parse takes for a subject or an object, whole: no slip of the parser to build on."""
    tree, verb = sentence.tree, sentence.verb(action)
    if tree.deps[phrase.head] not in (*SUBJECTS, "dobj", "pobj") or (
        phrase.last + 1 < len(tree) and (tree.tags[phrase.last + 1] in ("POS", *NOUNS))
    ):
        return False
    before = phrase.first - 1
    return before < 0 or before == verb or tree.tags[before] not in ("VBG", "VBN", "JJ", "CD", "PRP$", "POS", *NOUNS)


@CHANGES.register("replace scenes")
def replace_scenes(rng: Generator, sentence: Sentence, pool: Pool, said: Said) -> str | None:
    """It happens in another place; only captions that name one qualify."""
    found = []
    for action in range(len(sentence.graph.actions)):
        for span in sentence.roles(action).get("ARGM-LOC", ()):
            head, phrase = sentence.head_of(span), sentence.phrase(span)
            if sentence.tree.tags[head] == "IN" and head == span[0] and phrase is not None:
                found.append((span, sentence.words[phrase.head].lower()))
    found = [(span, noun) for span, noun in found if noun in PLACES] or found
    if not found:
        return None
    span, noun = found[rng.integers(len(found))]
    place = _drawn(rng, pool.places.get(noun in PLACES, []), said, [sentence.words[token].lower() for token in span])
    if place is None:
        return None
    draft = Draft(sentence)
    draft.put(span, place.words)
    return draft.text()


@CHANGES.register("incomplete events")
def incomplete_events(rng: Generator, sentence: Sentence, pool: Pool, said: Said) -> str | None:
    """Part of what happens is left out: a clause, a circumstance, or all but one participant."""
    parts = _droppable(sentence)
    if parts and rng.random() < 2 / 3:
        draft = Draft(sentence)
        draft.drop(parts[rng.integers(len(parts))])
        return draft.text()
    phrases = [
        phrase
        for action in range(len(sentence.graph.actions))
        for spans in sentence.participants(action).values()
        for phrase in _phrases(sentence, spans)
        if sentence.tree.tags[phrase.head] != "PRP"
    ]
    if not phrases:
        return None
    kept = phrases[rng.integers(len(phrases))]
    draft = Draft(sentence)
    draft.drop(token for token in range(len(sentence.words)) if token not in kept.tokens)
    return draft.text()


def _droppable(sentence: Sentence) -> list[list[int]]:
    """Tokens that can be left out together so that a sentence remains."""
    tree, out = sentence.tree, []
    for action in range(len(sentence.graph.actions)):
        verb = sentence.verb(action)
        if verb is None:
            continue
        if tree.deps[verb] in ("conj", "advcl", "relcl", "acl") and tree.heads[verb] != verb:
            clause = tree.subtree(verb)
            before = [t for t in tree.all_children(tree.heads[verb], "cc") if t < clause[0] and t == clause[0] - 1]
            if clause[-1] - clause[0] + 1 == len(clause):
                out.append([*before, *clause])
        if tree.lemma(verb) in NEEDS_PLACE:
            continue
        for role, spans in sentence.roles(action).items():
            for span in spans:
                head = sentence.head_of(span)
                adjunct = role.startswith("ARGM") or tree.deps[head] in ("prep", "advmod", "npadvmod")
                whole = tree.subtree(head)
                if (
                    adjunct
                    and tree.deps[head] not in (*AUXILIARIES, *SUBJECTS, "neg", "pobj")
                    and set(whole) == set(span)
                ):
                    out.append(whole)
    # a caption without any verb is what the other way of shortening gives
    return [
        part for part in out if any(t not in part for a in sentence.graph.actions for t in a) and _whole(tree, part)
    ]


def _whole(tree: Tree, part: Sequence[int]) -> bool:
    """Whether what is left when ``part`` is dropped does not end in a word that waits for another one."""
    left = [token for token in range(len(tree)) if token not in part]
    return bool(left) and tree.tags[left[-1]] not in ("IN", "TO", "DT", "CC", "RP", "PRP$", "WDT", "MD")


def _phrases(sentence: Sentence, spans: Sequence[Sequence[int]]) -> list[Phrase]:
    return [phrase for phrase in map(sentence.phrase, spans) if phrase is not None]


def _drawn(rng: Generator, nouns: Sequence[Noun], said: Said, old: Sequence[str]) -> Noun | None:
    """A noun that the clip's captions do not name: its head word drawn first, so that common ones do not crowd out
    the others."""
    free = [noun for noun in nouns if not said.may_hold(noun.head) and not any(may_be_same(noun.head, w) for w in old)]
    if not free:
        return None
    heads = sorted({noun.head for noun in free})
    head = heads[rng.integers(len(heads))]
    fitting = [noun for noun in free if noun.head == head]
    return fitting[rng.integers(len(fitting))]
