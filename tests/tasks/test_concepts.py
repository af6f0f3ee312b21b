"""Labels reach the loss: from captions to graphs, batches, embeddings, checkpoints and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.datasets import RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import HGR, MCSAN, HANet
from graphvtr.nn.models.concept_model import LABELS, VIDEO_LABELS
from graphvtr.tasks import concepts as tasks_concepts
from graphvtr.tasks.checkpoint import CheckpointInfo, load
from graphvtr.tasks.concepts import concept_vocabulary, concepts_of
from graphvtr.tasks.evaluate import evaluate
from graphvtr.tasks.prepare import build_model, make_vocabulary, prepare, prepare_training
from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import ConceptExtractor

pytest.importorskip("spacy")
SMALL = {"hidden": 8, "word_dim": 4, "sentence": None}


def test_labels_of_captions_and_videos(toy_dataset) -> None:
    dataset = toy_dataset(videos=4, captions=2)
    vocabulary = make_vocabulary(dataset)
    model = build_model("mcsan", dataset, vocabulary, SMALL)
    assert isinstance(model, MCSAN)
    assert set(model.concepts.concepts["entity"]) == {"dog", "cat", "man", "cow"}
    assert model.concepts.sizes["relationship"] == 0  # a dog runs: nobody is run
    prepared = prepare_training(dataset, model, vocabulary)
    names = model.concepts.names
    for caption, concepts in enumerate(concepts_of(dataset)):
        ids = prepared.role_graphs[caption]["concept"].id.tolist()
        assert {names[i] for i in ids} == {*concepts.entities, *concepts.actions}
    for video in range(4):
        of_captions = [prepared.role_graphs[c]["concept"].id.tolist() for c in (2 * video, 2 * video + 1)]
        for caption in (2 * video, 2 * video + 1):
            found = prepared.role_graphs[caption]["video_concept"].id.tolist()
            assert found == sorted(set(of_captions[0] + of_captions[1]))
    text = model.encode_text(prepared.role_graphs.batch([3, 0]))
    for labels, node in ((LABELS, "concept"), (VIDEO_LABELS, "video_concept")):
        expected = torch.zeros(2, len(names))
        for row, caption in enumerate((3, 0)):
            expected[row, prepared.role_graphs[caption][node].id] = 1.0
        torch.testing.assert_close(text[labels].x, expected)
    assert "concept" not in dataset.role_graphs.nodes  # the dataset itself stays as it was


def test_labels_are_those_of_whole_captions_however_they_are_cut(toy_dataset) -> None:
    dataset = toy_dataset(videos=3, captions=1)
    vocabulary = make_vocabulary(dataset)
    model = build_model("hanet", dataset, vocabulary, {"hidden": 8, "word_dim": 4, "max_words": 1})
    prepared = prepare_training(dataset, model, vocabulary)
    assert all(len(graph.words) == 1 for graph in prepared.role_graphs)
    assert all(len(graph["concept"].id) for graph in prepared.role_graphs)


def test_other_models_and_other_splits_stay_as_they_are(toy_dataset, toy_model) -> None:
    dataset = toy_dataset()
    vocabulary = make_vocabulary(dataset)
    hgr = toy_model()
    assert isinstance(hgr, HGR)
    assert "concept" not in prepare_training(dataset, hgr, vocabulary).role_graphs.nodes
    mcsan = build_model("mcsan", dataset, vocabulary, SMALL)
    assert "concept" not in prepare(dataset, mcsan, vocabulary).role_graphs.nodes


def test_sizes_are_options(toy_dataset) -> None:
    dataset = toy_dataset()
    model = build_model("hanet", dataset, make_vocabulary(dataset), {"hidden": 8, "concept_sizes": [2, 1, 5]})
    assert isinstance(model, HANet)
    assert model.concepts.sizes == {"entity": 2, "action": 1, "relationship": 0}
    assert concept_vocabulary(dataset, (1, 1, 1)).sizes == {"entity": 1, "action": 1, "relationship": 0}


@pytest.mark.parametrize(("name", "options"), [("mcsan", SMALL), ("hanet", {"hidden": 8, "word_dim": 4})])
def test_training_evaluation_and_checkpoint(name, options, toy_dataset, tmp_path: Path) -> None:
    pytest.importorskip("pytorch_lightning")
    train, val = toy_dataset("train", 6), toy_dataset("val", 4)
    vocabulary = make_vocabulary(train)
    torch.manual_seed(0)
    model = build_model(name, train, vocabulary, {**options, "mining": "all"})
    settings = TrainOptions(epochs=2, batch_size=6, lr=0.01, device="cpu")
    result = fit(model, vocabulary, train, val, tmp_path / "run", settings, progress=False)
    best = load(result.best)
    again, info = best.vocabulary, CheckpointInfo.of(best)
    assert (again, info.model) == (vocabulary, name)
    assert best.concepts == model.concepts
    found = evaluate(best, prepare(val, best, vocabulary)).fused.metrics["rsum"]
    assert found == pytest.approx(max(result.scores))
    longer = TrainOptions(epochs=3, batch_size=6, lr=0.01, device="cpu")
    resumed = fit(model, vocabulary, train, val, tmp_path / "run", longer, resume=True, progress=False)
    assert len(resumed.scores) == 3


def test_captions_without_any_concept(toy_dataset, tmp_path: Path) -> None:
    """Nothing to name: the heads are empty, and the model trains on the rest of its loss."""
    pytest.importorskip("pytorch_lightning")
    graphs = GraphStore.from_graphs([RoleGraph.build([word], [], [], []) for word in ("red", "slowly", "he")])
    clips = GraphStore.from_graphs([VideoGraph.build(torch.randn(2, 3)) for _ in range(3)])
    dataset = RetrievalDataset("odd", "train", ["a", "b", "c"], ["red", "slowly", "he"], torch.arange(3), clips, graphs)
    vocabulary = make_vocabulary(dataset)
    for name, options in (("mcsan", SMALL), ("hanet", {"hidden": 8, "word_dim": 4})):
        model = build_model(name, dataset, vocabulary, options)
        assert len(model.concepts) == 0
        settings = TrainOptions(epochs=1, batch_size=3, device="cpu")
        fit(model, vocabulary, dataset, dataset, tmp_path / name, settings, progress=False)


def test_concepts_of_many_captions_are_found_once(toy_dataset, tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(tasks_concepts, "PACKED", 1)
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    found = concepts_of(toy_dataset(videos=4, captions=2))
    (file,) = tmp_path.glob("concepts-*.json")
    with monkeypatch.context() as patch:
        patch.setattr(ConceptExtractor, "extract", None)  # is not asked
        assert concepts_of(toy_dataset(videos=4, captions=2)) == found
    assert concepts_of(toy_dataset(videos=3, captions=2)) == found[:6]  # other captions, another file
    content = file.read_bytes().replace(b"dog", b"dig", 1)
    file.write_bytes(content)
    assert concepts_of(toy_dataset(videos=4, captions=2)) == found
    assert "is made anew" in caplog.text
    assert file.read_bytes() != content
