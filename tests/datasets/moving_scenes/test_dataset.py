from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.datasets import DATASETS, DataSource, build_dataset
from graphvtr.datasets.moving_scenes import KINDS, SPLITS, MovingScenes, composition
from graphvtr.datasets.moving_scenes.features import FRAME_DIM, REGION_DIM, frame_features
from graphvtr.errors import DataError
from graphvtr.text import Vocabulary
from graphvtr.video import FEATURIZERS

Splits = dict[str, MovingScenes]


def test_counts(splits: Splits) -> None:
    assert {name: len(scenes.videos) for name, scenes in splits.items()} == {
        "train": 83,
        "val": 9,
        "test": 14,
        "test_unseen": 14,
    }
    for scenes in splits.values():
        assert len(scenes.captions) == len(scenes.role_graphs) == 5 * len(scenes.videos)
        assert scenes.video_of_caption.tolist() == [v for v in range(len(scenes.videos)) for _ in range(5)]
        assert len(scenes.video_graphs) == len(scenes.scripts) == len(scenes.videos)
        assert len(scenes.templates) == len(scenes.captions)
        assert len(scenes.negatives) == len(scenes.negative_graphs) == len(scenes.caption_of_negative)


@pytest.mark.parametrize("split", SPLITS)
def test_all_graphs_are_valid(splits: Splits, split: str) -> None:
    scenes = splits[split]
    for position, graph in enumerate(scenes.video_graphs):
        assert graph.validate()
        assert graph.name == scenes.videos[position]
        assert tuple(graph["frame"].x.shape) == (16, FRAME_DIM)
        assert graph["frame"].time.tolist() == [0.25 * t for t in range(16)]
        assert graph["region"].x.size(1) == REGION_DIM
        assert graph["frame"].x.dtype == graph["region"].x.dtype == torch.float32
        assert int(graph["region"].track.min()) >= 0
        assert int(graph["region"].track.max()) < len(scenes.script(position).things)
    for graph, caption in zip(scenes.role_graphs, scenes.captions, strict=True):
        assert graph.validate()
        assert graph.caption == caption
    assert all(graph.validate() for graph in scenes.negative_graphs)


def test_batches(splits: Splits) -> None:
    batch = splits["val"].video_graphs.batch([2, 0])
    assert batch.num_graphs == 2
    assert batch["region"].frame.max() < 32
    video, text = splits["val"][7]
    assert video.name == splits["val"].videos[1]
    assert text.caption == splits["val"].captions[7]


def test_splits_share_nothing(splits: Splits) -> None:
    names = [name for scenes in splits.values() for name in scenes.videos]
    assert len(set(names)) == len(names)
    events = [tuple(s.signature(e) for e in s.events) for scenes in splits.values() for s in scenes.scripts]
    assert len(set(events)) == len(events)


def test_no_caption_is_said_of_two_clips(splits: Splits) -> None:
    counts = Counter(text for scenes in splits.values() for text in scenes.captions)
    assert max(counts.values()) == 1


def test_unseen_compositions(splits: Splits) -> None:
    def compositions(name: str) -> set[tuple[str, str, str]]:
        found = {composition(s.things, e) for s in splits[name].scripts for e in s.events}
        return {key for key in found if key is not None}

    for name in ("train", "val", "test"):
        assert not compositions(name) & compositions("test_unseen")


def test_frames_are_those_of_the_features(splits: Splits) -> None:
    scenes = splits["test"]
    for clip in (0, 5):
        frames = scenes.frames(clip)
        assert frames.shape == (16, 64, 64, 3)
        assert frames.dtype == torch.uint8
        torch.testing.assert_close(
            scenes.video_graphs[clip]["frame"].x, torch.from_numpy(frame_features(frames.numpy())), atol=4e-3, rtol=0
        )  # stored in half precision


def test_boxes_hold_the_colour_of_their_thing(splits: Splits) -> None:
    from graphvtr.datasets.moving_scenes.world import COLOUR_RGB, COLOURS

    scenes, right, total = splits["test"], 0, 0
    for clip in range(len(scenes.videos)):
        region, frames = scenes.video_graphs[clip]["region"], scenes.frames(clip).numpy().astype(float)
        for row in range(0, len(region.frame), 7):
            if region.score[row] < 0.95:
                continue
            x0, y0, x1, y1 = (region.box[row] * 64).round().int().tolist()
            pixels = frames[region.frame[row], y0:y1, x0:x1].reshape(-1, 3)
            thing = scenes.script(clip).things[region.track[row]]
            near = {c: (np.linalg.norm(pixels - COLOUR_RGB[c], axis=1) < 30).sum() for c in COLOURS}
            right += near[thing.colour] > 0
            total += 1
    assert total > 60
    assert right == total


def test_negatives(splits: Splits) -> None:
    scenes = splits["test_unseen"]
    assert {line["kind"] for line in scenes.negatives} == set(KINDS)
    for line, caption, graph in zip(
        scenes.negatives, scenes.caption_of_negative.tolist(), scenes.negative_graphs, strict=True
    ):
        assert set(line) == {"video", "positive", "negative", "kind"}
        assert line["positive"] == scenes.captions[caption]
        assert line["video"] == scenes.videos[int(scenes.video_of_caption[caption])]
        assert graph.caption == line["negative"] != line["positive"]


def test_words_are_encoded_everywhere(splits: Splits) -> None:
    scenes = splits["val"]
    vocabulary = Vocabulary.from_captions(scenes.words())
    scenes.encode_words(vocabulary)
    assert scenes.role_graphs[0]["word"].id.tolist() == vocabulary.ids(scenes.role_graphs[0].words)
    assert scenes.negative_graphs[0]["word"].id.tolist() == vocabulary.ids(scenes.negative_graphs[0].words)


def test_distractors_are_shown(tmp_path: Path) -> None:
    scenes = MovingScenes(tmp_path, "val", num_clips=20, distractors=6, workers=0, progress=False)
    for clip, script in enumerate(scenes.scripts):
        assert len(script.bystanders) == 6
        region = scenes.video_graphs[clip]["region"]
        assert set(script.bystanders) <= set(region.track.tolist())


class Brightness:
    """A featurizer of one number a frame."""

    name, version, dim = "brightness", "1", 1

    def __init__(self, device: str = "cpu") -> None:
        self.settings = {"device": device}

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        assert frames.dtype == torch.uint8
        return frames.float().mean(dim=(1, 2, 3))[:, None]


def test_features_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FEATURIZERS._entries, "brightness", Brightness)
    scenes = MovingScenes(tmp_path, "val", num_clips=20, features="brightness", workers=0, progress=False)
    assert scenes.video_dim == 1
    wanted = scenes.frames(0).float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(scenes.video_graphs[0]["frame"].x[:, 0], wanted, atol=0.1, rtol=1e-3)
    assert scenes.video_graphs[0]["region"].x.size(1) == REGION_DIM


def test_library_features(tmp_path: Path) -> None:
    scenes = MovingScenes(tmp_path, "val", num_clips=20, features="pixels", workers=0, progress=False)
    assert scenes.video_dim == 416


def test_by_name(cache_root: Path, splits: Splits) -> None:
    source = DataSource(cache=cache_root, options={"num_clips": 120, "workers": 0})
    scenes = build_dataset("moving_scenes", "val", source)
    assert isinstance(scenes, MovingScenes)
    assert scenes.captions == splits["val"].captions
    assert "moving_scenes" in DATASETS


def test_parsed_instead_of_gold(cache_root: Path) -> None:
    pytest.importorskip("spacy")
    source = DataSource(cache=cache_root, parser="spacy", options={"num_clips": 120, "workers": 0})
    scenes = build_dataset("moving_scenes", "val", source)
    assert [graph.caption for graph in scenes.role_graphs] == scenes.captions


def test_cache_folder_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    MovingScenes(split="val", num_clips=20, workers=0, progress=False)
    assert (tmp_path / "moving_scenes").is_dir()


def test_unknown_split_and_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="test_unseen"):
        MovingScenes(tmp_path, "dev")
    with pytest.raises(DataError, match="option 'clips'"):
        build_dataset("moving_scenes", "val", DataSource(cache=tmp_path, options={"clips": 20}))


def test_bar_only_when_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    MovingScenes(tmp_path, "val", num_clips=20, workers=0, progress=False)
    assert capsys.readouterr().err == ""
    MovingScenes(tmp_path, "val", num_clips=21, workers=0, progress=True)
    assert "moving scenes" in capsys.readouterr().err
