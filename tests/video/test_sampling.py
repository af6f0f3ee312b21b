from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import sample_clip, uniform_indices, uniform_times


@pytest.mark.parametrize(("duration", "count"), [(10.0, 4), (0.04, 1), (7200.0, 20), (3.3, 7)])
def test_uniform_times_are_the_midpoints_of_equal_parts(duration, count):
    edges = torch.linspace(0, duration, count + 1, dtype=torch.float64)
    torch.testing.assert_close(uniform_times(duration, count), (edges[1:] + edges[:-1]) / 2)


@pytest.mark.parametrize("length", [1, 2, 19, 20, 21, 100])
@pytest.mark.parametrize("count", [1, 2, 16, 20])
def test_uniform_indices_are_the_frames_at_uniform_times(length, count):
    index = uniform_indices(length, count)
    assert len(index) == min(length, count)
    assert index[0] >= 0
    assert index[-1] < length
    assert (index.diff() > 0).all()
    if count <= length:
        exact = [(2 * i + 1) * length // (2 * count) for i in range(count)]
        assert index.tolist() == exact
        assert index.tolist() == uniform_times(float(length), count).add(1e-9).long().tolist()
    else:
        assert index.tolist() == list(range(length))


@pytest.mark.parametrize(
    "call",
    [
        lambda: uniform_times(1.0, 0),
        lambda: uniform_indices(5, 0),
        lambda: uniform_indices(0, 5),
        lambda: uniform_times(-1.0, 3),
        lambda: uniform_times(float("nan"), 3),
        lambda: uniform_times(float("inf"), 3),
    ],
)
def test_impossible_samples_are_refused(call):
    with pytest.raises(DataError, match=r"num_frames|length|duration"):
        call()


@pytest.mark.parametrize("count", [1, 3, 8, 30])
def test_sampled_frames_are_those_of_the_formula(make_clip, which_frames, count):
    clip = sample_clip(make_clip("clip.mp4", 30), count)
    expected = uniform_indices(30, count)
    assert clip.frames.shape == (count, 48, 64, 3)
    assert clip.frames.dtype == torch.uint8
    assert which_frames(clip.frames) == expected.tolist()
    torch.testing.assert_close(clip.time, expected / 10, atol=1e-4, rtol=0)
    assert clip.note == ""


def test_a_short_clip_gives_each_frame_once(make_clip, which_frames):
    clip = sample_clip(make_clip("clip.mp4", 5), 20)
    assert which_frames(clip.frames) == [0, 1, 2, 3, 4]
    assert (clip.time.diff() > 0).all()


@pytest.mark.parametrize(("name", "codec", "pixels"), [("one.mp4", "libx264", "yuv420p"), ("one.gif", "gif", "gray")])
def test_a_clip_of_one_frame(make_clip, name, codec, pixels):
    clip = sample_clip(make_clip(name, 1, codec=codec, pixels=pixels), 20)
    assert clip.frames.shape[0] == 1
    assert clip.time.tolist() == [0.0]


def test_variable_frame_rate_is_sampled_by_time(make_clip, which_frames):
    """Twenty frames in the first second, then one that stands still for nine."""
    path = make_clip("clip.mkv", 22, milliseconds=[*range(0, 1000, 50), 1000, 9900])
    clip = sample_clip(path, 10)
    assert which_frames(clip.frames) == [10, 20]  # at 0.5 s, and what stands at 1.5 .. 8.9 s


def test_a_dead_tail_is_reported_and_the_rest_sampled_evenly(make_clip, which_frames):
    path = make_clip("clip.avi", 60, codec="mjpeg", pixels="yuvj420p", width=96, height=80)
    content = bytearray(path.read_bytes())
    begin = content.index(b"movi")
    half = begin + (content.index(b"idx1") - begin) // 2
    content[half:] = bytes(len(content) - half)
    path.write_bytes(content)
    clip = sample_clip(path, 10)
    assert "of 6.0 s decode" in clip.note
    numbers = which_frames(clip.frames)
    assert len(numbers) == 10
    assert 25 <= numbers[-1] < 31
    assert set(torch.tensor(numbers).diff().tolist()) <= {2, 3, 4}


def test_lost_packets_are_noted(make_clip):
    path = make_clip("clip.avi", 60, codec="mjpeg", pixels="yuvj420p", width=96, height=80)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    clip = sample_clip(path, 60)
    assert "packets do not decode" in clip.note
    assert 40 < len(clip.time) < 60


def test_shrinks_to_the_longer_side(make_clip):
    assert sample_clip(make_clip("clip.mp4", 3, width=48, height=64), 2, max_side=32).frames.shape == (2, 32, 24, 3)
