"""Time stamps that cannot be true do not decide what a clip is."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from graphvtr.video import ClipStream, FeatureStore, PixelDescriptor, extract, find_clips, sample_clip
from graphvtr.video.clock import Clock
from graphvtr.video.sampling import ceiling

DAY = 86_400_000  # milliseconds
YEAR = 365 * DAY
EVERY = list(range(0, 6000, 100))  # 60 frames, 10 a second


def stamped(late: int, where: int) -> list[int]:
    return [stamp + (late if place >= where else 0) for place, stamp in enumerate(EVERY)]


@pytest.mark.parametrize("late", [30 * DAY, 200 * YEAR, 3 * 60_000], ids=["month", "200 years", "3 minutes"])
@pytest.mark.parametrize("where", [59, 57])
def test_late_stamps_at_the_end(make_clip, which_frames, late: int, where: int) -> None:
    path = make_clip("late.mkv", 60, milliseconds=stamped(late, where))
    whole = sample_clip(make_clip("whole.mkv", 60, milliseconds=EVERY), 20)
    begin = time.monotonic()
    clip = sample_clip(path, 20)
    assert len(clip.time) == 20
    assert which_frames(clip.frames) == which_frames(whole.frames)
    assert clip.info.duration == pytest.approx(6.0, abs=0.4)
    assert f"{60 - where} of 60 packets are stamped up to" in clip.note
    by_rate = sample_clip(path, rate=1)  # no hang, no 50 GB
    assert len(by_rate.time) == 6
    assert time.monotonic() - begin < 30
    assert whole.note == ""


def test_one_late_stamp_inside_leaves_the_rest(make_clip, which_frames) -> None:
    stamps = list(EVERY)
    stamps[30] += 30 * DAY
    stamps = stamps[:30] + stamps[31:] + [stamps[30]]  # muxers want them in order: the odd one comes last
    clip = sample_clip(make_clip("late.mkv", 60, milliseconds=stamps), 20)
    assert len(clip.time) == 20
    assert "1 of 60 packets" in clip.note


def test_early_stamps_before_the_clip(make_clip) -> None:
    stamps = [0, 100, *(stamp + 40 * DAY for stamp in EVERY[2:])]
    clip = sample_clip(make_clip("early.mkv", 60, milliseconds=stamps), 20)
    assert len(clip.time) == 20
    assert float(clip.time[-1]) < 6
    assert "2 of 60 packets" in clip.note


def test_a_slide_show_is_believed(make_clip) -> None:
    stamps = [0, 40_000, 90_000, 130_000, 290_000, 300_000]
    clip = sample_clip(make_clip("slides.mkv", 6, milliseconds=stamps), 30)
    assert [round(float(second)) for second in clip.time] == [0, 40, 90, 130, 290, 300][: len(clip.time)]
    assert "stamped" not in clip.note


@pytest.mark.parametrize("kind", ["mkv", "mp4"])
def test_a_clip_that_starts_at_100_seconds_is_whole(make_clip, which_frames, kind: str) -> None:
    shifted = sample_clip(make_clip(f"shifted.{kind}", 60, milliseconds=[100_000 + stamp for stamp in EVERY]), 20)
    whole = sample_clip(make_clip(f"whole.{kind}", 60, milliseconds=EVERY), 20)
    assert shifted.note == whole.note == ""
    assert which_frames(shifted.frames) == which_frames(whole.frames)
    assert np.allclose(shifted.time, whole.time, atol=1e-3)


@pytest.mark.parametrize("chunk", [4, 64])
def test_fewer_frames_than_asked_are_noted(make_clip, chunk: int) -> None:
    stream = ClipStream(make_clip("short.mp4", 7), 20, chunk=chunk)
    assert sum(len(part.time) for part in stream) == 7
    assert stream.note == "7 frames of 20 asked for"
    stream = ClipStream(make_clip("short.mp4", 7), 7, chunk=chunk)
    assert sum(len(part.time) for part in stream) == 7
    assert stream.note == ""


def test_samples_have_a_ceiling() -> None:
    assert ceiling(10) == 100_000
    assert ceiling(2_160_000) == 4_320_000  # a day at 25 frames a second, all of them


def test_clock_without_stamps_counts_packets() -> None:
    assert Clock.read([], [], 50, 0.04) == Clock(0.0, 2.0, 2.0, 50)
    clock = Clock.read([0.0, 0.04, 1e6], [0.04, 0.08, 1e6 + 0.04], 3, 0.04)
    assert (clock.start, clock.last, clock.strays) == (0.0, 0.04, 1)
    assert clock.believes(0.04)
    assert not clock.believes(1e6)


def test_linked_folders_are_followed_once(make_clip, tmp_path: Path) -> None:
    clip = make_clip("elsewhere/a.mp4", 3)
    folder = tmp_path / "clips"
    (folder / "sub").mkdir(parents=True)
    (folder / "linked").symlink_to(clip.parent, target_is_directory=True)
    (folder / "sub" / "circle").symlink_to(folder, target_is_directory=True)
    (folder / "twice").symlink_to(clip.parent, target_is_directory=True)
    (folder / "file.mp4").symlink_to(clip)
    (folder / "gone.mp4").symlink_to(tmp_path / "nothing.mp4")
    clips, duplicates = find_clips(folder)
    assert {name: file.relative_to(folder).as_posix() for name, file in clips.items()} == {
        "a": "linked/a.mp4",
        "file": "file.mp4",
    }
    assert duplicates == {}


def test_same_names_in_several_folders(make_clip, tmp_path: Path) -> None:
    for name in ("cat/000.mp4", "dog/000.mp4"):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        make_clip("one.mp4", 3).rename(tmp_path / "clips" / name)
    report = extract(tmp_path / "clips", tmp_path / "by_file", PixelDescriptor(), progress=False)
    assert "--names path" in report.failures["dog/000.mp4"]
    report = extract(tmp_path / "clips", tmp_path / "by_path", PixelDescriptor(), names="path", progress=False)
    assert (report.extracted, report.failures) == (["cat/000", "dog/000"], {})
    store = FeatureStore.open(tmp_path / "by_path")
    assert list(store) == ["cat/000", "dog/000"]
    assert store.video_graphs()[1].name == "dog/000"
    assert store.verify() == {}


def test_a_resumed_extraction_still_says_what_is_not_whole(make_clip, tmp_path: Path) -> None:
    make_clip("clips/short.mp4", 7)
    for _ in range(2):
        report = extract(tmp_path / "clips", tmp_path / "store", PixelDescriptor(), progress=False)
        assert report.notes == {"short": "7 frames of 20 asked for"}
    assert report.skipped == ["short"]
