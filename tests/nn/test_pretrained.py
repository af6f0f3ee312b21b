"""Save, load, identical scores - for every registered model; and what a damaged or newer folder says."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import HGR, MODELS, VSE, RetrievalModel
from graphvtr.nn.hub import hub_class
from graphvtr.nn.registered import registered_name
from graphvtr.tasks import CheckpointInfo, load
from graphvtr.text import ConceptVocabulary, Vocabulary
from tests.tiny_bert import tiny_bert

WORDS = Vocabulary("a dog chases the cat".split())
SMALL = {
    "vocab_size": len(WORDS),
    "video_dim": 6,
    "region_dim": 7,
    "hidden": 8,
    "word_dim": 5,
    "video_rnn": 4,
    "text_rnn": 4,
    "filters": 3,
    "inner": 16,
    "components": 4,
}


def build(name: str, **options: Any) -> RetrievalModel:
    accepted = inspect.signature(MODELS[name]).parameters
    readers = {"graphvtr": "text", "vsrnet": "language_model", "mcsan": "sentence"}
    small = {**SMALL, **({readers[name]: tiny_bert()} if name in readers else {}), **options}
    model = MODELS[name](**{key: value for key, value in small.items() if key in accepted or key in options})
    model.vocabulary = WORDS
    model.info = {"model": name, "dataset": "toy", "scores": [1.0, 2.5]}
    return model.eval()


def scores(model: RetrievalModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    clips = [
        VideoGraph.build(
            torch.randn(3 + i, 6, generator=generator),
            region_x=torch.randn(4, 7, generator=generator),
            region_frame=torch.tensor([0, 0, 1, 2]),
            name=str(i),
        )
        for i in range(3)
    ]
    graph = RoleGraph.build(
        "a dog chases the cat".split(), [[2]], [("ARG0", [0, 1]), ("ARG1", [3, 4])], [(0, 0), (1, 0)]
    )
    videos = GraphStore.from_graphs([model.transform_video(clip) for clip in clips]).batch([0, 1, 2])
    texts = GraphStore.from_graphs([model.transform_text(WORDS.encode(graph))]).batch([0])
    with torch.inference_mode():
        return model.similarity(model.encode_video(videos), model.encode_text(texts))


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_comes_back_with_identical_scores(name: str, tmp_path: Path) -> None:
    model = build(name)
    model.save_pretrained(tmp_path / "new" / "folder")
    loaded = RetrievalModel.from_pretrained(tmp_path / "new" / "folder")
    assert type(loaded) is type(model)
    assert not loaded.training
    assert loaded.config == model.config
    assert loaded.vocabulary == WORDS
    assert loaded.info == model.info
    assert torch.equal(scores(loaded), scores(model))
    again = load(tmp_path / "new" / "folder")
    vocabulary, info = again.vocabulary, CheckpointInfo.of(again)
    assert torch.equal(scores(again), scores(model))
    assert vocabulary == WORDS
    assert (info.model, info.dataset, info.scores) == (name, "toy", [1.0, 2.5])


CONCEPTS = ConceptVocabulary([("dog", 5), ("cat", 3)], [("chase", 2)], [("dog chase cat", 1)]).to_dict()
ACCEPTED = {name: inspect.signature(MODELS[name]).parameters for name in MODELS}
LANGUAGE = [
    (name, key, freeze)
    for name in MODELS
    for key in ("language_model", "sentence")
    for freeze in (True, False)
    if key in ACCEPTED[name] and (freeze or "freeze_text" in ACCEPTED[name])
]


def assert_comes_back(model: RetrievalModel, folder: Path) -> RetrievalModel:
    model.save_pretrained(folder)
    loaded = RetrievalModel.from_pretrained(folder)
    assert loaded.config == model.config
    assert torch.equal(scores(loaded), scores(model))
    return loaded


@pytest.mark.parametrize("name", [name for name in MODELS if "concepts" in ACCEPTED[name]])
def test_concepts_come_back(name: str, tmp_path: Path) -> None:
    model: Any = build(name, concepts=CONCEPTS)
    loaded: Any = assert_comes_back(model, tmp_path)
    assert loaded.concepts == model.concepts
    assert loaded.concepts.to_dict()["entity"] == CONCEPTS["entity"]


@pytest.mark.parametrize(("name", "key", "freeze"), LANGUAGE)
def test_language_models_come_back(
    name: str, key: str, freeze: bool, tmp_path: Path, write_bert: Callable[..., Path]
) -> None:
    bert = write_bert(hidden=8, layers=2, positions=32)
    caches = {cache: False for cache in ("text_cache", "sentence_cache") if cache in ACCEPTED[name]}
    model = build(name, **{key: str(bert)}, **({} if freeze else {"freeze_text": False}), **caches)
    if not freeze:  # trained weights come from the folder, not from the language model's own
        with torch.no_grad():
            for value in model.parameters():
                value.add_(0.01 * torch.randn_like(value))
    assert_comes_back(model, tmp_path / "folder")


def test_shared_maps_and_no_vocabulary(tmp_path: Path) -> None:
    model = build("hgr", hierarchical_video=False)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "vocabulary.json").is_file()
    model.vocabulary = None
    model.save_pretrained(tmp_path)
    assert not (tmp_path / "vocabulary.json").exists()  # the one of before is not mistaken for this model's
    loaded = HGR.from_pretrained(tmp_path, max_frames=2)
    assert loaded.config["max_frames"] == 2
    assert loaded.vocabulary is None
    with pytest.raises(DataError, match=r"is a HGR, not a VSE \(use HGR.from_pretrained\)"):
        VSE.from_pretrained(tmp_path)


def test_the_card_says_what_the_run_was(tmp_path: Path) -> None:
    model = build("hgr")
    model.info = {"dataset": "my*data|set", "parser": "spacy", "video_dim": 6, "scores": [3.0, 9.0, 5.0]}
    model.save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: graphvtr\n")
    assert r"data: my\*data\|set; captions parsed by: spacy" in card
    assert "validation rsum 9.0, after epoch 2 of 3" in card
    assert "frame features: unknown, 6 wide" in card
    assert '"temperature": 4.0' in card
    concepts = build("hanet", concepts=ConceptVocabulary([(f"thing{i}", 1) for i in range(99)], [("run", 1)]).to_dict())
    concepts.save_pretrained(tmp_path)
    assert '"entity": "99 entries, in config.json"' in (tmp_path / "README.md").read_text()
    assert "thing7" not in (tmp_path / "README.md").read_text()
    model.save_pretrained(tmp_path, card="my own")
    assert (tmp_path / "README.md").read_text() == "my own"


@pytest.fixture
def folder(tmp_path: Path) -> SimpleNamespace:
    """A saved model; ``change(function)`` edits its config.json."""
    model = build("hgr")
    model.save_pretrained(tmp_path)

    def change(edit: Callable[[dict[str, Any]], Any]) -> Path:
        content = json.loads((tmp_path / "config.json").read_text())
        edit(content)
        (tmp_path / "config.json").write_text(json.dumps(content))
        return tmp_path

    return SimpleNamespace(path=tmp_path, model=model, change=change)


def test_an_unknown_option_is_named_and_can_be_left_out(folder: SimpleNamespace) -> None:
    path = folder.change(lambda content: content["config"].update(colour="red"))
    with pytest.raises(DataError, match=r"config.colour: is no option of hgr in .*update graphvtr.*vocab_size"):
        HGR.from_pretrained(path)
    with pytest.warns(UserWarning, match="unknown option of hgr 'colour' is left out"):
        loaded = HGR.from_pretrained(path, ignore_unknown=True)
    assert torch.equal(scores(loaded), scores(folder.model))


def test_an_unknown_field_is_said_and_the_model_loads(folder: SimpleNamespace) -> None:
    path = folder.change(lambda content: content.update(weather="fine"))
    with pytest.warns(UserWarning, match="config.json: unknown field 'weather' is left out"):
        loaded = HGR.from_pretrained(path)
    assert torch.equal(scores(loaded), scores(folder.model))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(format="other"), "is no graphvtr.model file"),
        (lambda c: c.update(format_version=99), r"has format version 99, this is 1 \(update graphvtr\)"),
        (lambda c: c.update(model="nothing"), "is of the unknown model 'nothing'"),
        (lambda c: c.pop("config"), "config.json: config: is missing"),
        (lambda c: c["config"].update(rnn="tree"), "has a configuration that hgr does not take"),
        (lambda c: c["config"].update(hidden=16), r"model.safetensors: .*: has shape"),
        (lambda c: c["config"].update(num_layers=3), r"model.safetensors: .*: is missing"),
        (lambda c: c["config"].update(num_layers=1), r"model.safetensors: .*: is no weight of the model"),
    ],
)
def test_a_wrong_config_is_explained(folder: SimpleNamespace, edit: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        HGR.from_pretrained(folder.change(edit))


def test_damaged_and_missing_files(folder: SimpleNamespace) -> None:
    Vocabulary(["one"]).save(folder.path / "vocabulary.json")
    with pytest.raises(DataError, match=r"vocabulary.json: is damaged, or not of the config.json beside it"):
        HGR.from_pretrained(folder.path)
    (folder.path / "vocabulary.json").write_text('{"format": 3')
    with pytest.raises(DataError, match=r"vocabulary.json"):
        HGR.from_pretrained(folder.path)
    (folder.path / "vocabulary.json").unlink()
    with pytest.raises(DataError, match=r"vocabulary.json: is missing, a file of 8 words \(copy the whole folder\)"):
        HGR.from_pretrained(folder.path)
    WORDS.save(folder.path / "vocabulary.json")
    whole = (folder.path / "model.safetensors").read_bytes()
    for damaged in (whole[:-100], whole[:5], b"", b"\xff" * 8 + whole[8:], b"nothing"):
        (folder.path / "model.safetensors").write_bytes(damaged)
        with pytest.raises(DataError, match=r"model.safetensors: is damaged"):
            HGR.from_pretrained(folder.path)
    (folder.path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"model.safetensors: is damaged"):
        HGR.from_pretrained(folder.path)
    (folder.path / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"model.safetensors: no such file"):
        HGR.from_pretrained(folder.path)
    (folder.path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config.json: is not json"):
        HGR.from_pretrained(folder.path)
    with pytest.raises(DataError, match="no such folder"):
        HGR.from_pretrained(folder.path / "nowhere" / "else")


def test_scores_come_from_the_file(folder: SimpleNamespace) -> None:
    weights = load_file(folder.path / "model.safetensors")
    weights["text_encoder.roles.weight"].fill_(0.25)
    save_file(weights, folder.path / "model.safetensors")
    with pytest.raises(DataError, match=r"model.safetensors: is damaged, or not of the config.json beside it"):
        HGR.from_pretrained(folder.path)
    folder.change(lambda content: content.pop("sha256"))  # as older versions write it
    assert not torch.equal(scores(HGR.from_pretrained(folder.path)), scores(folder.model))


def test_the_hub_s_mixin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    model = hub_class(HGR)(**{key: SMALL[key] for key in ("vocab_size", "video_dim", "hidden", "word_dim")}).eval()
    model.vocabulary = WORDS
    assert isinstance(model, hub.ModelHubMixin)
    assert registered_name(model) == "hgr"
    model.save_pretrained(tmp_path / "folder")
    loaded = hub_class(HGR).from_pretrained(tmp_path / "folder", max_frames=2)
    assert loaded.config["max_frames"] == 2
    assert loaded.vocabulary == WORDS
    assert registered_name(loaded) == "hgr"

    def offline(*_: Any, **__: Any) -> str:
        raise OSError("no network")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    with pytest.raises(DataError, match="me/other: is no folder and cannot be had from the Hub: no network"):
        RetrievalModel.from_pretrained("me/other")


def test_an_unregistered_model_is_refused(tmp_path: Path) -> None:
    class Own(RetrievalModel):
        encode_video = encode_text = loss = None  # type: ignore[assignment]

    with pytest.raises(DataError, match="Own: is not a registered model"):
        Own().save_pretrained(tmp_path)
