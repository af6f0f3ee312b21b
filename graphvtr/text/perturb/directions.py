"""Exchanged directions: up and down, into and out of, open and close."""

from __future__ import annotations

from numpy.random import Generator

from graphvtr.text.perturb.inflect import inflect
from graphvtr.text.perturb.kinds import CHANGES, Said
from graphvtr.text.perturb.lexicon import singular
from graphvtr.text.perturb.pool import Pool
from graphvtr.text.perturb.sentence import Draft, Sentence


def _both(pairs: str) -> dict[str, str]:
    each = [pair.split() for pair in pairs.split(";")]
    return {one: other for pair in each for one, other in (pair, pair[::-1])}


VERBS = _both(
    "open close; push pull; enter leave; lift lower; climb descend; connect disconnect; attach detach; fold unfold; "
    "wrap unwrap; load unload; pack unpack; lock unlock; tie untie; button unbutton; plug unplug; zip unzip; "
    "assemble disassemble; appear disappear; arrive depart; throw catch; increase decrease; expand shrink; fill empty; "
    "accelerate brake; ascend plunge; inflate deflate; advance retreat; approach avoid; board exit; sell buy"
)
WAYS = _both(
    "up down; upward downward; upwards downwards; forward backward; forwards backwards; inside outside; into out_of; "
    "onto off; toward away_from; above below; over under; ahead behind; before after"
)
WAYS |= {"towards": "away_from", "backward": "forward", "underneath": "over", "beneath": "above"}
PARTICLES = {**WAYS, "in": "out", "out": "in", "on": "off", "off": "on"}
"""Of verbs: `turns on the light`; with a noun below them (`in the kitchen`) they say where, not which way."""
SIDES = {"left": "right", "right": "left"}


@CHANGES.register("exchange directions")
def exchange_directions(rng: Generator, sentence: Sentence, pool: Pool, said: Said) -> str | None:
    """Something happens the other way round: an action, or a word that says which way it goes, is its opposite."""
    found = []
    for token in range(len(sentence.words)):
        tokens, words = _opposite(sentence, token)
        verb = VERBS.get(sentence.tree.lemma(token))
        if words and singular(words[0]) not in said.words and verb not in said.lemmas:
            found.append((tokens, words))
    if not found:
        return None
    tokens, words = found[rng.integers(len(found))]
    draft = Draft(sentence)
    draft.put(tokens, words)
    return draft.text()


def _opposite(sentence: Sentence, token: int) -> tuple[list[int], list[str]]:
    """The tokens that go, and the words that stand there instead; no words where a token has no opposite."""
    tree, word = sentence.tree, sentence.words[token].lower()
    tag, head = tree.tags[token], tree.heads[token]
    following = sentence.words[token + 1].lower() if token + 1 < len(tree) else ""
    if tag.startswith("VB"):
        lemma = tree.lemma(token)
        other = VERBS.get(lemma)
        plain = other is not None and inflect(lemma, tag) == word and tree.child(token, "prt") is None
        return [token], [inflect(other, tag)] if other is not None and plain else []
    if word in SIDES and token and sentence.words[token - 1].lower() in ("the", "to", "from"):
        return [token], [SIDES[word]]
    if tag not in ("IN", "RP", "RB") or not tree.tags[head].startswith("VB"):
        return [token], []
    if (word, following) in (("out", "of"), ("away", "from")):
        return [token, token + 1], ["into" if word == "out" else "toward"]
    particle = tree.child(token, "pobj", "pcomp") is None
    return [token], (PARTICLES if particle else WAYS).get(word, "").replace("_", " ").split()
