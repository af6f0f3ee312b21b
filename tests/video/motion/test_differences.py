from __future__ import annotations

import math

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import FrameDifferences, MotionFeaturizer, Window, build_motion

WINDOW = Window(frames=4, rate=8.0, side=32)


def waves(angle: float) -> torch.Tensor:
    """[1, 4, 32, 32, 3]: plane waves that travel in the direction ``angle`` (down is positive)."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    along = x * math.cos(angle) + y * math.sin(angle)
    luma = torch.stack([127 + 100 * torch.sin((along - 1.5 * t) * 0.5) for t in range(4)])
    return luma.round().to(torch.uint8)[None, ..., None].expand(-1, -1, -1, -1, 3)


def parts(found):
    return found[:, :16], found[:, 16:144].view(-1, 8, 4, 4), found[:, 144:]


@pytest.mark.parametrize("direction", range(8))
def test_directions_are_told_apart(direction):
    _, flow, _ = parts(FrameDifferences(WINDOW)(waves(direction * math.pi / 4)))
    everywhere = flow[0].sum((1, 2))
    assert everywhere.argmax().item() == direction
    assert everywhere[direction] > 0.6 * everywhere.sum()


def test_equals_a_plain_loop():
    windows = torch.randint(0, 256, (2, 4, 32, 32, 3), dtype=torch.uint8)
    change, flow, course = parts(FrameDifferences(WINDOW)(windows))
    luma = (windows.double() @ torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)) / 255
    for item in range(2):
        votes = torch.zeros(8, 4, 4, dtype=torch.float64)
        for t in range(3):
            step = luma[item, t + 1] - luma[item, t]
            middle = (luma[item, t + 1] + luma[item, t]) / 2
            assert course[item, t].item() == pytest.approx(step.abs().mean().item() / math.sqrt(3), rel=1e-4)
            dy, dx = torch.gradient(middle)
            for y in range(32):
                for x in range(32):
                    direction = math.atan2(-step[y, x] * dy[y, x], -step[y, x] * dx[y, x]) % (2 * math.pi)
                    position = direction / (math.pi / 4)
                    low, share = math.floor(position), position - math.floor(position)
                    votes[low % 8, y // 8, x // 8] += step[y, x].abs() * (1 - share)
                    votes[(low + 1) % 8, y // 8, x // 8] += step[y, x].abs() * share
        torch.testing.assert_close(flow[item].double(), votes / votes.norm(), atol=1e-4, rtol=1e-3)
        cells = luma[item].diff(dim=0).abs().mean(0).view(4, 8, 4, 8).mean((1, 3))
        torch.testing.assert_close(change[item].double(), cells.flatten(), atol=1e-5, rtol=1e-4)


def test_stillness_is_zero_and_windows_do_not_mix():
    featurizer = FrameDifferences(WINDOW)
    still = torch.randint(0, 256, (1, 1, 32, 32, 3), dtype=torch.uint8).expand(1, 4, -1, -1, -1)
    assert featurizer(still).abs().max() == 0
    both = featurizer(torch.cat([still, waves(0.0)]))
    torch.testing.assert_close(both[1:], featurizer(waves(0.0)))
    assert featurizer(still[:0]).shape == (0, featurizer.dim)


def test_the_course_tells_when():
    windows = torch.zeros(1, 4, 32, 32, 3, dtype=torch.uint8)
    windows[:, 3:] = 200
    course = parts(FrameDifferences(WINDOW)(windows))[2][0]
    assert course[:2].abs().max() == 0
    assert course[2] > 0.4


def test_contract():
    featurizer = build_motion("differences")
    assert isinstance(featurizer, MotionFeaturizer)
    assert featurizer.settings == {"window": {"frames": 8, "rate": 8.0, "side": 64}}
    with pytest.raises(DataError, match="windows: are"):
        featurizer(torch.zeros(1, 4, 32, 32, 3, dtype=torch.uint8))
    with pytest.raises(DataError, match="motion features 'flow': unknown"):
        build_motion("flow")
