"""Tags are the model's probabilities, sorted; search keeps the clips that show what is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.nn import HGR, MCSAN, HANet
from graphvtr.search import ClipTagger, ConceptFilter, Index, Tag, build_index, format_tags, tag_videos
from graphvtr.tasks.checkpoint import CheckpointInfo, load, save_checkpoint
from graphvtr.text import ConceptVocabulary, RoleParser, Vocabulary, get_parser
from graphvtr.video import FeatureStore, PixelDescriptor

pytest.importorskip("spacy")

QUERY = "a dog runs"
WIDTH = 6
CONCEPTS = ConceptVocabulary([("dog", 9), ("man", 4), ("cat", 1)], [("run", 5), ("sit", 2)], [("dog chase cat", 1)])


@pytest.fixture(scope="module")
def parser() -> RoleParser:
    return get_parser("spacy")


@pytest.fixture
def index_of(files: SimpleNamespace, parser: RoleParser) -> Callable[[str], Index]:
    """``index_of(name)``: the clips under one of the models."""

    def build(name: str) -> Index:
        build_index(files.folder / f"{name}.ckpt", files.store, files.folder / f"{name}.index")
        return Index.open(files.folder / f"{name}.index", parser=parser)

    return build


@pytest.fixture
def files(tmp_path: Path) -> SimpleNamespace:
    store = FeatureStore.create(tmp_path / "store", {"frame_x": WIDTH})
    for index in range(5):
        store.add(f"clip {index}", {"frame_x": torch.randn(3, WIDTH), "frame_time": torch.arange(3.0)})
    vocabulary = Vocabulary.from_captions([QUERY.split()])
    sizes = {"hidden": 8, "word_dim": 4}
    models = {
        "mcsan": MCSAN(len(vocabulary), WIDTH, CONCEPTS.to_dict(), sentence=None, **sizes),
        "hanet": HANet(len(vocabulary), WIDTH, CONCEPTS.to_dict(), **sizes),
        "hgr": HGR(len(vocabulary), WIDTH, **sizes),
        "bare": MCSAN(len(vocabulary), WIDTH, None, sentence=None, **sizes),
    }
    for name, model in models.items():
        info = CheckpointInfo("mcsan" if name == "bare" else name, video_dim=WIDTH)
        save_checkpoint(tmp_path / f"{name}.ckpt", model.eval(), vocabulary, info)
    return SimpleNamespace(folder=tmp_path, store=tmp_path / "store", models=models, vocabulary=vocabulary)


@pytest.mark.parametrize("name", ["mcsan", "hanet"])
def test_tags_are_the_likeliest_concepts(files, name) -> None:
    model = files.models[name]
    tags = ClipTagger(files.folder / f"{name}.ckpt", files.store).tag("clip 3", top=2)
    with torch.inference_mode():
        video = model.encode_video(FeatureStore.open(files.store).video_graph("clip 3"))
        expected = {level: p[0] for level, p in model.concept_probabilities(video).items()}
    assert set(tags) == set(expected)
    for level, found in tags.items():
        values = sorted(expected[level].tolist(), reverse=True)[:2]
        assert [tag.probability for tag in found] == pytest.approx(values)
        for tag in found:
            column = model.concepts.concepts[level].index(tag.concept)
            assert tag == Tag(level, tag.concept, float(expected[level][column]), model.concepts.counts[level][column])


def test_at_least_and_top(files) -> None:
    model = files.models["mcsan"]
    video = model.encode_video(FeatureStore.open(files.store).video_graphs().batch(range(5)))
    everything = tag_videos(model, video, top=10)
    assert [len(tags["entity"]) for tags in everything] == [3] * 5
    limit = everything[0]["entity"][1].probability
    assert [tag.probability >= limit for tag in tag_videos(model, video, 10, limit)[0]["entity"]] == [True, True]
    with pytest.raises(DataError, match="top: is 0"):
        tag_videos(model, video, top=0)


def test_concepts_are_in_the_checkpoint(files) -> None:
    model = load(files.folder / "mcsan.ckpt")
    assert model.concepts == CONCEPTS
    model.vocabulary = files.vocabulary
    model.save_pretrained(files.folder / "saved")
    assert MCSAN.from_pretrained(files.folder / "saved").concepts == CONCEPTS


def test_search_keeps_what_the_filters_ask_for(files, index_of) -> None:
    index = index_of("mcsan")
    videos = FeatureStore.open(files.store).video_graphs().batch(range(5))
    with torch.inference_mode():
        p = index.model.concept_probabilities(index.model.encode_video(videos))
    everything = index.search(QUERY, top=5)
    limit = float(p["entity"][:, 1].sort().values[1:3].mean())
    found = index.search(QUERY, top=5, filters=[ConceptFilter("entity", "Man", limit)])
    wanted = {f"clip {i}" for i in range(5) if float(p["entity"][i, 1]) >= limit}
    assert len(wanted) == 3
    assert [r.name for r in found] == [r.name for r in everything if r.name in wanted]  # the order stays
    one_less = index.search(QUERY, filters=[ConceptFilter("entity", "man", limit)], where=[f"name!={found[1].name}"])
    assert [r.name for r in one_less] == [found[0].name, found[2].name]  # what is seen and what is known together
    both = [ConceptFilter("entity", "man", limit), ConceptFilter("action", "sit", 1.0)]
    assert list(index.search(QUERY, filters=both)) == []
    assert [r.name for r in index.search(QUERY, 1, filters=[ConceptFilter("relationship", "dog chase cat", 0.0)])] == [
        everything[0].name
    ]


def test_unknown_concepts_and_models_without(files, index_of) -> None:
    index = index_of("mcsan")
    with pytest.raises(DataError, match=r"entity 'dgo': is none of the model's concepts \(did you mean 'dog'\?\)"):
        index.search(QUERY, filters=[ConceptFilter("entity", "dgo")])
    with pytest.raises(DataError, match="at_least: is 2"):
        ConceptFilter("entity", "dog", 2)
    with pytest.raises(DataError, match="predicts no concepts"):
        ClipTagger(files.folder / "hgr.ckpt", files.store)
    with pytest.raises(DataError, match="predicts no concepts"):
        index_of("hgr").search(QUERY, filters=[ConceptFilter("entity", "dog")])
    with pytest.raises(DataError, match="was trained without concepts"):
        ClipTagger(files.folder / "bare.ckpt", files.store)
    with pytest.raises(DataError, match="trained without any relationship"):
        index_of("hanet").search(QUERY, filters=[ConceptFilter("relationship", "dog chase cat")])


def test_command_line(files, capsys) -> None:
    arguments = [str(files.folder / "mcsan.ckpt"), "--store", str(files.store)]
    assert main(["tag", *arguments, "clip 0", "clip 1", "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "clip 0",
        "entities",
        "actions",
        "relationships",
        "",
        "clip 1",
        "entities",
        "actions",
        "relationships",
    ]
    assert main(["tag", *arguments, "clip 0", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert [tag["concept"] for tag in row["tags"]["relationship"]] == ["dog chase cat"]
    filters = ["--entity", "dog", "--action", "run", "--at-least", "0"]
    index = str(files.folder / "index")
    assert main(["index", arguments[0], str(files.store), "--out", index]) == 0
    assert main(["search", index, QUERY, *filters]) == 0
    assert "clip" in capsys.readouterr().out
    for bad, message in (
        (["tag", *arguments, "clip 9"], "clip 9"),
        (["tag", str(files.folder / "mcsan.ckpt"), "nowhere.mp4"], "no such file"),
        (["search", index, QUERY, "--action", "fly"], "action 'fly': is none of the model's concepts"),
    ):
        assert main(bad) == 2
        assert message in capsys.readouterr().err


def test_a_file_is_described_as_in_training(files, tmp_path) -> None:
    """Old checkpoints name a featurizer, whose width is checked; tests/test_provenance.py has those that tell all."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"")
    info = CheckpointInfo("mcsan", video_dim=WIDTH, featurizer="pixels")
    save_checkpoint(tmp_path / "m.ckpt", files.models["mcsan"], files.vocabulary, info)
    with pytest.raises(DataError, match=rf"frame\.x: is {PixelDescriptor().dim} wide, .* was trained on {WIDTH}"):
        ClipTagger(tmp_path / "m.ckpt").tag(clip)
    with pytest.raises(DataError, match="does not say what made its features"):
        ClipTagger(files.folder / "mcsan.ckpt").tag(clip)


def test_format() -> None:
    text = format_tags({"entity": [Tag("entity", "dog", 0.5, 9)], "action": []})
    assert text.splitlines() == ["entities", "  0.500  dog  ##########            9 captions", "actions", "  none"]
