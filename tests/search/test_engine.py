"""Search: the ranking is the model's, the moments are those of the attention."""

from __future__ import annotations

import json
import weakref
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import HGR, LevelEmbeddings
from graphvtr.search import SearchEngine, engine, format_results
from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint
from graphvtr.text import Vocabulary, get_parser
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

QUERY = "a red dog chases a cat"
WIDTH = 6


@dataclass
class Files:
    store: Path
    checkpoint: Path
    model: HGR
    vocabulary: Vocabulary


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Seven clips of different length, and a model with random weights."""
    store = FeatureStore.create(tmp_path / "store", {"frame_x": WIDTH})
    for index in range(7):
        frames = 1 + index % 4
        store.add(f"clip {index}", {"frame_x": torch.randn(frames, WIDTH), "frame_time": torch.arange(frames) + 0.5})
    vocabulary = Vocabulary.from_captions([QUERY.split()])
    model = HGR(len(vocabulary), WIDTH, hidden=8, word_dim=4).eval()
    checkpoint = tmp_path / "model.ckpt"
    save_checkpoint(checkpoint, model, vocabulary, CheckpointInfo("hgr", video_dim=WIDTH))
    return Files(tmp_path / "store", checkpoint, model, vocabulary)


def scores(files: Files, graph: RoleGraph) -> dict[str, float]:
    """Score of every clip, one pair at a time."""
    store = FeatureStore.open(files.store)
    out = {}
    with torch.no_grad():
        for name in store.names:
            text = files.model.encode_text(files.vocabulary.encode(graph))
            out[name] = float(files.model.similarity(files.model.encode_video(store.video_graph(name)), text))
    return out


def test_ranking_is_that_of_the_model(files: Files) -> None:
    engine = SearchEngine.from_files(files.checkpoint, files.store)
    results = engine.search(QUERY, top=4)
    expected = scores(files, get_parser("spacy").parse_one(QUERY))
    best = sorted(expected, key=lambda name: -expected[name])[:4]
    assert [result.name for result in results] == best
    for result in results:
        assert result.score == pytest.approx(expected[result.name], abs=1e-6)
        assert result.score == pytest.approx(sum(result.levels.values()) / 3, abs=1e-6)


def test_phrases_point_to_frames(files: Files) -> None:
    engine = SearchEngine.from_files(files.checkpoint, files.store)
    store = FeatureStore.open(files.store)
    for result in engine.search(QUERY, top=7):
        clip = store.video_graph(result.name)
        assert {(match.level, match.phrase, match.role) for match in result.phrases} == {
            ("action", "chases", "V"), ("entity", "a red dog", "ARG0"), ("entity", "a cat", "ARG1"),
        }  # fmt: skip
        for match in result.phrases:
            assert match.weights.shape == (clip.num_frames,)
            assert float(match.weights.sum()) == pytest.approx(1, abs=1e-5)
            assert match.weight == pytest.approx(float(match.weights.max()))
            assert match.time == float(clip["frame"].time[match.weights.argmax()])


def test_top_may_exceed_the_store(files: Files) -> None:
    assert len(SearchEngine.from_files(files.checkpoint, files.store).search("dogs", top=100)) == 7


def test_small_batches_change_nothing(files: Files) -> None:
    videos = FeatureStore.open(files.store).video_graphs()
    parser = get_parser("spacy")
    whole = SearchEngine(files.model, files.vocabulary, videos, parser)
    pieces = SearchEngine(files.model, files.vocabulary, videos, parser, batch_size=2)
    for a, b in zip(whole.search(QUERY), pieces.search(QUERY), strict=True):
        assert a.name == b.name
        assert a.score == pytest.approx(b.score, abs=1e-6)


def test_clips_are_read_batch_by_batch(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many clips there are: the features of a batch are gone when the next one is embedded."""
    encode, seen, sizes = files.model.encode_video, [], []

    def watched(batch: VideoGraph) -> LevelEmbeddings:
        assert all(features() is None for features in seen)
        seen.append(weakref.ref(batch["frame"].x))
        sizes.append(batch.num_graphs)
        return encode(batch)

    def refused(*_: object) -> None:
        raise AssertionError("the whole store was read")

    whole = SearchEngine(
        files.model, files.vocabulary, FeatureStore.open(files.store).video_graphs(), get_parser("spacy")
    )
    monkeypatch.setattr(files.model, "encode_video", watched)
    for name in ("video_graphs", "video_graph"):
        monkeypatch.setattr(FeatureStore, name, refused)
    graphs = DiskGraphs(FeatureStore.open(files.store))
    streamed = SearchEngine(files.model, files.vocabulary, graphs, get_parser("spacy"), batch_size=2)
    assert sizes == [2, 2, 2, 1]
    assert [result.name for result in streamed.search(QUERY)] == [result.name for result in whole.search(QUERY)]
    assert all(torch.equal(one, other) for one, other in zip(streamed.times, whole.times, strict=True))
    sizes.clear()
    monkeypatch.setattr(engine, "load_checkpoint", lambda path: (files.model, files.vocabulary, CheckpointInfo("hgr")))
    assert len(SearchEngine.from_files(files.checkpoint, files.store).names) == sum(sizes) == 7


def test_models_that_sample_frames_find_the_moments_of_the_sample(files: Files) -> None:
    model = HGR(len(files.vocabulary), WIDTH, hidden=8, word_dim=4, max_frames=2)
    videos = FeatureStore.open(files.store).video_graphs()
    search = SearchEngine(model, files.vocabulary, videos, get_parser("spacy"), batch_size=3)
    for position, times in enumerate(search.times):
        assert torch.equal(times, model.transform_video(videos[position])["frame"].time)
    assert {len(times) for times in search.times} == {1, 2}


def test_equal_scores_keep_the_order_of_the_store(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    # equal clips need not score the same to the last bit: a matrix product may round rows of one batch differently
    monkeypatch.setattr(files.model, "fuse", lambda level_scores: torch.ones_like(level_scores[0]))
    one = FeatureStore.open(files.store).video_graph("clip 3")
    engine = SearchEngine(files.model, files.vocabulary, GraphStore.from_graphs([one] * 5), get_parser("spacy"))
    engine.names = list("abcde")
    assert [result.name for result in engine.search(QUERY)] == list("abcde")


def test_format(files: Files) -> None:
    text = format_results(SearchEngine.from_files(files.checkpoint, files.store).search(QUERY, top=2))
    lines = text.splitlines()
    assert lines[0].startswith(" 1. clip")
    assert "event" in lines[0]
    assert any(line.split()[:4] == ["ARG0", "a", "red", "dog"] for line in lines)


def test_bad_queries_are_named(files: Files) -> None:
    engine = SearchEngine.from_files(files.checkpoint, files.store)
    with pytest.raises(DataError, match="empty"):
        engine.search("  ")
    with pytest.raises(DataError, match="word " * 5):
        engine.search("word " * 500)
    with pytest.raises(DataError, match="top: is 0"):
        engine.search(QUERY, top=0)


def test_command_prints_and_answers_in_json(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", str(files.checkpoint), "--store", str(files.store), "--top", "2"]
    assert main([*arguments, QUERY, "cats"]) == 0
    out = capsys.readouterr().out
    assert out.count(" 1. clip") == 2
    assert main([*arguments, "--json", QUERY]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["query"] == QUERY
    assert len(answer["results"]) == 2
    assert set(answer["results"][0]["levels"]) == {"event", "action", "entity"}


def test_files_that_do_not_fit_are_named(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = FeatureStore.create(tmp_path / "wide", {"frame_x": WIDTH + 1})
    wide.add("clip", {"frame_x": torch.zeros(1, WIDTH + 1), "frame_time": torch.zeros(1)})
    FeatureStore.create(tmp_path / "empty", {"frame_x": WIDTH})
    cases = {
        str(wide.path): f"{WIDTH + 1}",
        str(tmp_path / "empty"): "has no clips (run graphvtr extract)",
        str(tmp_path / "absent"): "is not a feature store",
    }
    for store, problem in cases.items():
        assert main(["search", str(files.checkpoint), "--store", store, QUERY]) == 2
        error = capsys.readouterr().err
        assert error.startswith("graphvtr: error: ")
        assert len(error.splitlines()) == 1
        assert problem in error
    assert main(["search", str(tmp_path / "none.ckpt"), "--store", str(files.store), QUERY]) == 2
    assert "none.ckpt: no such file" in capsys.readouterr().err
