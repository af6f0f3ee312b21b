from __future__ import annotations

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import ClipReader, ClipStream, Window, sample_clip, stream, uniform_times


def noisy_bars(index: int, width: int, height: int) -> np.ndarray:
    """The digits of the frame's number in the upper half, noise below: frames of equal sizes in bytes."""
    digit = np.arange(width) * 7 // width
    picture = np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture[: height // 2] = np.where(index >> digit & 1, 235, 16)[None, :, None]
    return picture


@pytest.mark.parametrize("count", [16, 20, 26])
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_parts_are_the_whole(make_clip, which_frames, count, chunk):
    path = make_clip("clip.mp4", 100)
    parts = list(ClipStream(path, count, chunk=chunk))
    whole = sample_clip(path, count)
    assert all(len(part.time) <= max(chunk, count if count <= chunk else 0) for part in parts)
    assert torch.equal(torch.cat([part.frames for part in parts]), whole.frames)
    assert torch.equal(torch.cat([part.time for part in parts]), whole.time)
    assert len(whole.time) == count


@pytest.mark.parametrize(("rate", "expected"), [(1.0, [5, 15, 25]), (2.0, [2, 7, 12, 17, 22, 27]), (0.1, [15])])
def test_sampling_by_rate(make_clip, which_frames, rate, expected):
    path = make_clip("clip.mp4", 30)
    assert which_frames(sample_clip(path, rate=rate).frames) == expected
    parts = list(ClipStream(path, rate=rate, chunk=2))
    assert which_frames(torch.cat([part.frames for part in parts])) == expected


def test_a_rate_above_the_clips_gives_each_frame_once(make_clip, which_frames):
    path = make_clip("clip.mp4", 12)
    for chunk in (5, 64):
        parts = list(ClipStream(path, rate=50.0, chunk=chunk))
        assert which_frames(torch.cat([part.frames for part in parts])) == list(range(12))


def test_variable_frame_rate_by_rate(make_clip, which_frames):
    """Frames at 0, 0.1, 0.2 and 5 .. 5.1 s: at every full second and a half one is on screen."""
    path = make_clip("clip.mp4", 5, milliseconds=[0, 100, 200, 5000, 5100])
    assert which_frames(sample_clip(path, rate=1.0).frames) == [2]
    assert which_frames(sample_clip(path, rate=10.0).frames) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("chunk", [2, 64])
def test_windows_show_what_happens_about_each_frame(make_clip, which_frames, chunk):
    path = make_clip("clip.mp4", 30, width=56, height=56)
    window = Window(frames=3, rate=5.0, side=28)  # two frames of the clip apart
    parts = list(ClipStream(path, 6, chunk=chunk, window=window))
    numbers = which_frames(torch.cat([part.frames for part in parts]))
    windows = torch.cat([part.windows for part in parts])
    assert windows.shape == (6, 3, 28, 28, 3)
    assert [which_frames(one) for one in windows] == [[n - 2, n, n + 2] for n in numbers]


def test_windows_stop_at_the_ends(make_clip, which_frames):
    path = make_clip("clip.mp4", 3, width=56, height=56)
    clip = sample_clip(path, 3, window=Window(frames=5, rate=10.0, side=28))
    assert which_frames(clip.windows[0]) == [0, 0, 0, 1, 2]
    assert which_frames(clip.windows[2]) == [0, 1, 2, 2, 2]


@pytest.mark.parametrize("chunk", [4, 64])
def test_a_dead_tail_is_noted(make_clip, which_frames, chunk):
    path = make_clip("clip.mp4", 60, options={"movflags": "faststart"}, picture=noisy_bars, key_every=5)
    content = bytearray(path.read_bytes())
    half = (content.index(b"mdat") + len(content)) // 2
    content[half:] = bytes(len(content) - half)  # the index still lists all packets
    path.write_bytes(content)
    stream = ClipStream(path, 12, chunk=chunk, window=Window(2, 10.0, 16))
    parts = list(stream)
    numbers = which_frames(torch.cat([part.frames[:, :24] for part in parts]))
    assert "of 6.0 s decode" in stream.note
    assert len(numbers) in ((5, 6, 7) if chunk == 4 else (12,))  # a stream does not begin anew
    assert numbers == sorted(set(numbers))
    assert 20 < numbers[-1] < 35
    assert sum(len(part.windows) for part in parts) == len(numbers)


def test_no_more_is_decoded_than_a_part_needs(make_clip, monkeypatch):
    steps, step = [], ClipReader._step
    monkeypatch.setattr(ClipReader, "_step", lambda self: steps.append(self.time) or step(self))
    stream = iter(ClipStream(make_clip("clip.mp4", 100), 50, chunk=5))
    assert len(next(stream).time) == 5
    assert len(steps) < 15
    assert sum(len(part.time) for part in stream) == 45


@pytest.mark.parametrize(
    "make",
    [
        lambda path: ClipStream(path, 0),
        lambda path: ClipStream(path, rate=0.0),
        lambda path: ClipStream(path, rate=float("nan")),
        lambda path: Window(frames=1),
        lambda path: Window(rate=0.0),
        lambda path: Window(side=0),
    ],
)
def test_nothing_to_take_is_refused(make, tmp_path):
    with pytest.raises(DataError, match=r"num_frames|rate|window"):
        make(tmp_path / "clip.mp4")


def test_window_times():
    times = Window(frames=4, rate=2.0, side=8).times(torch.tensor([0.5, 3.0], dtype=torch.float64))
    np.testing.assert_allclose(times, [[0.0, 0.25, 0.75, 1.25], [2.25, 2.75, 3.25, 3.75]])


def plain_visits(times, chunk, window):
    """All visits at once, sorted."""
    visits = [(time, sample, False) for sample, time in enumerate(times.tolist())]
    if window is not None:
        visits += [(time, sample, True) for sample, row in enumerate(window.times(times).tolist()) for time in row]
    visits.sort()
    final = {sample // chunk: index for index, (_, sample, _) in enumerate(visits)}
    return [(time, sample, final[sample // chunk] == index, wide) for index, (time, sample, wide) in enumerate(visits)]


@pytest.mark.parametrize("window", [None, Window(frames=2, rate=1.0), Window(frames=5, rate=0.2), Window(16, 100.0)])
@pytest.mark.parametrize(("duration", "count"), [(0.0, 1), (0.0, 3), (10.0, 7), (10.0, 130), (3600.0, 65)])
@pytest.mark.parametrize("chunk", [1, 7, 64, 2**40])
def test_visits_one_by_one_are_those_sorted_at_once(duration, count, chunk, window):
    times = uniform_times(duration, count)
    assert list(stream._visits(times, chunk, window)) == plain_visits(times, chunk, window)


def test_a_hundred_thousand_frames_of_a_short_clip(make_clip, which_frames):
    path = make_clip("clip.mp4", 6)
    assert sum((which_frames(part.frames) for part in ClipStream(path, 10**12)), []) == list(range(6))  # noqa: RUF017
    with pytest.raises(DataError, match=r"rate: is 1001 .*up to 1000"):
        ClipStream(path, rate=1001)
