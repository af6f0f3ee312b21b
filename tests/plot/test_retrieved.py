"""Galleries show the best results in order, marked right or wrong, with level scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.datasets import RetrievalDataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.errors import DataError
from graphvtr.plot import FoundCaption, Retrieved, plot_caption_gallery
from graphvtr.plot.clips import frames_of
from graphvtr.plot.retrieved import plot_side_by_side


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> MovingScenes:
    return MovingScenes(tmp_path_factory.mktemp("scenes"), "val", num_clips=40, workers=0, progress=False)


def test_text_to_video(scenes: MovingScenes) -> None:
    shape = (len(scenes.videos), len(scenes.captions))
    scores = torch.zeros(shape)
    scores[2, 0], scores[0, 0], scores[1, 0] = 0.9, 0.5, 0.1
    levels = torch.stack([scores, scores + 1])
    figure = Retrieved(scenes, scores, levels, ("event", "action")).plot([0])
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert titles == [
        f"✗ 1. {scenes.videos[2]}  0.900",
        f"✓ 2. {scenes.videos[0]}  0.500",
        f"✗ 3. {scenes.videos[1]}  0.100",
    ]
    assert figure.axes[1].get_xlabel() == "event 0.90  action 1.90"
    assert figure.axes[0].texts[0].get_text().replace("\n", " ")[:60] == scenes.captions[0][:60]
    right, wrong = figure.axes[2].spines["top"], figure.axes[1].spines["top"]
    assert right.get_linestyle() != wrong.get_linestyle()  # told apart in grey


def test_video_to_text(scenes: MovingScenes) -> None:
    shape = (len(scenes.videos), len(scenes.captions))
    scores = torch.zeros(shape)
    scores[1, 7], scores[1, 0] = 0.9, 0.5  # captions 5-9 are of clip 1
    figure = Retrieved(scenes, scores, torch.stack([scores]), ("event",)).plot([1], "v2t", top=2)
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts[0] == "✓ 0.900"
    assert texts[1].replace("\n", " ").startswith(f"1. {scenes.captions[7]}"[:40])
    assert "event 0.90" in texts[1]
    assert texts[2] == "✗ 0.500"
    assert figure.axes[0].get_title(loc="left") == scenes.videos[1]


def test_two_models_side_by_side(scenes: MovingScenes) -> None:
    shape = (len(scenes.videos), len(scenes.captions))
    models = []
    for best in (0, 1):  # caption 0 is of clip 0: the first model is right, the second is not
        scores = torch.zeros(shape)
        scores[best, 0], scores[0, 7 * best] = 0.9, 0.8
        models.append(Retrieved(scenes, scores, torch.stack([scores]), ("event",)))
    figure = plot_side_by_side(models, ["with", "without"], [0], top=1)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert [title[0] for title in titles] == ["✓", "✗"]
    queries = [ax.texts[0].get_text().replace("\n", " ") for ax in (figure.axes[0], figure.axes[2])]
    assert [query.startswith(name) for query, name in zip(queries, ("[with]", "[without]"), strict=True)] == [
        True,
        True,
    ]
    figure = plot_side_by_side(models, ["with", "without"], [0], "v2t", top=1)
    assert [ax.get_title(loc="left")[-9:] for ax in figure.axes if ax.get_title(loc="left")][1] == "[without]"
    with pytest.raises(DataError, match="models: are 2 for 1 names"):
        plot_side_by_side(models, ["with"], [0])


def without_pictures(scenes: MovingScenes) -> RetrievalDataset:
    return RetrievalDataset(
        "plain",
        "test",
        scenes.videos,
        scenes.captions,
        scenes.video_of_caption,
        scenes.video_graphs,
        scenes.role_graphs,
    )


def test_clips_without_pictures_are_shown_by_another_caption(scenes: MovingScenes) -> None:
    plain = without_pictures(scenes)
    scores = torch.zeros(len(scenes.videos), len(scenes.captions))
    scores[0, 0], scores[2, 0] = 0.9, 0.5
    found = Retrieved(plain, scores, scores[None], ("event",))
    figure = found.plot([0], top=2)
    cards = [ax.texts[0].get_text().replace("\n", " ") for ax in figure.axes[1:]]
    other = next(caption for caption in scenes.captions[1:5] if caption != scenes.captions[0])
    assert cards[0][:30] == other[:30]
    assert cards[1][:30] == scenes.captions[10][:30]
    assert figure.axes[1].get_title(loc="left").startswith("✓ 1.")
    card = found.plot([1], "v2t").axes[0]
    assert card.texts[0].get_text().replace("\n", " ")[:30] == scenes.captions[5][:30]
    assert not card.images


def test_long_captions_stay_in_their_rows() -> None:
    clip = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    levels = {f"concept_{i}": 0.1 for i in range(7)}
    found = [FoundCaption("word " * 200, 0.5, True, levels), FoundCaption("b" * 300, 0.4, False, levels)]
    figure = plot_caption_gallery([clip, clip], [found, found])
    figure.canvas.draw()
    for ax in figure.axes[1::2]:
        boxes = [text.get_window_extent() for text in ax.texts if "\n" in text.get_text()]
        assert not boxes[0].overlaps(boxes[1])


def test_errors(scenes: MovingScenes, tmp_path: Path) -> None:
    scores = torch.zeros(len(scenes.videos), len(scenes.captions))
    with pytest.raises(DataError, match=r"level_scores: have shape"):
        Retrieved(scenes, scores, scores[None, :1], ("event",))
    assert frames_of(without_pictures(scenes), 0, [0.0]) is None
    with pytest.raises(DataError, match="holds no clips"):
        frames_of(without_pictures(scenes), 0, [0.0], tmp_path)
    with pytest.raises(DataError, match="found: does not fit"):
        plot_caption_gallery([], [])
    assert frames_of(scenes, 0, [0.0, 1.0]).shape == (2, 64, 64, 3)
