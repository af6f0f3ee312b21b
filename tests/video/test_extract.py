from __future__ import annotations

import json
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError, MissingExtraError
from graphvtr.terminal import printable
from graphvtr.video import FeatureStore, PixelDescriptor, StoreWriteError, extract, find_clips, sample_clip
from graphvtr.video.clip_files import describe_source
from graphvtr.video.extract import ExtractReport
from tests.processes import clean_context


@pytest.fixture
def folder(make_clip, tmp_path) -> Path:
    """Six sound clips of different lengths."""
    for index in range(6):
        make_clip(f"clips/clip{index}.mp4", 6 + index)
    return tmp_path / "clips"


def run(folder, out, featurizer, **settings):
    return extract(folder, out, featurizer, num_frames=4, progress=False, **settings)


# -- finding clips ----------------------------------------------------------------------------------------------


def test_clips_are_found_in_natural_order(tmp_path):
    for name in ("b10.mp4", "b2.MP4", "sub/a.avi", "sub/deep/c.webm", "notes.txt", ".hidden.mp4", "fake.mp4/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    clips, duplicates = find_clips(tmp_path)
    assert list(clips) == ["b2", "b10", "a", "c"]
    assert clips["c"] == tmp_path / "sub" / "deep" / "c.webm"
    assert duplicates == {}


def test_duplicate_names_are_reported(tmp_path):
    for name in ("a.mp4", "a.avi", "sub/a.mp4", "b.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    clips, duplicates = find_clips(tmp_path)
    assert clips == {"a": tmp_path / "a.avi", "b": tmp_path / "b.mp4"}
    assert duplicates.keys() == {"a.mp4", "sub/a.mp4"}
    assert duplicates["a.mp4"].startswith("has the same name as a.avi: rename one of them, or take names with folders")


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no clips .*\.mp4"):
        find_clips(tmp_path)
    for path in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").touch()
        with pytest.raises(DataError, match="is not a folder"):
            find_clips(path)


def test_names_that_cannot_be_printed_are_escaped(tmp_path, make_clip, mean_colour):
    make_clip("clips/two\nlines\t.mp4", 4)
    report = run(tmp_path / "clips", tmp_path / "store", mean_colour())
    assert report.extracted == ["two\\nlines\\t"]
    store = FeatureStore.open(tmp_path / "store")
    assert store.names == report.extracted
    assert store.entry("two\\nlines\\t").source["file"] == "two\\nlines\\t.mp4"
    assert run(tmp_path / "clips", tmp_path / "store", mean_colour()).skipped == report.extracted


def test_a_read_only_store_stops_the_run(folder, tmp_path, mean_colour):
    run(folder, tmp_path / "store", mean_colour())
    (tmp_path / "store" / ".lock").unlink()
    (tmp_path / "store" / ".lock").mkdir()  # as if it could not be opened: the tests may run as root
    assert len(FeatureStore.open(tmp_path / "store")) == 6
    with pytest.raises(StoreWriteError, match=r"cannot be written .*choose a folder that you may write to"):
        run(folder, tmp_path / "store", mean_colour())


def test_fingerprints_see_changes_anywhere(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(5 * 2**20))
    prints = {describe_source(path, tmp_path)["fingerprint"]}
    for offset in (0, 5 * 2**19, 5 * 2**20 - 1):
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(b"x")
        prints.add(describe_source(path, tmp_path)["fingerprint"])
    with path.open("ab") as file:
        file.write(b"\0")
    found = describe_source(path, tmp_path)
    prints.add(found["fingerprint"])
    assert len(prints) == 5
    assert (found["file"], found["bytes"]) == ("film.mp4", 5 * 2**20 + 1)


# -- a run ------------------------------------------------------------------------------------------------------


def test_the_store_holds_what_the_featurizer_makes(folder, tmp_path):
    featurizer = PixelDescriptor(size=16)
    report = run(folder, tmp_path / "store", featurizer)
    assert report.ok
    assert report.extracted == [f"clip{i}" for i in range(6)]
    assert (report.skipped, report.failures, report.notes) == ([], {}, {})
    store = FeatureStore.open(tmp_path / "store")
    assert store.names == report.extracted
    for name in store:
        clip = sample_clip(folder / f"{name}.mp4", 4)
        found = store.read(name)
        torch.testing.assert_close(found["frame_x"], featurizer(clip.frames), atol=1e-3, rtol=1e-3)
        assert torch.equal(found["frame_time"], clip.time)
        assert store.entry(name).source["file"] == f"{name}.mp4"
        assert store.video_graph(name).num_frames == 4
    assert store.settings == {
        "features": {"name": "pixels", "version": "1", "settings": {"size": 16}},
        "frames": {"sampling": "uniform midpoints", "num_frames": 4, "max_side": 640},
    }
    assert json.loads((tmp_path / "store" / "failures.json").read_text()) == {}
    assert list(store.path.glob("clips/*")) == []  # all packed


def test_finished_clips_are_not_done_again(folder, tmp_path, mean_colour):
    run(folder, tmp_path / "store", mean_colour())
    for file in folder.iterdir():
        os.utime(file, (1, 1))  # a copy of the files has other times
    again = mean_colour()
    report = run(folder, tmp_path / "store", again)
    assert again.calls == 0
    assert (len(report.skipped), report.extracted, report.ok) == (6, [], True)


def test_new_and_changed_clips_are_done(folder, tmp_path, mean_colour, make_clip):
    run(folder, tmp_path / "store", mean_colour())
    make_clip("clips/clip2.mp4", 20)
    make_clip("clips/new.mp4", 5)
    report = run(folder, tmp_path / "store", mean_colour())
    assert report.extracted == ["clip2", "new"]
    store = FeatureStore.open(tmp_path / "store")
    assert len(store) == 7
    assert store.read("clip2")["frame_time"][-1] > 1.5
    assert store.verify() == {}


def test_other_settings_are_refused_and_overwriting_starts_anew(folder, tmp_path, mean_colour):
    run(folder, tmp_path / "store", mean_colour())
    with pytest.raises(DataError, match=r"frames.num_frames is 4 in the store and 5 now"):
        extract(folder, tmp_path / "store", mean_colour(), num_frames=5, progress=False)
    with pytest.raises(DataError, match=r"features.name is mean_colour in the store and pixels now.*overwrite"):
        run(folder, tmp_path / "store", PixelDescriptor())
    report = run(folder, tmp_path / "store", PixelDescriptor(), overwrite=True)
    assert len(report.extracted) == 6
    assert FeatureStore.open(tmp_path / "store").widths == {"frame_x": 416}


@pytest.mark.parametrize("settings", [{"num_frames": 0}, {"max_side": 0}])
def test_wrong_arguments_are_refused_before_anything_is_done(folder, tmp_path, mean_colour, settings):
    with pytest.raises(DataError, match=f"{next(iter(settings))}: is 0"):
        extract(folder, tmp_path / "store", mean_colour(), progress=False, **settings)
    assert not (tmp_path / "store").exists()


def test_overwriting_what_is_not_there_or_not_a_store(folder, tmp_path, mean_colour):
    assert run(folder, tmp_path / "store", mean_colour(), overwrite=True).ok
    with pytest.raises(DataError, match="is not a feature store"):
        run(folder, folder, mean_colour(), overwrite=True)
    assert len(list(folder.iterdir())) == 6


def test_broken_clips_are_reported_and_stop_nothing(folder, tmp_path, mean_colour):
    (folder / "zero.mp4").touch()
    (folder / "text.avi").write_text("hello\n" * 50)
    (folder / "clip0.avi").write_bytes((folder / "clip0.mp4").read_bytes())
    cut = (folder / "clip5.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(cut[: len(cut) // 2])
    report = run(folder, tmp_path / "store", mean_colour())
    assert len(report.extracted) == 6
    assert report.failures.keys() == {"zero", "text", "cut", "clip0.mp4"}
    assert "zero.mp4: is empty (0 bytes)" in report.failures["zero"]
    assert json.loads((tmp_path / "store" / "failures.json").read_text()) == report.failures
    summary = report.summary()
    assert "6 clips extracted" in summary
    assert "4 failed" in summary
    assert f"  zero: {report.failures['zero']}" in summary.splitlines()


def test_failed_clips_are_tried_again(folder, tmp_path, mean_colour, make_clip):
    (folder / "late.mp4").touch()
    assert run(folder, tmp_path / "store", mean_colour()).failures.keys() == {"late"}
    make_clip("clips/late.mp4", 5)
    report = run(folder, tmp_path / "store", mean_colour())
    assert (report.extracted, report.failures) == (["late"], {})
    assert json.loads((tmp_path / "store" / "failures.json").read_text()) == {}


def test_features_that_are_not_finite_fail_their_clip_only(folder, tmp_path, mean_colour):
    class Broken(mean_colour):
        def __call__(self, frames):
            found = super().__call__(frames)
            return found * float("nan") if self.calls == 2 else found

    report = run(folder, tmp_path / "store", Broken())
    assert report.failures.keys() == {"clip1"}
    assert "clip 'clip1': frame.x: has NaN" in report.failures["clip1"]
    assert "clip1" not in FeatureStore.open(tmp_path / "store")


def test_any_error_of_the_featurizer_fails_its_clip_only(folder, tmp_path, mean_colour):
    report = run(folder, tmp_path / "store", mean_colour(fail_at=3, error=ZeroDivisionError))
    assert report.failures == {"clip2": "ZeroDivisionError: on purpose"}
    assert len(report.extracted) == 5


def test_a_clip_that_is_not_whole_is_used_and_noted(make_clip, tmp_path, mean_colour):
    path = make_clip("clips/a.avi", 60, codec="mjpeg", pixels="yuvj420p")
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half:] = bytes(len(content) - half)
    path.write_bytes(content)
    report = run(path.parent, tmp_path / "store", mean_colour())
    assert "of 6.0 s decode" in report.notes["a"]
    assert "not whole, but used:" in report.summary()
    assert FeatureStore.open(tmp_path / "store").entry("a").note == report.notes["a"]


def test_nothing_readable(tmp_path, mean_colour):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").touch()
    report = run(tmp_path / "clips", tmp_path / "store", mean_colour())
    assert not report.ok


def test_summary_is_short_for_many_failures():
    report = ExtractReport(Path("store"), failures={f"clip{i}": "broken" for i in range(50)})
    lines = report.summary(limit=3).splitlines()
    assert lines[1:] == ["failed:", "  clip0: broken", "  clip1: broken", "  clip2: broken", "  ... and 47 more"]


def test_file_names_that_are_not_utf8(make_clip, tmp_path, mean_colour):
    folder = make_clip("clips/a.mp4", 5).parent
    try:
        os.rename(os.fsencode(folder / "a.mp4"), os.fsencode(folder) + b"/caf\xe9.mp4")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (folder / os.fsdecode(b"bad\xff.mp4")).touch()
    report = run(folder, tmp_path / "store", mean_colour())
    assert report.extracted == ["caf\\xe9"]
    report.summary().encode()
    assert printable(os.fsdecode(b"bad\xff")) in report.failures


def test_progress_is_shown(folder, tmp_path, mean_colour, capsys):
    extract(folder, tmp_path / "store", mean_colour(), num_frames=4)
    assert "6/6" in capsys.readouterr().err


# -- interruptions ----------------------------------------------------------------------------------------------


def test_an_interrupted_run_is_continued(folder, tmp_path, mean_colour):
    (folder / "a.mp4").touch()
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "store", mean_colour(fail_at=4))
    assert FeatureStore.open(tmp_path / "store").names == ["clip0", "clip1", "clip2"]
    assert "a" in json.loads((tmp_path / "store" / "failures.json").read_text())
    again = mean_colour()
    report = run(folder, tmp_path / "store", again)
    assert again.calls == 3
    assert (len(report.skipped), len(report.extracted)) == (3, 3)
    run(folder, tmp_path / "whole", mean_colour())
    assert FeatureStore.open(tmp_path / "store").checksum() == FeatureStore.open(tmp_path / "whole").checksum()


class Slow(PixelDescriptor):
    def __call__(self, frames):
        time.sleep(0.2)
        return super().__call__(frames)


def test_a_killed_run_is_continued(folder, tmp_path):
    """SIGKILL while it works; what was finished is whole, and the end is the same as without it."""
    out = tmp_path / "store"
    process = clean_context().Process(target=run, args=(folder, out, Slow(16)))
    process.start()
    deadline = time.monotonic() + 60
    while len(list(out.glob("clips/*.safetensors"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    finished = FeatureStore.open(out)
    assert 2 <= len(finished) < 6
    assert finished.verify() == {}
    report = run(folder, out, PixelDescriptor(16))
    assert report.skipped == finished.names
    run(folder, tmp_path / "whole", PixelDescriptor(16))
    assert FeatureStore.open(out).checksum() == FeatureStore.open(tmp_path / "whole").checksum()


class Growing(PixelDescriptor):
    """No file may grow beyond 1,000 bytes from the fourth clip on."""

    calls = 0

    def __call__(self, frames):
        import resource

        self.calls += 1
        if self.calls == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        return super().__call__(frames)


def _told(folder: Path, out: Path, told: Connection) -> None:
    """Extract, and tell why that stopped."""
    try:
        run(folder, out, Growing(16))
    except StoreWriteError as error:
        told.send(str(error))


def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(folder, tmp_path):
    context = clean_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_told, args=(folder, tmp_path / "store", theirs))
    process.start()
    assert ours.poll(60)
    error = ours.recv()
    process.join(60)
    assert "File too large" in error
    assert "finished clips are kept" in error
    store = FeatureStore.open(tmp_path / "store")
    assert store.names == ["clip0", "clip1", "clip2"]
    assert store.verify() == {}
    assert not list(store.path.rglob("*.partial"))


def test_a_store_that_cannot_be_written_is_not_a_broken_clip(folder, tmp_path, mean_colour, monkeypatch):
    def fail(*args, **kwargs):
        raise StoreWriteError("disk", "cannot be written (No space left on device)")

    monkeypatch.setattr(FeatureStore, "add_clip", fail)
    featurizer = mean_colour()
    with pytest.raises(StoreWriteError):
        run(folder, tmp_path / "store", featurizer)
    assert featurizer.calls == 1


def test_a_missing_package_is_not_a_broken_clip(folder, tmp_path, mean_colour, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"graphvtr\[video\]"):
        run(folder, tmp_path / "store", mean_colour())


# -- real clips -------------------------------------------------------------------------------------------------


@pytest.mark.real
def test_real_clips(real_data, tmp_path):
    """Eight clips of MSVD: read without loss, told apart by their features, the same on a second run."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for path in sorted((real_data / "msvd98" / "video").glob("*.avi"))[:8]:
        (clips / path.name).symlink_to(path)
    report = extract(clips, tmp_path / "store", PixelDescriptor(), progress=False)
    assert (len(report.extracted), report.failures, report.notes) == (8, {}, {})
    store = FeatureStore.open(tmp_path / "store")
    x = torch.stack([store.read(name)["frame_x"] for name in store])  # [8, 20, 416]
    halves = torch.nn.functional.normalize(x.view(8, 2, 10, 416).mean(2), dim=-1)
    nearest = (halves[:, 0] @ halves[:, 1].T).argmax(1)
    assert (nearest == torch.arange(8)).sum() >= 6  # chance: 1
    for name in store:
        time = store.read(name)["frame_time"]
        gaps = time.diff()
        assert len(time) == 20
        assert gaps.max() - gaps.min() < 0.15  # even, up to the frame rate
    extract(clips, tmp_path / "again", PixelDescriptor(), progress=False)
    assert FeatureStore.open(tmp_path / "again").checksum() == store.checksum()
