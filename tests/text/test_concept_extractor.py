from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.text import (
    CaptionConcepts,
    ConceptVocabulary,
    SpacyRoleParser,
    sibling_mask,
    video_labels,
)
from graphvtr.text.concept_extractor import ConceptExtractor, head_nouns
from graphvtr.text.rules.lemmas import NounLemmas

pytest.importorskip("spacy")


@pytest.fixture(scope="module")
def parser() -> SpacyRoleParser:
    return SpacyRoleParser()


@pytest.fixture(scope="module")
def extractor() -> ConceptExtractor:
    return ConceptExtractor()


@pytest.fixture(scope="module")
def with_prepositions() -> ConceptExtractor:
    return ConceptExtractor(prepositions=True)


@pytest.mark.parametrize(
    ("caption", "entities", "actions", "relationships"),
    [
        ("A man rides a horse.", "man horse", "ride", ["man ride horse"]),
        ("a horse is being ridden by two men", "horse man", "ride", ["man ride horse"]),
        ("a cat is sitting on a chair", "cat chair", "sit", ["cat sit chair"]),
        ("a man and a woman are slicing onions", "man woman onion", "slice", ["man slice onion", "woman slice onion"]),
        ("a man is singing and dancing", "man", "sing dance", []),  # no object, no triplet
        ("two cats on a sofa", "cat sofa", "", []),  # no verb
        ("he plays it", "", "play", []),  # pronouns name nothing
        ("a man is a cook", "man cook", "", []),  # be is no action
        ("the girl has long hair", "girl hair", "", ["girl have hair"]),  # have is none, but a relationship
        ("a dog's owner throws a ball", "dog owner ball", "throw", ["owner throw ball"]),
        ("the man who is cooking wears glasses", "man glass", "cook wear", ["man wear glass"]),
        ("a woman tries to open a box", "woman box", "try open", ["woman open box"]),
    ],
)
def test_concepts_of_captions(caption, entities, actions, relationships, parser, extractor) -> None:
    found = extractor.extract_one(parser.parse_one(caption))
    assert found == CaptionConcepts(tuple(entities.split()), tuple(actions.split()), tuple(relationships))


def test_gold_graphs_need_no_parser(extractor) -> None:
    """Only tags are looked up: the graph itself says who does what."""
    words = "the red disc is chased by a small square".split()
    graph = RoleGraph.build(words, [[4]], [("ARG1", [0, 1, 2]), ("ARG0", [5, 6, 7, 8])], [(0, 0), (1, 0)])
    assert extractor.extract_one(graph) == CaptionConcepts(("disc", "square"), ("chase",), ("square chase disc",))
    swapped = RoleGraph.build(words, [[4]], [("ARG0", [0, 1, 2]), ("ARG1", [5, 6, 7, 8])], [(0, 0), (1, 0)])
    assert extractor.extract_one(swapped).relationships == ("disc chase square",)


def test_a_store_and_its_graphs_give_the_same(parser, extractor) -> None:
    captions = ["a dog barks", "two cats play with a ball", "a dog barks", "running"] * 3
    store = parser.parse_store(captions)
    assert list(extractor.extract(store)) == [extractor.extract_one(graph) for graph in store]


def test_signs_and_single_letters_are_no_actions(extractor) -> None:
    graph = RoleGraph.build(["it", "s", "shell"], [[1]], [("ARG0", [0]), ("ARG1", [2])], [(0, 0), (1, 0)])
    assert extractor.extract_one(graph).actions == ()
    assert extractor.extract_one(RoleGraph.build(["☂", "!"], [], [], [])) == CaptionConcepts()


def test_head_nouns() -> None:
    def heads(tags: str, first: int = 0) -> list[int]:
        return head_nouns(range(first, len(tags.split())), tags.split())

    assert heads("DT JJ NN") == [2]
    assert heads("IN DT NN NN") == [3]  # on a coffee table
    assert heads("DT NN IN NNS") == [1]  # a bowl of apples
    assert heads("DT NN POS NN") == [3]  # the man 's dog
    assert heads("NN CC DT NN CC NN") == [0, 3, 5]
    assert heads("DT NN CC VBG NN") == [1, 4]  # a man and running dogs
    assert heads("VBG DT NN") == []  # eating a carrot
    assert heads("DT VBG NN") == [2]  # a barking dog
    assert heads("TO VB DT NN") == []  # to open a box
    assert heads("TO DT NN") == [2]  # to the man
    assert heads("PRP") == []
    assert heads("DT NN VBG DT NN", first=3) == [4]


def test_noun_lemmas_without_tables_keep_the_form() -> None:
    assert NounLemmas({}, (), ())("dogs") == "dogs"


# 20 captions of MSVD, the first five different ones of four training clips; concepts written by hand: nouns, verbs
# that are predicates, subject-verb-object triplets. Where the tagger or the parser slips, its reading stands beside.
BY_HAND: dict[str, dict[str, tuple[str, str, list[str]]]] = {
    "-_hbPLsZvvo_288_305": {
        "a woman is covering steamed rice in spices": ("woman rice spice", "cover", ["woman cover rice"]),
        "a woman is forming a rice ball": ("woman rice ball", "form", ["woman form ball"]),
        "a woman is forming rice into a ball": ("woman rice ball", "form", ["woman form rice"]),
        "a woman is making sushi": ("woman sushi", "make", ["woman make sushi"]),
        "a woman is placing rice in wrap and pressing it": ("woman rice wrap", "place press", ["woman place rice"]),
    },
    "-wa0umYJVGg_286_290": {
        "a chef boils noodles": ("chef noodle", "boil", ["chef boil noodle"]),
        "a cook puts some noodles in boiling water": ("cook noodle water", "put", ["cook put noodle"]),
        "a person is boiling noodles": ("person noodle", "boil", ["person boil noodle"]),
        "a person is cooking something": ("person something", "cook", ["person cook something"]),
        "a woman is boiling noodles in water": ("woman noodle water", "boil", ["woman boil noodle"]),
    },
    "05Gtb7_9tLU_0_9": {
        "several animal drawn covered carts are going down the street": ("animal cart street", "go", []),
        "people are riding in donkey carriages": ("people donkey carriage", "ride", []),
        "people are riding donkey carriages": ("people donkey carriage", "ride", ["people ride carriage"]),
        "people are traveling in cawcarts": ("people cawcart", "travel", []),
        "a group of people are riding in carriages": ("group people carriage", "ride", []),
    },
    "-8y1Q0rA3n8_95_102": {
        "a man with a sword runs ands stabs a cardboard target": (
            "man sword cardboard target",
            "run stab",
            ["man stab target"],
        ),
        "a man with a sword stabs a target": ("man sword target", "stab", ["man stab target"]),
        "a man is stabbing a cardboard cutout with a sword": (
            "man cardboard cutout sword",
            "stab",
            ["man stab cutout"],
        ),
        "a man stuck a sword through a piece of paper": ("man sword piece paper", "stick", ["man stick sword"]),
        "a man is hitting a photo with his sword": ("man photo sword", "hit", ["man hit photo"]),
    },
}
SLIPS: dict[str, tuple[str, str, list[str]]] = {
    "a cook puts some noodles in boiling water": ("cook noodle boiling water", "put", ["cook put noodle"]),
    "a man with a sword runs ands stabs a cardboard target": (  # the typo makes stabs a noun
        "man sword and stab cardboard target",
        "run",
        ["man run stab"],
    ),
    # cardboard is taken for an adjective
    "a man is stabbing a cardboard cutout with a sword": ("man cutout sword", "stab", ["man stab cutout"]),
}


def test_labels_and_masks_by_hand_on_real_captions(parser, extractor, real_data: Path) -> None:
    written = json.loads((real_data / "msvd98" / "captions_msvd.json").read_text())
    captions: list[str] = []
    owner: list[int] = []
    for video, (name, expected) in enumerate(BY_HAND.items()):
        assert list(dict.fromkeys(written[name]))[:5] == list(expected)
        captions += expected
        owner += [video] * 5
    hand = [SLIPS.get(caption, BY_HAND[name][caption]) for name in BY_HAND for caption in BY_HAND[name]]
    concepts = list(extractor.extract(parser.parse_store(captions)))
    assert concepts == [CaptionConcepts(tuple(e.split()), tuple(a.split()), tuple(r)) for e, a, r in hand]
    assert len(SLIPS) == 3  # of 20

    vocabulary = ConceptVocabulary.from_concepts(concepts)
    own = vocabulary.labels(concepts)
    for row, (entities, actions, relationships) in zip(own, hand, strict=True):
        found = {vocabulary.names[i] for i in row.nonzero().flatten().tolist()}
        assert found == {*entities.split(), *actions.split(), *relationships}
    video = video_labels(own, torch.tensor(owner), 4)
    noodles = video[1, vocabulary.columns("entity")].nonzero().flatten().tolist()
    assert {vocabulary.names[i] for i in noodles} == {
        "chef",
        "noodle",
        "cook",
        "boiling",
        "water",
        "person",
        "something",
        "woman",
    }
    mask = sibling_mask(own, video[torch.tensor(owner)])
    # `people are riding in donkey carriages`: its siblings' concepts are neither right nor wrong, all others count
    hidden = {vocabulary.names[i] for i in (~mask[11]).nonzero().flatten().tolist()}
    assert hidden == {"animal", "cart", "street", "go", "people ride carriage", "cawcart", "travel", "group"}
    assert not (own & ~mask).any()


def test_concepts_survive_a_store(tmp_path: Path, parser, extractor) -> None:
    store = parser.parse_store(["a dog barks"])
    store.save(tmp_path / "store")
    assert list(extractor.extract(GraphStore.load(tmp_path / "store"))) == list(extractor.extract(store))


@pytest.mark.parametrize(
    ("caption", "more"),
    [
        ("a dog is chasing a frisbee on the grass", ("dog on grass",)),
        ("the girl with a red hat sits on a chair", ("girl on chair", "girl with hat")),
        ("a man rides a horse while the crowd cheers", ()),
        ("a cup of tea stands on a table", ("cup on table",)),
        ("a ball rolls", ()),
    ],
)
def test_prepositions_join_things(
    caption: str, more: tuple[str, ...], parser, extractor: ConceptExtractor, with_prepositions: ConceptExtractor
) -> None:
    """MCSAN's own example, "dog on grass", beside the triplets of section 3.3."""
    graph = parser.parse_one(caption)
    plain, found = extractor.extract_one(graph), with_prepositions.extract_one(graph)
    assert found.relationships == (*plain.relationships, *more)
    assert (found.entities, found.actions) == (plain.entities, plain.actions)
    assert extractor.version != with_prepositions.version
