from __future__ import annotations

import pytest

from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.datasets.moving_scenes.sheet import contact_sheet
from graphvtr.errors import DataError


def test_sheet(splits: dict[str, MovingScenes]) -> None:
    pytest.importorskip("matplotlib")
    scenes = splits["val"]
    figure = contact_sheet(scenes, [0, 3], frames_per_clip=4, captions=1)
    assert len(figure.subfigs) == 2
    axes = figure.subfigs[1].axes
    assert len(axes) == 4
    assert (axes[0].images[0].get_array() == scenes.frames(3)[0].numpy()).all()
    region = scenes.video_graphs[3]["region"]
    assert len(axes[0].patches) == int((region.frame == 0).sum())
    assert scenes.captions[15] in figure.subfigs[1]._suptitle.get_text()
    assert not contact_sheet(scenes, [0], boxes=False).subfigs[0].axes[0].patches


@pytest.mark.parametrize("clips", [[], [99], [-1]])
def test_no_such_clips(splits: dict[str, MovingScenes], clips: list[int]) -> None:
    with pytest.raises(DataError, match="clips"):
        contact_sheet(splits["val"], clips)
