from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import PixelDescriptor


@pytest.fixture
def descriptor() -> PixelDescriptor:
    return PixelDescriptor(size=16)


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.randint(0, 256, (4, 16, 16, 3), dtype=torch.uint8)


def parts(descriptor: PixelDescriptor, frames: torch.Tensor) -> dict[str, torch.Tensor]:
    return dict(zip(descriptor.widths, descriptor(frames).split(list(descriptor.widths.values()), dim=1), strict=True))


def plain(frames: np.ndarray) -> np.ndarray:
    """The same descriptor in plain loops, for pictures that need no resizing."""
    pictures = frames.astype(np.float64) / 255
    count, size = len(pictures), pictures.shape[1]
    luma = pictures @ np.array([0.299, 0.587, 0.114])
    rows = []
    for t in range(count):
        layout = [
            2 * pictures[t, y * size // 8 : (y + 1) * size // 8, x * size // 8 : (x + 1) * size // 8, c].mean() - 1
            for c in range(3)
            for y in range(8)
            for x in range(8)
        ]
        colour = np.zeros(64)
        edges = np.zeros((9, 4, 4))
        for y in range(size):
            for x in range(size):
                r, g, b = (min(int(value * 4), 3) for value in pictures[t, y, x])
                colour[16 * r + 4 * g + b] += 1 / size**2
                dx = luma[t, y, min(x + 1, size - 1)] - luma[t, y, max(x - 1, 0)]
                dy = luma[t, min(y + 1, size - 1), x] - luma[t, max(y - 1, 0), x]
                position = (math.atan2(dy, dx) % math.pi) * 9 / math.pi
                lower = math.floor(position)
                cell = (y * 4 // size, x * 4 // size)
                edges[(lower % 9, *cell)] += math.hypot(dx, dy) * (1 - position + lower) * 16 / size**2
                edges[((lower + 1) % 9, *cell)] += math.hypot(dx, dy) * (position - lower) * 16 / size**2
        motion = np.zeros(16)
        neighbours = [s for s in (t - 1, t + 1) if 0 <= s < count]
        for other in neighbours:
            change = np.abs(luma[t] - luma[other]).reshape(4, size // 4, 4, size // 4)
            motion += change.mean(axis=(1, 3)).reshape(-1) / len(neighbours)
        length = max(np.linalg.norm(edges), 1e-3)
        rows.append(np.concatenate([np.array(layout) / 192**0.5, colour**0.5, edges.reshape(-1) / length, motion]))
    return np.stack(rows)


def test_equals_plain_loops(descriptor, noise):
    found = descriptor(noise)
    assert found.shape == (4, descriptor.dim)
    assert descriptor.dim == 416
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), torch.from_numpy(plain(noise.numpy())), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (37, 53), (240, 320)])
def test_any_picture_size(shape):
    frames = torch.randint(0, 256, (2, *shape, 3), dtype=torch.uint8)
    assert torch.isfinite(PixelDescriptor()(frames)).all()


def test_parts_have_the_promised_lengths(descriptor, noise):
    found = parts(descriptor, noise)
    assert (found["layout"].norm(dim=1) <= 1).all()
    torch.testing.assert_close(found["colour"].norm(dim=1), torch.ones(4))
    torch.testing.assert_close(found["edges"].norm(dim=1), torch.ones(4))
    assert (found["motion"].norm(dim=1) <= 4).all()


@pytest.mark.parametrize("value", [0, 255])
def test_a_flat_picture_has_one_colour_and_no_edges(descriptor, value):
    found = parts(descriptor, torch.full((2, 16, 16, 3), value, dtype=torch.uint8))
    assert (found["edges"] == 0).all()
    assert (found["motion"] == 0).all()
    assert found["colour"].count_nonzero(dim=1).tolist() == [1, 1]
    torch.testing.assert_close(found["layout"].abs(), torch.full((2, 192), 192**-0.5))
    assert (found["layout"] > 0).all() == (value == 255)


@pytest.mark.parametrize(("axis", "bins"), [(2, {0}), (1, {4, 5})])
def test_a_ramp_has_its_direction(descriptor, axis, bins):
    """Brightness that grows to the right has gradients at 0 degrees, downwards at 90 (between bins 4 and 5)."""
    shape = [1, 1, 1, 1]
    shape[axis] = 16
    frames = (torch.arange(16, dtype=torch.uint8) * 16).view(shape).expand(1, 16, 16, 3).contiguous()
    votes = parts(descriptor, frames)["edges"].view(9, 16).sum(1)
    assert {index for index in range(9) if votes[index] > 0.05} == bins


def test_motion_is_seen_where_it_is(descriptor):
    frames = torch.zeros(3, 16, 16, 3, dtype=torch.uint8)
    frames[1:, :4, :4] = 255  # the upper left cell lights up between the first frame and the second
    motion = parts(descriptor, frames)["motion"]
    assert motion[:, 0].tolist() == pytest.approx([1.0, 0.5, 0.0])
    assert (motion[:, 1:] == 0).all()


def test_one_frame_has_no_motion(descriptor, noise):
    assert (parts(descriptor, noise[:1])["motion"] == 0).all()


def test_only_motion_depends_on_the_other_frames(descriptor, noise):
    together, alone = parts(descriptor, noise), parts(descriptor, noise[2:3])
    for name in ("layout", "colour", "edges"):
        torch.testing.assert_close(together[name][2:3], alone[name])


def test_settings_tell_sizes_apart():
    assert PixelDescriptor(16).settings != PixelDescriptor(24).settings


@pytest.mark.parametrize("size", [0, -8, 12])
def test_size_must_be_a_multiple_of_eight(size):
    with pytest.raises(DataError, match=r"size: is .*multiple of 8"):
        PixelDescriptor(size)
