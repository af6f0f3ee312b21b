"""Perturbed captions are wrong in one respect and good English."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.text import get_parser
from graphvtr.text.pairs import KINDS
from graphvtr.text.perturb import perturb
from graphvtr.text.perturb.kinds import CHANGES, Said
from graphvtr.text.perturb.pool import Noun, Pool, Verb
from graphvtr.text.perturb.sentence import Sentence, article, sentences

PARSER = get_parser("spacy")
NOTHING = Said(frozenset(), frozenset())


def read(*captions: str) -> list[Sentence]:
    return list(sentences(PARSER.parse(captions), PARSER))  # type: ignore[arg-type]


def changed(kind: str, caption: str, pool: Pool | None = None, said: Said = NOTHING) -> set[str | None]:
    """All that several draws give."""
    (sentence,) = read(caption)
    return {CHANGES[kind](np.random.default_rng(seed), sentence, pool or Pool(), said) for seed in range(12)}


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a dog is chasing a cat", "a cat is chasing a dog"),
        ("A dog is chasing two cats.", "Two cats are chasing a dog."),
        ("two men are riding a horse", "a horse is riding two men"),
        ("the boys kick a ball and run", "a ball kicks the boys and runs"),
        ("a ball was kicked by two boys", "two boys were kicked by a ball"),
        ("a man and a woman are eating an apple", "an apple is eating a man and a woman"),
        ("he is pushing the woman", "the woman is pushing him"),
        ("a man is watching them", "they are watching a man"),
        ("a woman is mixing a bowl of flour in the kitchen", "a bowl of flour is mixing a woman in the kitchen"),
        ("a man is brushing his hair", None),  # the pronoun would lose its noun
        ("a man is running", None),
        ("a dog bites another dog", None),  # the same as before
    ],
)
def test_switch_roles(caption: str, expected: str | None) -> None:
    assert changed("switch roles", caption) == {expected}


VERBS = Pool(verbs=[Verb("ride", True), Verb("sleep", False), Verb("stir", True), Verb("peel", True)])


@pytest.mark.parametrize(
    ("caption", "said", "expected"),
    [
        ("a man is slicing a potato", ["ride"], {"a man is stirring a potato", "a man is peeling a potato"}),
        ("a man slices a potato", ["ride", "peel"], {"a man stirs a potato"}),
        ("the men slice a potato", ["ride", "peel"], {"the men stir a potato"}),
        ("a man sliced a potato", ["stir", "peel"], {"a man rode a potato"}),
        ("a potato is being sliced by a man", ["stir", "peel"], {"a potato is being ridden by a man"}),
        ("a dog is barking", [], {"a dog is sleeping"}),
        ("a dog is barking", ["sleep"], {None}),
        ("a dog is in the park", [], {None}),  # nothing happens
        ("a woman is starting to sing", ["sleep"], {None}),
    ],
)
def test_replace_actions(caption: str, said: list[str], expected: set[str | None]) -> None:
    assert changed("replace actions", caption, VERBS, Said(frozenset(), frozenset(said))) == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a man is walking up the stairs", "a man is walking down the stairs"),
        ("A woman opens a door.", "A woman closes a door."),
        ("a boy jumps into the pool", "a boy jumps out of the pool"),
        ("a cat climbs out of a box", {"a cat descends out of a box", "a cat climbs into a box"}),
        ("a car turns to the left", "a car turns to the right"),
        ("a man is taking his shirt off", "a man is taking his shirt on"),
        ("a man is cooking in the kitchen", None),  # where, not which way
        ("a dog barks", None),
    ],
)
def test_exchange_directions(caption: str, expected: str | set[str] | None) -> None:
    assert changed("exchange directions", caption) == (expected if isinstance(expected, set) else {expected})
    assert changed("exchange directions", "a man opens a box", said=Said(frozenset(), frozenset(["close"]))) == {None}


NOUNS = Pool(
    nouns={
        "ARG0": [Noun(("two", "girls"), "girls", True), Noun(("a", "dog"), "dog", False)],
        "ARG1": [Noun(("an", "onion"), "onion", False), Noun(("a", "guitar"), "guitar", False)],
    }
)


def test_replace_persons() -> None:
    # a man may be no girl, a guitar no onion; the verb agrees and his is theirs
    found = changed("replace persons", "a man is washing a carrot in his kitchen", NOUNS)
    assert found == {
        "two girls are washing a carrot in their kitchen",
        "a dog is washing a carrot in its kitchen",
        "a man is washing an onion in his kitchen",
        "a man is washing a guitar in his kitchen",
    }
    said = Said(frozenset(["dog", "onion", "person"]), frozenset())  # and girls are persons
    assert changed("replace persons", "a man is washing a carrot", NOUNS, said) == {None, "a man is washing a guitar"}
    assert changed("replace persons", "he plays chess", Pool(nouns={"ARG0": NOUNS.nouns["ARG0"]})) >= {
        "two girls play chess",
        "a dog plays chess",
    }


PLACES = Pool(
    places={
        True: [Noun(("on", "a", "beach"), "beach", False), Noun(("in", "the", "kitchen"), "kitchen", False)],
        False: [Noun(("in", "a", "pan"), "pan", False)],
    }
)


def test_replace_scenes() -> None:
    assert changed("replace scenes", "a man is dancing in the street", PLACES) == {
        "a man is dancing on a beach",
        "a man is dancing in the kitchen",
    }
    kitchen = Said(frozenset(["kitchen"]), frozenset())
    assert changed("replace scenes", "A man is dancing in the street.", PLACES, kitchen) == {
        "A man is dancing on a beach."
    }
    assert changed("replace scenes", "a man is dancing", PLACES) == {None}


def test_incomplete_events() -> None:
    assert changed("incomplete events", "a man opens a box and runs away") >= {"a man opens a box"}
    found = changed("incomplete events", "a woman is slicing an onion in the kitchen")
    assert found == {"a woman is slicing an onion", "a woman", "an onion"}
    assert None not in found


@pytest.mark.parametrize("word", ["hour", "apple", "unit", "dog", "Egg"])
def test_article(word: str) -> None:
    assert article(word) == {"hour": "an", "apple": "an", "unit": "a", "dog": "a", "Egg": "an"}[word]


CAPTIONS = [
    (0, "a man is playing a guitar in the park"),
    (0, "a person plays a guitar"),
    (0, "a man is playing music outside"),
    (1, "a woman is slicing an onion in the kitchen"),
    (1, "the woman slices an onion"),
    (1, "a woman is cutting an onion in a kitchen"),
    (2, "a dog is chasing a cat in the park"),
    (2, "the dog chases the cat"),
    (2, "a dog is running after a cat"),
    (3, "two girls are playing a guitar in the kitchen"),
    (3, "two girls are slicing an onion in the park"),
    (3, "the girls are chasing a dog in the kitchen"),
    (3, "a dog chases a girl"),
]


def pairs(seed: int = 0, **options: object) -> list[tuple[str, str, str, str]]:
    graphs = list(PARSER.parse([caption for _, caption in CAPTIONS]))
    found = perturb(list("abcd"), [owner for owner, _ in CAPTIONS], graphs, seed=seed, **options)  # type: ignore[arg-type]
    return [(pair.video, pair.positive, pair.negative, pair.kind) for pair in found]


def test_collection() -> None:
    found = pairs()
    counts = Counter((video, kind) for video, _, _, kind in found)
    assert set(counts.values()) == {1}
    assert {kind for _, _, _, kind in found} == set(KINDS)
    own = {caption for _, caption in CAPTIONS}
    for video, positive, negative, _ in found:
        assert ("abcd".index(video), positive) in CAPTIONS
        assert negative not in own or "abcd".index(video) not in [o for o, c in CAPTIONS if c == negative]
    assert pairs() == found
    assert pairs(seed=1) != found
    assert len(pairs(per_video=2)) > len(found)
    assert {kind for *_, kind in pairs(kinds=["switch roles"])} == {"switch roles"}


def test_negatives_name_nothing_the_clip_shows() -> None:
    for video, positive, negative, kind in pairs(per_video=5):
        said = {word for owner, caption in CAPTIONS if owner == "abcd".index(video) for word in caption.split()}
        new = set(negative.split()) - set(positive.split()) - {"a", "an", "the", "is", "are"}
        if kind in ("replace persons", "replace scenes"):
            assert not new & (said - {"in", "two"}), (positive, negative)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kinds": ["swap"]}, "kind 'swap': unknown"), ({"per_video": 0}, "per_video: is 0")],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pairs(**options)  # type: ignore[arg-type]


def test_lengths_that_do_not_fit() -> None:
    graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
    with pytest.raises(DataError, match="has 1 entries for 2 captions"):
        perturb(["a"], [0, 0], [graph])
    with pytest.raises(DataError, match="video_of_caption: names item 1 of 1"):
        perturb(["a"], [1], [graph])
