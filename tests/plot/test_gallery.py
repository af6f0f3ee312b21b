"""Galleries: who is right is said by colour and by mark."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from graphvtr.errors import DataError
from graphvtr.plot import Hit, plot_gallery

matplotlib.use("Agg")


def clip(value: int, frames: int = 5) -> np.ndarray:
    return np.full((frames, 8, 12, 3), value, dtype=np.uint8)


def test_rows_are_queries_and_columns_ranks() -> None:
    hits = [[Hit(clip(10), 0.9, True, "a"), Hit(clip(20, 1), 0.5, False, "b")]] * 3
    figure = plot_gallery(["one", "two", "three"], hits, frames_per_clip=2)
    axes = np.array(figure.axes).reshape(3, 3)
    assert [ax.texts[0].get_text() for ax in axes[:, 0]] == ["one", "two", "three"]
    right, wrong = axes[1, 1], axes[1, 2]
    assert right.get_title(loc="left").startswith("✓ 1. a")
    assert wrong.get_title(loc="left").startswith("✗ 2. b")
    assert to_hex(right.spines["top"].get_edgecolor()) != to_hex(wrong.spines["top"].get_edgecolor())
    assert right.images[0].get_array().shape[1] > 2 * 12  # two frames and the gap
    assert wrong.images[0].get_array().shape[1] == 12  # a clip of one frame shows one
    plt.close(figure)


def test_many_levels_stay_below_their_clips() -> None:
    levels = {f"concept_{i}": 0.25 for i in range(7)}
    hits = [Hit(clip(1), 0.5, True, "a", levels), Hit(None, 0.4, False, "b", levels, "a caption " * 40)]
    figure = plot_gallery(["a query"] * 2, [hits, hits])
    figure.canvas.draw()
    labels = [ax.xaxis.label for ax in figure.axes if ax.get_xlabel()]
    assert [label.get_text().split() for label in labels] == [[x for n in levels for x in (n, "0.25")]] * 4
    boxes = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 for box in boxes)
    plt.close(figure)


def test_rows_are_as_high_as_they_need() -> None:
    def height(query: str, frames: int) -> float:
        figure = plot_gallery([query] * 2, [[Hit(clip(1), 0.5, True, "a")]] * 2, frames_per_clip=frames)
        plt.close(figure)
        return float(figure.get_figheight())

    assert height("short", 5) < height("short", 2) < height("short", 1)
    assert height("short", 5) < height("a caption of many words " * 4, 5)


def test_signs_are_signs() -> None:
    figure = plot_gallery(["$5 for a_b, $6"], [[Hit(clip(1), 0.5, True, "$x_1$", {"a_b$c$": 0.1})]])
    figure.canvas.draw()
    texts = [*figure.axes[0].texts, figure.axes[1].xaxis.label, *figure.axes[1].findobj(plt.Text)]
    assert not any(text.get_parse_math() for text in texts if "$" in text.get_text())
    assert "✓ 1. $x_1$  0.500" in {text.get_text() for text in texts}
    plt.close(figure)


@pytest.mark.parametrize(
    ("queries", "hits"),
    [([], []), (["one"], []), (["one"], [[]]), (["a", "b"], [[Hit(clip(1), 0.0, True)], []])],
)
def test_what_does_not_fit_is_refused(queries: list[str], hits: list[list[Hit]]) -> None:
    with pytest.raises(DataError, match="give every query the same number of clips"):
        plot_gallery(queries, hits)


def test_long_names_keep_the_end_that_tells_them_apart():
    names = [f"Subject1/making_cereal/1204142227/{place}-{place + 1}" for place in (10, 11)]
    figure = plot_gallery(["a person eats"], [[Hit(None, 0.5, False, name, caption="eats") for name in names]])
    titles = [ax.get_title(loc="left") for ax in figure.axes[1:]]
    assert [title.split()[2] for title in titles] == [f"…{name[-27:]}" for name in names]
    assert titles[0] != titles[1]
