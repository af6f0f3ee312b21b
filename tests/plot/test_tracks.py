from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.plot import TrackedClip, plot_tracks

pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_window():
    import matplotlib

    matplotlib.use("Agg")
    yield
    matplotlib.pyplot.close("all")


def graph(track: list[int] | None) -> VideoGraph:
    """Three frames of two regions each."""
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]]).repeat(3, 1)
    return VideoGraph.build(
        torch.zeros(3, 2),
        region_x=torch.zeros(6, 2),
        region_box=box,
        region_frame=torch.tensor([0, 0, 1, 1, 2, 2]),
        region_score=torch.tensor([0.2, 0.9] * 3),
        region_track=None if track is None else torch.tensor(track),
    )


def clip(track: list[int] | None, count: int = 3) -> TrackedClip:
    return TrackedClip(graph(track), torch.zeros(count, 20, 40, 3, dtype=torch.uint8), list(range(count)), "a clip")


def test_boxes_have_the_colour_and_number_of_their_track():
    figure = plot_tracks([clip([0, 1, 0, 1, 0, -1])])
    texts = [[text.get_text() for text in axis.texts] for axis in figure.axes]
    assert texts == [["1", "2"], ["1", "2"], ["2"]]  # the second track has the larger scores
    assert figure.axes[0].get_title(loc="left") == "a clip  0.0 s"
    first = figure.axes[0].texts[0].get_bbox_patch().get_facecolor()
    assert figure.axes[1].texts[0].get_bbox_patch().get_facecolor() == first
    x, y = figure.axes[0].texts[0].get_position()
    assert (x, y) == (40 / 2 - 0.5 + 1, 20 / 2 - 0.5 + 1)
    assert len(figure.axes[0].lines) == 2  # two boxes
    assert len(figure.axes[1].lines) == 4  # and the ways of both
    assert len(figure.axes[2].lines) == 3  # the third frame's second region belongs to nobody


def test_classes_are_written_beside_their_tracks():
    found = graph([0, 1, 0, 1, 0, 1])
    found["region"].label = torch.tensor([0, 1, 0, 1, -1, 0])  # of track 1 two of three say: cat
    pictures = torch.zeros(3, 20, 40, 3, dtype=torch.uint8)
    figure = plot_tracks([TrackedClip(found, pictures, [0, 1, 2], "a clip", ("dog", "cat"))])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1 cat", "2 dog"]
    bare = plot_tracks([TrackedClip(found, pictures, [0, 1, 2], "a clip", ("dog",))])  # fewer names than classes
    assert [text.get_text() for text in bare.axes[0].texts] == ["1", "2 dog"]


def test_numbers_of_tracks_may_be_any():
    figure = plot_tracks([clip([7, 2**40, 7, 2**40, 7, 2**40])])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "2"]


def test_only_the_main_tracks_are_coloured():
    figure = plot_tracks([clip([0, 1, 0, 1, 0, 1])], tracks=1)
    assert [text.get_text() for text in figure.axes[0].texts] == ["1"]
    assert len(figure.axes[0].lines) == 2
    bare = plot_tracks([clip([0, 1, 0, 1, 0, 1])], tracks=1, others=False)
    assert len(bare.axes[0].lines) == 1


def test_clips_without_tracks_and_of_other_lengths():
    figure = plot_tracks([clip(None), clip([0] * 6, 1)])
    assert len(figure.axes) == 6
    assert not figure.axes[0].texts
    assert not figure.axes[5].images


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "clips: are none"),
        (
            [TrackedClip(VideoGraph.build(torch.zeros(1, 2)), torch.zeros(1, 2, 2, 3), [0], "b")],
            "clip 'b': has no regions",
        ),
        ([TrackedClip(graph(None), torch.zeros(2, 2, 2, 3), [0], "b")], "clip 'b': has 2 pictures"),
    ],
)
def test_what_cannot_be_drawn_is_refused(clips, message):
    with pytest.raises(DataError, match=message):
        plot_tracks(clips)
