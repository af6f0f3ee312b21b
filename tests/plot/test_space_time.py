"""The space-time attention matrix: its numbers, and what stands in the picture."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from graphvtr.errors import DataError
from graphvtr.plot import plot_space_time_attention, space_time_matrix

matplotlib.use("Agg")

TEMPORAL = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])
SHARES, FRAME = np.array([0.7, 0.3, 0.6, 0.4]), np.array([0, 0, 2, 2])


def test_a_share_of_a_share() -> None:
    matrix, empty = space_time_matrix(TEMPORAL, SHARES, FRAME)
    assert empty.tolist() == [False, False, True, False, False]
    for hears in range(3):
        wanted = [TEMPORAL[hears, 0] * 0.7, TEMPORAL[hears, 0] * 0.3, TEMPORAL[hears, 1]]
        wanted += [TEMPORAL[hears, 2] * 0.6, TEMPORAL[hears, 2] * 0.4]
        np.testing.assert_allclose(matrix[hears], wanted)
    np.testing.assert_allclose(matrix.sum(1), 1)


@pytest.mark.parametrize("everything", [True, False])
def test_picture(everything: bool) -> None:
    extra = {"weights": np.array([0.2, 0.5, 0.3]), "time": np.array([0.0, 0.5, 1.0]), "caption": "a cat"}
    figure = plot_space_time_attention(TEMPORAL, SHARES, FRAME, **(extra if everything else {}))
    ax, bars, _ = figure.axes
    np.testing.assert_allclose(ax.images[0].get_array(), space_time_matrix(TEMPORAL, SHARES, FRAME)[0])
    assert [label.get_text() for label in ax.get_xticklabels()] == (
        ["0.0 s", "0.5 s", "1.0 s"] if everything else ["0", "1", "2"]
    )
    assert [patch.get_width() for patch in bars.patches] == (extra["weights"].tolist() if everything else [])
    assert len(ax.lines) == 2  # between three frames
    assert (figure._suptitle is not None) == everything
    plt.close(figure)


def test_wrong_shapes() -> None:
    with pytest.raises(DataError, match=r"temporal: has shape \[2, 3\]"):
        space_time_matrix(TEMPORAL[:2], SHARES, FRAME)
    with pytest.raises(DataError, match="frame: lies outside the 3 frames"):
        space_time_matrix(TEMPORAL, SHARES, FRAME + 1)
