from __future__ import annotations

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import FeatureStore, PrecomputedRegions, build_detector

FRAMES = torch.zeros(3, 8, 8, 3, dtype=torch.uint8)
TIME = torch.tensor([0.4, 2.0, 5.0])


@pytest.fixture
def store(tmp_path):
    """Regions at 0.5 s (two) and 2.1 s (one) of a clip."""
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 2, "region_x": 3})
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.25, 0.25, 0.75, 0.75]])
    store.add(
        "a/clip",
        {
            "frame_x": torch.zeros(3, 2),
            "frame_time": torch.tensor([0.5, 2.1, 3.0]),
            "region_x": torch.arange(9.0).view(3, 3),
            "region_box": box,
            "region_score": torch.tensor([0.3, 0.8, 0.6]),
            "region_frame": torch.tensor([0, 0, 1]),
        },
    )
    return store


def test_regions_of_a_store_by_time(store):
    found = PrecomputedRegions(store.path)(FRAMES, time=TIME, name="a/clip")
    assert found.frame.tolist() == [0, 0, 1]  # nothing is near 5 s
    assert found.score.tolist() == pytest.approx([0.8, 0.3, 0.6])
    assert found.box[0].tolist() == [0.5, 0.5, 1.0, 1.0]
    assert found.x is None


def test_features_come_with_them_if_asked_for(store):
    detector = PrecomputedRegions(store.path, use_features=True, num_regions=1)
    found = detector(FRAMES, time=TIME, name="a/clip")
    assert detector.dim == 3
    assert found.x.tolist() == [[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]


def test_tolerance(store):
    assert len(PrecomputedRegions(store.path, tolerance=0.05)(FRAMES, time=TIME, name="a/clip")) == 0
    assert len(PrecomputedRegions(store.path, tolerance=9.0)(FRAMES, time=TIME, name="a/clip")) == 4


def write(folder, **arrays):
    folder.mkdir(exist_ok=True)
    np.savez(folder / "clip.npz", **arrays)
    return folder


BOX = np.array([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])


def test_npz_files(tmp_path):
    folder = write(tmp_path / "boxes", box=BOX, time=np.array([2.0, 2.0]), x=np.ones((2, 5)), label=np.array([7, 8]))
    detector = build_detector(folder, num_regions=9)
    found = detector(FRAMES, time=TIME, name="clip")
    assert (found.frame.tolist(), found.label.tolist(), found.score.tolist()) == ([1, 1], [7, 8], [1.0, 1.0])
    assert PrecomputedRegions(folder, use_features=True).dim == 5
    before = detector.version
    write(folder, box=BOX[:1], time=np.array([2.0]))
    assert PrecomputedRegions(folder).version != before


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"time": np.zeros(2)}, "has no 'box'"),
        ({"box": BOX}, "has no 'time'"),
        ({"box": BOX, "time": np.zeros(3)}, r"'time' has shape \[3\]"),
        ({"box": BOX * 2, "time": np.full(2, 2.0)}, "regions.box"),
        ({"box": np.array([None]), "time": np.zeros(1)}, "is not a whole, plain npz file"),
    ],
)
def test_bad_files_are_refused(tmp_path, arrays, message):
    folder = write(tmp_path / "boxes", **arrays)
    with pytest.raises(DataError, match=message):
        PrecomputedRegions(folder)(FRAMES, time=TIME, name="clip")


def test_what_is_not_there(store, tmp_path):
    with pytest.raises(DataError, match=r"clip 'b/clip'.*did you mean a/clip"):
        PrecomputedRegions(store.path)(FRAMES, time=TIME, name="b/clip")
    with pytest.raises(DataError, match="time and name: are needed"):
        PrecomputedRegions(store.path)(FRAMES)
    with pytest.raises(DataError, match=r"is no feature store and holds no .npz"):
        PrecomputedRegions(tmp_path)
    with pytest.raises(DataError, match=r"none.npz: no such file"):
        PrecomputedRegions(write(tmp_path / "boxes", box=BOX, time=np.zeros(2)))(FRAMES, time=TIME, name="none")
    frames_only = FeatureStore.create(tmp_path / "frames", {"frame_x": 2})
    with pytest.raises(DataError, match="holds no regions"):
        PrecomputedRegions(frames_only.path)
    for settings in ({"num_regions": 0}, {"tolerance": -1.0}):
        with pytest.raises(DataError, match=next(iter(settings))):
            PrecomputedRegions(store.path, **settings)
