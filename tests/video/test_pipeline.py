from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import (
    ClipBuffer,
    ClipPipeline,
    FrameDifferences,
    GridRegions,
    PixelDescriptor,
    PrecomputedRegions,
    Regions,
    TrackLinker,
    Window,
    sample_clip,
)
from tests.clips import noise

MOTION = FrameDifferences(Window(frames=3, rate=10.0, side=16))


@pytest.fixture
def clip(make_clip):
    return make_clip("clip.mp4", 40, picture=noise)


@pytest.mark.parametrize("chunk", [1, 3, 12])
@pytest.mark.parametrize("detector", [None, GridRegions(2)])
def test_parts_give_the_numbers_of_the_whole(clip, detector, chunk):
    linker = None if detector is None else TrackLinker()
    parts = {"motion": MOTION, "num_frames": 12}
    whole, note = ClipPipeline(PixelDescriptor(size=16), detector, linker, **parts)(clip)
    found, _ = ClipPipeline(PixelDescriptor(size=16), detector, linker, **parts, chunk=chunk)(clip)
    assert note == ""
    assert found.keys() == whole.keys()
    for key in whole:
        torch.testing.assert_close(found[key], whole[key], msg=key)


def test_fields_and_widths(clip):
    pipeline = ClipPipeline(PixelDescriptor(size=16), GridRegions(3), TrackLinker(), MOTION, num_frames=5)
    fields, _ = pipeline(clip)
    assert pipeline.widths == {"frame_x": 416 + MOTION.dim, "region_x": 416}
    assert fields["frame_x"].shape == (5, 416 + MOTION.dim)
    assert fields["region_x"].shape == (45, 416)
    assert fields["region_frame"].tolist() == [t for t in range(5) for _ in range(9)]
    sampled = sample_clip(clip, 5, window=MOTION.window)
    assert torch.equal(fields["frame_x"][:, 416:], MOTION(sampled.windows).half().float())
    assert torch.equal(fields["frame_x"][:, :416], PixelDescriptor(size=16)(sampled.frames).half().float())


def test_only_a_part_of_the_features_is_in_memory(clip, monkeypatch):
    """Features lie in a file, and tracks are linked with those of two frames."""
    pipeline = ClipPipeline(PixelDescriptor(size=16), GridRegions(3), TrackLinker(), num_frames=12, chunk=2)
    expected, _ = pipeline(clip)
    reads, read = [], ClipBuffer.read

    def counted(self, key, begin, size):
        reads.append(size)
        return read(self, key, begin, size)

    monkeypatch.setattr(ClipBuffer, "read", counted)
    with ClipBuffer("clip", pipeline.widths, in_memory=1) as gathered:
        assert pipeline.fill(gathered, clip) == ""
        assert len(reads) == 2 * 12  # each frame for the mean and for the links
        assert set(reads) == {9 * 416 * 2}
        found = gathered.tensors()
    assert found.keys() == expected.keys()
    for key in expected:
        assert torch.equal(found[key], expected[key])


def test_clips_are_called_as_their_files(clip, tmp_path):
    np.savez(tmp_path / "clip.npz", box=np.array([[0.0, 0.0, 0.5, 0.5]]), time=np.array([0.5]))
    fields, _ = ClipPipeline(PixelDescriptor(size=16), PrecomputedRegions(tmp_path), num_frames=4)(clip)
    assert len(fields["region_x"]) == 1


def test_settings_tell_everything_apart():
    base = {"featurizer": PixelDescriptor(size=16)}
    others = [
        {},
        {"detector": GridRegions(2)},
        {"detector": GridRegions(3)},
        {"detector": GridRegions(2), "linker": TrackLinker()},
        {"detector": GridRegions(2), "linker": TrackLinker(0.2)},
        {"motion": MOTION},
        {"rate": 1.0},
        {"rate": 2.0},
        {"num_frames": 16},
        {"max_side": 32},
    ]
    found = [str(ClipPipeline(**base, **other).settings) for other in others]
    assert len(set(found)) == len(found)
    assert ClipPipeline(**base, chunk=3, threads=1).settings == ClipPipeline(**base).settings


def test_regions_may_bring_their_features(clip, tmp_path):
    box = np.array([[0.0, 0.0, 0.5, 0.5]] * 2)
    np.savez(tmp_path / "clip.npz", box=box, time=np.array([0.5, 3.0]), x=np.array([[1.0, 2.0], [3.0, 4.0]]))
    detector = PrecomputedRegions(tmp_path, use_features=True, tolerance=0.3)
    pipeline = ClipPipeline(PixelDescriptor(size=16), detector, num_frames=4)
    fields, _ = pipeline(clip, "clip")
    assert pipeline.widths == {"frame_x": 416, "region_x": 2}
    assert fields["region_x"].tolist() == [[1.0, 2.0]]  # frames are at 0.5, 1.5, 2.5 and 3.5 s
    assert fields["region_frame"].tolist() == [0]


def test_no_regions_at_all(clip):
    class Blind:
        name, version, settings = "blind", "1", MappingProxyType({})

        def __call__(self, frames, *, time=None, name=""):
            return Regions.from_frames([])

    fields, _ = ClipPipeline(PixelDescriptor(size=16), Blind(), TrackLinker(), num_frames=4, chunk=2)(clip)
    assert fields["region_x"].shape == (0, 416)
    assert fields["region_track"].shape == (0,)


@pytest.mark.parametrize("settings", [{"num_frames": 0}, {"rate": -1.0}, {"max_side": 0}, {"chunk": 0}])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(DataError, match=next(iter(settings))):
        ClipPipeline(PixelDescriptor(), **settings)
