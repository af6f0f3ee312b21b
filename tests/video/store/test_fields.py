from __future__ import annotations

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.video.store.fields import FIELDS, check_widths, checksum, to_arrays

WIDTHS = {"frame_x": 6}
BOTH = {"frame_x": 6, "region_x": 6}


def test_fields_are_those_of_a_video_graph():
    import inspect

    build = inspect.signature(VideoGraph.build).parameters
    assert set(FIELDS) == set(build) - {"name"}


@pytest.mark.parametrize("regions", [None, 0, 1, 7])
def test_types_on_disk(random_fields, regions):
    fields = random_fields(regions=regions)
    arrays = to_arrays("clip", fields, WIDTHS if regions is None else BOTH)
    assert arrays.keys() == fields.keys()
    for key, array in arrays.items():
        assert torch.from_numpy(array).dtype == FIELDS[key]
        assert array.shape == tuple(fields[key].shape)


def test_half_precision_is_within_its_error(random_fields):
    x = torch.randn(50, 6) * torch.logspace(-2, 4, 50)[:, None]
    stored = to_arrays("clip", {"frame_x": x}, WIDTHS)["frame_x"].astype(np.float32)
    assert ((torch.from_numpy(stored) - x).abs() <= x.abs() / 2048 + 1e-7).all()


def test_the_bound_of_the_guide_is_true():
    """docs/guides/video.rst: from 6.1e-5 up within 1/2048, below that within 3e-8; no more than a thousandth lost."""
    exponents = torch.linspace(-24, 15.99, 60_000, dtype=torch.float64)
    x = ((2.0**exponents) * (1 - 2 * (torch.arange(60_000) % 2))).float().view(-1, 6)
    stored = torch.from_numpy(to_arrays("clip", {"frame_x": x}, WIDTHS)["frame_x"]).double()
    error, size = (stored - x.double()).abs(), x.double().abs()
    assert (error[size >= 6.1e-5] <= size[size >= 6.1e-5] / 2048).all()
    assert (error[size < 6.1e-5] <= 3e-8).all()
    few = torch.ones(1000, 6)
    few[:7, 0] = 1e-9  # 7 of 6,000
    with pytest.raises(DataError, match=r"too small for float16: 0\.1% of those"):
        to_arrays("clip", {"frame_x": few}, WIDTHS)
    few[5:7] = 1.0
    assert to_arrays("clip", {"frame_x": few}, WIDTHS)["frame_x"][0, 0] == 0


def test_times_of_a_film_stay_exact():
    time = torch.tensor([7199.97, 7200.01])
    assert to_arrays("film", {"frame_x": torch.zeros(2, 6), "frame_time": time}, WIDTHS)["frame_time"].tolist() == (
        time.tolist()
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_float_types_are_taken(dtype):
    x = torch.randn(3, 6).to(dtype).requires_grad_()
    assert to_arrays("clip", {"frame_x": x}, WIDTHS)["frame_x"].dtype == np.float16


BAD = {
    "NaN": ({"frame_x": torch.tensor([[float("nan")] * 6])}, WIDTHS, r"frame\.x: has NaN.*extract the features again"),
    "infinite": ({"frame_x": torch.tensor([[float("inf")] * 6])}, WIDTHS, r"frame\.x: has NaN or infinite"),
    "too large": ({"frame_x": torch.full((1, 6), 1e5)}, WIDTHS, r"frame_x: reaches 1e\+05, beyond float16's 65504"),
    "other width": ({"frame_x": torch.zeros(2, 5)}, WIDTHS, r"frame_x: has shape \[2, 5\].*\[n, 6\].*featurizer"),
    "vector": ({"frame_x": torch.zeros(6)}, WIDTHS, r"frame_x: has shape \[6\]"),
    "no frames": ({"frame_x": torch.zeros(0, 6)}, WIDTHS, "frame_x: has no frames"),
    "missing": ({"frame_time": torch.zeros(2)}, WIDTHS, "frame_x: is missing"),
    "missing regions": ({"frame_x": torch.zeros(2, 6)}, BOTH, "region_x: is missing"),
    "unknown": ({"frame_x": torch.zeros(2, 6), "sound": torch.zeros(2)}, WIDTHS, "sound: is not a field.*frame_time"),
    "regions in a store of frames": (
        {"frame_x": torch.zeros(2, 6), "region_box": torch.zeros(1, 4)},
        WIDTHS,
        "region_box: has no place",
    ),
    "time of another length": (
        {"frame_x": torch.zeros(2, 6), "frame_time": torch.zeros(3)},
        WIDTHS,
        r"frame\.time: has shape \[3\]",
    ),
    "time that goes back": (
        {"frame_x": torch.zeros(2, 6), "frame_time": torch.tensor([1.0, 0.5])},
        WIDTHS,
        r"frame\.time: decreases",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_fields_are_refused_by_clip_and_field(kind):
    fields, widths, message = BAD[kind]
    with pytest.raises(DataError, match=message) as caught:
        to_arrays("clip 7", fields, widths)
    assert str(caught.value).startswith("clip 'clip 7': ")


@pytest.mark.parametrize(
    "change",
    [
        {"region_box": torch.tensor([[0.0, 0.0, 30.0, 40.0]])},
        {"region_frame": torch.tensor([9])},
        {"region_score": torch.tensor([float("nan")])},
    ],
)
def test_bad_regions_are_refused(random_fields, change):
    with pytest.raises(DataError, match=r"clip 'a': region\."):
        to_arrays("a", random_fields(regions=1) | change, BOTH)


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "\udcff"])
def test_bad_names_are_refused(name, random_fields):
    with pytest.raises(DataError, match="is not a name"):
        to_arrays(name, random_fields(), WIDTHS)


@pytest.mark.parametrize("widths", [{}, {"region_x": 3}, {"frame_x": 0}, {"frame_x": 3, "frame_time": 1}, {"x": 1}])
def test_bad_widths_are_refused(widths):
    with pytest.raises(DataError, match="widths"):
        check_widths(widths)


def test_checksum_sees_every_change(random_fields):
    arrays = to_arrays("a", random_fields(regions=2), BOTH)
    reference = checksum(arrays)
    assert checksum(dict(reversed(arrays.items()))) == reference
    for key in arrays:
        changed = {**arrays, key: arrays[key].copy()}
        changed[key].reshape(-1).view(np.uint8)[0] ^= 1
        assert checksum(changed) != reference
        renamed = {("x" if name == key else name): array for name, array in arrays.items()}
        assert checksum(renamed) != reference
    assert checksum({"a": np.zeros((2, 3))}) != checksum({"a": np.zeros((3, 2))})
    assert checksum({"a": np.zeros((0, 3))}) != checksum({"a": np.zeros((0, 4))})
