from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import FEATURIZERS, FrameFeaturizer, MapFeaturizer, build_featurizer
from graphvtr.video.features.base import check_frames, resize


def test_registry_holds_the_featurizers():
    assert {"pixels", "efficientnet_lite0"} <= set(FEATURIZERS)


def test_unknown_name_says_which_there_are():
    with pytest.raises(DataError, match=r"'pixel'.*did you mean 'pixels'"):
        build_featurizer("pixel")


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_unusable_device_is_named(device):
    with pytest.raises(DataError, match=device):
        build_featurizer("pixels", device=device)


def test_the_contract_is_kept(mean_colour):
    assert isinstance(build_featurizer("pixels"), FrameFeaturizer)
    assert not isinstance(build_featurizer("pixels"), MapFeaturizer)
    assert isinstance(mean_colour(), FrameFeaturizer)


@pytest.mark.parametrize(
    "frames",
    [
        torch.zeros(2, 8, 8, 3),
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
        torch.zeros(8, 8, 3, dtype=torch.uint8),
        torch.zeros(0, 8, 8, 3, dtype=torch.uint8),
    ],
)
def test_other_pictures_are_refused(frames):
    with pytest.raises(DataError, match=r"uint8 \[T, H, W, 3\]"):
        check_frames(frames)


def test_resize_is_an_area_weighted_mean_and_cuts_nothing_off():
    """Left half red, right half blue, wide: still halves when squeezed into a square."""
    frames = torch.zeros(1, 16, 64, 3, dtype=torch.uint8)
    frames[:, :, :32, 0], frames[:, :, 32:, 2] = 255, 255
    small = resize(frames, 8, torch.device("cpu"))
    assert small.shape == (1, 3, 8, 8)
    assert small.dtype == torch.float32
    red, _, blue = small[0]
    assert (red[:, :3] > 0.98).all()
    assert (red[:, 5:] < 0.02).all()
    torch.testing.assert_close(blue, red.flip(1), atol=0.01, rtol=0)


def test_resize_keeps_the_mean_of_noise():
    frames = torch.randint(0, 256, (3, 90, 130, 3), dtype=torch.uint8)
    small = resize(frames, 16, torch.device("cpu"))
    torch.testing.assert_close(small.mean((2, 3)), frames.float().mean((1, 2)) / 255, atol=0.01, rtol=0)
