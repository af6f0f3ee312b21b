"""Region attention maps: what is painted where, and what stands in the picture."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from graphvtr.errors import DataError
from graphvtr.plot import plot_region_attention, region_attention_image, region_attention_images

matplotlib.use("Agg")

BOX = np.array([[0.0, 0.0, 0.5, 0.5], [0.25, 0.25, 1.0, 1.0]])


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_higher_score_is_seen_where_boxes_overlap(order: list[int]) -> None:
    image = region_attention_image(BOX[order], np.array([0.2, 0.8])[order], 4, 4)
    wanted = [[0.2, 0.2, 0, 0], [0.2, 0.8, 0.8, 0.8], [0, 0.8, 0.8, 0.8], [0, 0.8, 0.8, 0.8]]
    np.testing.assert_allclose(image, wanted, rtol=1e-6)


@pytest.mark.parametrize("box", [[0.5, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1e-6, 1e-6]])
def test_a_box_without_area_covers_a_pixel(box: list[float]) -> None:
    assert (region_attention_image(np.array([box]), np.ones(1), 5, 7) > 0).sum() == 1


def test_boxes_over_the_edge_are_cut() -> None:
    image = region_attention_image(np.array([[-1.0, 0.5, 2.0, 9.0]]), np.ones(1), 4, 3)
    assert image.tolist() == [[0] * 3, [0] * 3, [1] * 3, [1] * 3]


def test_frames_have_their_own_regions() -> None:
    maps = region_attention_images(BOX, np.array([0.5, 1.0]), np.array([0, 2]), 3, 4, 4)
    assert maps.shape == (3, 4, 4)
    assert maps.max(axis=(1, 2)).tolist() == [0.5, 0.0, 1.0]
    assert region_attention_images(BOX[:0], np.zeros(0), np.zeros(0, dtype=int), 0, 4, 4).shape == (0, 4, 4)


def test_a_row_a_frame_caption_on_top() -> None:
    frames = np.full((5, 8, 12, 3), 100, dtype=np.uint8)
    figure = plot_region_attention(
        frames, BOX, np.array([0.4, 0.6]), np.array([0, 0]), caption="a dog barks", time=np.arange(5) / 2, rows=3
    )
    left, right = [figure.axes[place] for place in (0, 2, 4)], [figure.axes[place] for place in (1, 3, 5)]
    assert figure.get_suptitle() == "a dog barks"
    assert [axis.get_ylabel() for axis in left] == ["0.0 s", "1.0 s", "2.0 s"]
    assert len(left[0].lines) == 2  # the leading box, outlined twice
    assert len(left[1].lines) == 0
    assert [text.get_text() for text in right[1].texts] == ["no regions"]
    painted = right[0].images[0].get_array()
    assert painted[7, 11].sum() > painted[0, 0].sum() > painted[0, 11].sum()  # highest score, lower, none
    plt.close(figure)
    figure = plot_region_attention(frames[:2], BOX, np.array([0.4, 0.6]), np.array([0, 1]))
    assert [figure.axes[place].get_ylabel() for place in (0, 2)] == ["frame 0", "frame 1"]
    plt.close(figure)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: region_attention_image(BOX, np.ones(3), 4, 4), "box"),
        (lambda: region_attention_image(BOX[0], np.ones(4), 4, 4), "box"),
        (lambda: region_attention_image(BOX, -np.ones(2), 4, 4), "score"),
        (lambda: region_attention_image(BOX, np.full(2, np.nan), 4, 4), "score"),
        (lambda: region_attention_image(BOX, np.ones(2), 0, 4), "the map"),
        (lambda: region_attention_images(BOX, np.ones(2), np.array([0, 3]), 3, 4, 4), "frame"),
        (lambda: region_attention_images(BOX, np.ones(2), np.array([0]), 3, 4, 4), "frame"),
        (lambda: plot_region_attention(np.zeros((0, 4, 4, 3), np.uint8), BOX, np.ones(2), np.zeros(2, int)), "frames"),
        (lambda: plot_region_attention(np.zeros((1, 4, 4), np.uint8), BOX, np.ones(2), np.zeros(2, int)), "frames"),
        (
            lambda: plot_region_attention(np.zeros((1, 4, 4, 3), np.uint8), BOX, np.ones(2), np.zeros(2, int), rows=0),
            "rows",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, named: str) -> None:
    with pytest.raises(DataError, match=f"^{named}: "):
        call()
