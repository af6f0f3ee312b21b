from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from graphvtr.errors import DataError
from graphvtr.video import roi_pool


def boxes(count: int, seed: int = 0) -> torch.Tensor:
    corner = torch.rand(2, count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.cat([corner.min(0).values, corner.max(0).values], dim=1)


def sampled(feature_map, box, frame, bins, points=400):
    """The same by brute force: the mean of points x points bilinear samples in every part."""
    pooled = []
    for one, t in zip(box, frame.tolist(), strict=True):
        step = (torch.arange(bins * points, dtype=box.dtype) + 0.5) / (bins * points)
        x, y = one[0] + (one[2] - one[0]) * step, one[1] + (one[3] - one[1]) * step
        grid = torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), dim=-1) * 2 - 1
        samples = F.grid_sample(
            feature_map[t : t + 1], grid[None], mode="bilinear", padding_mode="border", align_corners=False
        )
        pooled.append(F.avg_pool2d(samples, points)[0])
    found = torch.stack(pooled)
    return found[..., 0, 0] if bins == 1 else found


@pytest.mark.parametrize("bins", [1, 2, 3])
@pytest.mark.parametrize("size", [(7, 7), (1, 1), (3, 10), (1, 5)])
def test_equals_dense_bilinear_sampling(size, bins):
    feature_map = torch.randn(3, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    box, frame = boxes(6), torch.tensor([0, 0, 1, 2, 2, 2])
    found = roi_pool(feature_map, box, frame, bins)
    torch.testing.assert_close(found, sampled(feature_map, box, frame, bins), atol=2e-5, rtol=1e-4)


def test_a_direct_crop_has_the_same_mean():
    """Where the map is constant around a box's edges, pooling is the mean of the cells inside."""
    feature_map = torch.zeros(1, 3, 12, 12, dtype=torch.float64)
    inside = torch.rand(3, 4, 2, dtype=torch.float64)
    feature_map[:, :, 4:8, 3:5] = inside  # zero around: nothing leaks in, but edge cells leak half a cell out
    box = torch.tensor([[2 / 12, 3 / 12, 6 / 12, 9 / 12]], dtype=torch.float64)  # one cell wider on every side
    crop = feature_map[0, :, 3:9, 2:6]
    torch.testing.assert_close(roi_pool(feature_map, box, torch.tensor([0]))[0], crop.mean((1, 2)))


def test_a_crop_of_a_smooth_picture_pools_to_its_mean():
    y, x = torch.meshgrid(torch.arange(64) / 64, torch.arange(96) / 96, indexing="ij")
    picture = torch.stack([x, y, (3 * x).sin() * (4 * y).cos()])[None].double()
    box = torch.tensor([[12 / 96, 8 / 64, 72 / 96, 40 / 64]], dtype=torch.float64)
    crop = picture[0, :, 8:40, 12:72]
    torch.testing.assert_close(roi_pool(picture, box, torch.tensor([0]))[0], crop.mean((1, 2)), atol=2e-3, rtol=0)
    quarters = roi_pool(picture, box, torch.tensor([0]), bins=4)[0]
    torch.testing.assert_close(quarters, F.adaptive_avg_pool2d(crop, 4), atol=5e-3, rtol=0)


def test_the_whole_picture_is_the_mean_of_the_map():
    feature_map = torch.randn(2, 5, 7, 7)
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(2, 1)
    torch.testing.assert_close(roi_pool(feature_map, whole, torch.arange(2)), feature_map.mean((2, 3)))


def test_a_point_is_interpolated():
    feature_map = torch.arange(4.0).view(1, 1, 1, 4)
    box = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    found = roi_pool(feature_map, box, torch.zeros(3, dtype=torch.long))
    torch.testing.assert_close(found[:, 0], torch.tensor([1.5, 0.0, 3.0]), atol=1e-3, rtol=0)


def test_gradients():
    feature_map = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    box = boxes(3, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda m, b: roi_pool(m, b, torch.tensor([0, 1, 1]), 2), (feature_map, box))


def test_frames_do_not_mix_and_may_have_no_boxes():
    feature_map = torch.randn(4, 3, 5, 5)
    box = boxes(5).float()
    found = roi_pool(feature_map, box, torch.tensor([0, 2, 2, 2, 2]))
    for row, t in enumerate((0, 2, 2, 2, 2)):
        alone = roi_pool(feature_map[t : t + 1], box[row : row + 1], torch.tensor([0]))
        torch.testing.assert_close(found[row : row + 1], alone)
    assert roi_pool(feature_map, box[:0], torch.empty(0, dtype=torch.long)).shape == (0, 3)
    assert roi_pool(feature_map, box[:0], torch.empty(0, dtype=torch.long), 2).shape == (0, 3, 2, 2)


@pytest.mark.parametrize(
    ("shape", "box", "frame", "bins"),
    [
        ((3, 7, 7), (2, 4), [0, 0], 1),
        ((1, 3, 7, 7), (2, 4), [0], 1),
        ((1, 3, 7, 7), (2, 4), [0, 1], 1),
        ((1, 3, 7, 7), (1, 4), [0], 0),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shape, box, frame, bins):
    with pytest.raises(DataError):
        roi_pool(torch.zeros(shape), torch.zeros(box), torch.tensor(frame), bins)
