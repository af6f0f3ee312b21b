from __future__ import annotations

import numpy as np
import pytest

from graphvtr.errors import DataError
from graphvtr.metrics import Positives
from graphvtr.plot import plot_curves, plot_rank_histogram


def test_a_line_a_run_with_its_best_epoch_ringed() -> None:
    ax = plot_curves({"one": [1.0, 3.0, 2.0], "two" * 40: [5.0, float("nan"), 4.0, 6.0]})
    lines = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert [list(line.get_xdata()) for line in lines.values()] == [[1, 2, 3], [1, 2, 3, 4]]
    styles = [(line.get_linestyle(), line.get_marker(), line.get_color()) for line in lines.values()]
    assert all(one != two for one, two in zip(*styles, strict=True))  # told apart in grey too
    rings = [line for line in ax.lines if line.get_fillstyle() == "none"]
    assert [(ring.get_xdata()[0], ring.get_ydata()[0]) for ring in rings] == [(2, 3.0), (4, 6.0)]
    lowest = plot_curves({"one": [1.0, 3.0, 0.5]}, best="min")
    assert [r.get_xdata()[0] for r in lowest.lines if r.get_fillstyle() == "none"] == [3]
    assert not [r for r in plot_curves({"a": [1.0]}, best=None).lines if r.get_fillstyle() == "none"]


def test_what_guessing_gives_is_dotted() -> None:
    ax = plot_curves({"": [1.0, 3.0]}, chance=2.0)
    (line,) = [line for line in ax.lines if line.get_label() == "chance"]
    assert list(line.get_ydata()) == [2.0, 2.0]
    assert "chance" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert all(line.get_label() != "chance" for line in plot_curves({"one": [1.0]}).lines)


@pytest.mark.parametrize("runs", [2, 7])
def test_names_cover_no_curve(runs: int) -> None:
    ax = plot_curves({f"a run with a name as long as this one {i}": [1.0 * i, 2.0 + i] for i in range(runs)})
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    assert (legend.x0 > ax.get_window_extent().x1) == (runs == 7)
    assert legend.x1 <= ax.figure.bbox.width
    assert legend.y0 >= 0


def test_shares_by_doubling_bins() -> None:
    ax = plot_rank_histogram({"a": [1, 1, 2, 3, 4, 9], "b": np.array([1, 16])}, items=20)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "3–4", "5–8", "9–16", "17–20"]
    heights = [[bar.get_height() for bar in group] for group in ax.containers]
    assert heights[0] == pytest.approx([100 / 3, 100 / 6, 100 / 3, 0, 100 / 6, 0])
    assert heights[1] == pytest.approx([50, 0, 0, 0, 50, 0])
    assert ax.containers[0][0].get_hatch() != ax.containers[1][0].get_hatch()
    (chance,) = ax.lines
    assert list(chance.get_ydata()) == pytest.approx([5, 5, 10, 20, 40, 20])


def test_chance_with_several_right_items() -> None:
    """The share of random orders in which the best of k stands in a bin."""
    relevant = [list(range(k)) for k in (1, 3, 3, 12)]
    ax = plot_rank_histogram({"a": [1]}, positives=Positives.build(relevant, 4, 12))
    draws = np.random.default_rng(0).permuted(np.tile(np.arange(1, 13), (20_000, 1)), axis=1)
    best = np.concatenate([draws[:, :k].min(1) for k in (1, 3, 3, 12)])
    expected = 100 * np.histogram(best, [0.5, 1.5, 2.5, 4.5, 8.5, 16.5])[0] / best.size
    np.testing.assert_allclose(ax.lines[0].get_ydata(), expected, atol=0.6)


def test_names_of_runs_are_no_mathematics() -> None:
    for ax in (plot_curves({"$a_1$": [1.0, 2.0]}, ylabel="$\\wrong"), plot_rank_histogram({"$a_1$": [1, 2]})):
        ax.figure.canvas.draw()
        assert ax.get_legend().get_texts()[0].get_text() == "$a_1$"
        assert not ax.get_legend().get_texts()[0].get_parse_math()


@pytest.mark.parametrize("runs", [{}, {"a": []}])
def test_nothing_to_draw(runs: dict[str, list[float]]) -> None:
    with pytest.raises(DataError):
        plot_curves(runs)
    with pytest.raises(DataError):
        plot_rank_histogram(runs)


def test_a_rank_below_one() -> None:
    with pytest.raises(DataError, match="below 1"):
        plot_rank_histogram({"a": [0, 1]})
