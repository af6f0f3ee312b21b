from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.text import CaptionConcepts, ConceptVocabulary, sibling_mask, video_labels
from graphvtr.text.concepts import multi_hot, with_concepts

CAPTIONS = [
    CaptionConcepts(("man", "horse"), ("ride",), ("man ride horse",)),
    CaptionConcepts(("man", "dog"), ("walk", "run"), ()),
    CaptionConcepts(("dog",), (), ()),
    CaptionConcepts(),
]


@pytest.fixture
def vocabulary() -> ConceptVocabulary:
    return ConceptVocabulary.from_concepts(CAPTIONS)


def test_order_counts_and_columns(vocabulary: ConceptVocabulary) -> None:
    assert vocabulary.names == ("dog", "man", "horse", "ride", "run", "walk", "man ride horse")
    assert vocabulary.counts == {"entity": (2, 2, 1), "action": (1, 1, 1), "relationship": (1,)}
    assert [vocabulary.columns(level) for level in ("entity", "action", "relationship")] == [
        slice(0, 3),
        slice(3, 6),
        slice(6, 7),
    ]
    assert len(vocabulary) == 7
    assert vocabulary.sizes == {"entity": 3, "action": 3, "relationship": 1}


def test_top_k_and_min_count() -> None:
    assert ConceptVocabulary.from_concepts(CAPTIONS, (2, 1, 0)).names == ("dog", "man", "ride")
    assert ConceptVocabulary.from_concepts(CAPTIONS, min_count=2).names == ("dog", "man")
    assert ConceptVocabulary.from_concepts([CaptionConcepts(("a", "a"))]).counts["entity"] == (1,)


def test_labels(vocabulary: ConceptVocabulary) -> None:
    expected = [[0, 1, 1, 1, 0, 0, 1], [1, 1, 0, 0, 1, 1, 0], [1, 0, 0, 0, 0, 0, 0], [0] * 7]
    assert vocabulary.labels(CAPTIONS).int().tolist() == expected
    unknown = CaptionConcepts(("zebra", "ride"), ("horse",), ("zebra ride man",))  # known words on other levels
    assert not vocabulary.labels([unknown]).any()
    assert vocabulary.labels([]).shape == (0, 7)


def test_video_labels_are_the_union(vocabulary: ConceptVocabulary) -> None:
    own = vocabulary.labels(CAPTIONS)
    video = video_labels(own, torch.tensor([0, 2, 2, 0]), 3)
    assert video.int().tolist() == [[0, 1, 1, 1, 0, 0, 1], [0] * 7, [1, 1, 0, 0, 1, 1, 0]]


def test_sibling_mask_is_false_for_what_only_siblings_say() -> None:
    generator = torch.Generator().manual_seed(0)
    own, others = torch.rand(2, 30, 9, generator=generator) < 0.3
    mask = sibling_mask(own, own | others)
    for caption in range(30):
        for concept in range(9):
            only_sibling = bool(others[caption, concept]) and not bool(own[caption, concept])
            assert bool(mask[caption, concept]) is not only_sibling


def test_find(vocabulary: ConceptVocabulary) -> None:
    assert vocabulary.find("entity", "Horse") == 2
    assert vocabulary.find("relationship", " man  ride horse ") == 6
    with pytest.raises(DataError, match=r"entity 'hores': is none of the model's concepts \(did you mean 'horse'\?\)"):
        vocabulary.find("entity", "hores")
    with pytest.raises(DataError, match="known are ride, run, walk"):
        vocabulary.find("action", "zzz")
    with pytest.raises(DataError, match="level: is 'noun'"):
        vocabulary.find("noun", "dog")
    with pytest.raises(DataError, match="trained without any action"):
        ConceptVocabulary().find("action", "ride")


def test_round_trip(vocabulary: ConceptVocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path / "concepts.json")
    assert [path.name for path in tmp_path.iterdir()] == ["concepts.json"]
    again = ConceptVocabulary.load(tmp_path / "concepts.json")
    assert again == vocabulary
    assert hash(again) == hash(vocabulary)
    assert again != ConceptVocabulary()
    assert ConceptVocabulary.from_dict(ConceptVocabulary().to_dict()) == ConceptVocabulary()


def counted(entities: str) -> str:
    """A file of a vocabulary with these entities."""
    return f'{{"format": "graphvtr.ConceptVocabulary/1", "entity": {entities}, "action": [], "relationship": []}}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "is not json"),
        ("{}", "is not a graphvtr.ConceptVocabulary/1 object"),
        ('{"format": "graphvtr.ConceptVocabulary/1"}', "entity: is not a list of"),
        (counted('[["a", 1], ["a", 2]]'), "entity 'a': is given twice"),
        (counted('[["a", -1]]'), "count of entity 'a': is -1"),
        (counted('[["a", 1.5]]'), "count of entity 'a': is 1.5"),
    ],
)
def test_bad_files(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "concepts.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"concepts\.json") as caught:
        ConceptVocabulary.load(path)
    assert message in str(caught.value)
    with pytest.raises(DataError, match="no such file"):
        ConceptVocabulary.load(tmp_path / "missing.json")


def test_bad_sizes() -> None:
    for sizes in ((1, 2), (1, 2, -3)):
        with pytest.raises(DataError, match="sizes"):
            ConceptVocabulary.from_concepts([], sizes)
    with pytest.raises(DataError, match="min_count"):
        ConceptVocabulary.from_concepts([], min_count=0)


def test_graphs_carry_concepts_through_batches_and_files(tmp_path: Path) -> None:
    graphs = [RoleGraph.build(["a", "dog", "barks"][: n + 1], [], [], []) for n in range(3)]
    store = with_concepts(GraphStore.from_graphs(graphs), [[5, 7], [], [0]], [[5, 6, 7], [], [0]])
    assert "concept" not in GraphStore.from_graphs(graphs).nodes
    for one in (store, GraphStore.from_graphs(list(store))):
        batch = one.batch([2, 0, 1, 0])
        assert batch["concept"].id.tolist() == [0, 5, 7, 5, 7]
        assert batch["concept"].ptr.tolist() == [0, 1, 3, 3, 5]
        assert batch["video_concept"].id.tolist() == [0, 5, 6, 7, 5, 6, 7]
        assert batch["word"].ptr.tolist() == [0, 3, 4, 6, 7]
    store[0].validate()
    store.save(tmp_path / "store")
    assert GraphStore.load(tmp_path / "store")[0]["concept"].id.tolist() == [5, 7]
    alone = with_concepts(GraphStore.from_graphs(graphs), [[5, 7], [], [0]])
    assert alone[0]["video_concept"].id.tolist() == [5, 7]
    with pytest.raises(DataError, match="of 1 captions for 3"):
        with_concepts(store, [[1]])


def test_multi_hot() -> None:
    assert multi_hot([[1], [], [0, 2]], 3).int().tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1]]
    assert multi_hot([], 3).shape == (0, 3)
    assert multi_hot([[], []], 0).shape == (2, 0)


def test_json_is_plain(vocabulary: ConceptVocabulary) -> None:
    assert json.loads(json.dumps(vocabulary.to_dict())) == vocabulary.to_dict()
