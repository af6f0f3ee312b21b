"""What goes wrong costs its clip and nothing else, and is reported: faults of clips, disks and processes."""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from graphvtr.errors import DataError
from graphvtr.video import FeatureStore, GridRegions, PixelDescriptor, StoreWriteError, TrackLinker, extract, workers
from graphvtr.video.store import feature_store, manifest
from tests.clips import noise
from tests.processes import Child, clean_context, run_command

SOUND = ["clip0", "clip1", "clip2"]


@pytest.fixture
def folder(make_clip, tmp_path) -> Path:
    for name in SOUND:
        make_clip(f"clips/{name}.mp4", 10)
    return tmp_path / "clips"


@pytest.fixture
def faults(folder, make_clip) -> dict[str, str]:
    """Broken clips beside the sound ones -> what the report says of them."""

    (folder / "zero.mp4").touch()
    (folder / "text.avi").write_text("not a clip\n" * 100)
    cut = make_clip("clips/cut.mp4", 30)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])  # its index stood at the end
    dead = make_clip("clips/dead.mp4", 30, options={"movflags": "faststart"}, picture=noise)
    content = bytearray(dead.read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = bytes(len(content) - start)
    dead.write_bytes(content)
    with av.open(str(folder / "sound.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return {
        "zero": "is empty (0 bytes)",
        "text": "cannot be opened as a video",
        "cut": "cannot be opened as a video",
        "dead": "no frame of it decodes",
        "sound": "has no video stream, only audio",
    }


def odd_clips(make_clip) -> list[str]:
    """Clips that look wrong and are not."""
    make_clip("clips/single.mp4", 1)
    make_clip("clips/wide.avi", 1, codec="mjpeg", pixels="yuvj420p", width=1920, height=1080)
    make_clip("clips/tiny.avi", 3, codec="mjpeg", pixels="yuvj444p", width=9, height=7)
    make_clip("clips/late.mkv", 3, milliseconds=[0, 60_000, 60_100])
    tail = make_clip("clips/tail.avi", 60, codec="mjpeg", pixels="yuvj420p")
    content = bytearray(tail.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    tail.write_bytes(content)
    return ["single", "wide", "tiny", "late", "tail"]


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that need not import torch. (``test_workers_end_with_their_parent`` has them as users do.)"""
    context = clean_context()
    monkeypatch.setattr(workers, "multiprocessing", SimpleNamespace(get_context=lambda kind: context))


def test_every_fault_costs_its_clip_only(folder, faults, make_clip, tmp_path, quick_workers):
    odd = odd_clips(make_clip)
    parts = {"detector": GridRegions(2), "linker": TrackLinker(), "num_frames": 4, "progress": False}
    report = extract(folder, tmp_path / "store", PixelDescriptor(16), **parts)
    assert set(report.extracted) == {*SOUND, *odd}
    assert report.failures.keys() == faults.keys()
    for name, problem in faults.items():
        assert f"{name}." in report.failures[name]  # the file, by name
        assert problem in report.failures[name]
    assert report.notes.keys() == set(odd)  # each has fewer frames than asked for
    assert report.notes["single"] == "1 frames of 4 asked for"
    assert "5 failed" in report.summary()
    assert json.loads((tmp_path / "store" / "failures.json").read_text()) == report.failures
    store = FeatureStore.open(tmp_path / "store")
    assert store.names == sorted([*SOUND, *odd])
    assert store.verify() == {}
    assert store.video_graph("single").num_frames == 1
    assert store.video_graph("single").num_regions == 4
    assert (store.video_graph("clip0")["region"].track >= 0).all()
    again = extract(folder, tmp_path / "shared", PixelDescriptor(16), **parts, workers=2)
    assert (again.extracted, again.failures, again.notes) == (report.extracted, report.failures, report.notes)
    assert list(again.failures) == list(report.failures)
    assert FeatureStore.open(tmp_path / "shared").checksum() == store.checksum()


class Broken(PixelDescriptor):
    """Wrong at its second clip."""

    def __init__(self, how: str) -> None:
        super().__init__(16)
        self.how, self.calls = how, 0

    def __call__(self, frames):
        found = super().__call__(frames)
        self.calls += 1
        if self.calls != 2:
            return found
        return {"nan": found * float("nan"), "wide": found[:, :100], "large": found + 1e6}[self.how]


@pytest.mark.parametrize(
    ("how", "problem"),
    [("nan", "has NaN"), ("wide", "has shape [4, 100], the store holds [n, 416]"), ("large", "beyond float16's 65504")],
)
def test_wrong_features_cost_their_clip_only(folder, tmp_path, how, problem):
    report = extract(folder, tmp_path / "store", Broken(how), num_frames=4, progress=False)
    assert report.extracted == ["clip0", "clip2"]
    assert report.failures.keys() == {"clip1"}
    assert "clip 'clip1'" in report.failures["clip1"]
    assert problem in report.failures["clip1"]


def test_regions_that_are_not_finite_cost_their_clip_only(folder, tmp_path):
    class Broken(GridRegions):
        calls = 0

        def __call__(self, frames, **details):
            found = super().__call__(frames, **details)
            self.calls += 1
            if self.calls == 2:
                object.__setattr__(found, "box", found.box * float("nan"))
            return found

    report = extract(folder, tmp_path / "store", PixelDescriptor(16), detector=Broken(2), num_frames=4, progress=False)
    assert report.extracted == ["clip0", "clip2"]
    assert report.failures.keys() == {"clip1"}


DEADLY = """
import os, signal
from graphvtr.video import GridRegions

class Deadly(GridRegions):
    def __call__(self, frames, *, time=None, name=""):
        if name == "clip1":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(frames, time=time, name=name)
"""


def test_a_clip_that_kills_its_process_costs_itself_only(folder, tmp_path, monkeypatch, quick_workers):
    (tmp_path / "deadly.py").write_text(DEADLY)
    (folder / "clip2.mp4").unlink()
    monkeypatch.syspath_prepend(tmp_path)
    import deadly  # workers find it on the same path

    report = extract(
        folder,
        tmp_path / "store",
        PixelDescriptor(16),
        detector=deadly.Deadly(2),
        num_frames=4,
        workers=2,
        progress=False,
    )
    assert report.failures == {"clip1": "the process that read it died (killed, out of memory, or a fault in a codec)"}
    store = FeatureStore.open(tmp_path / "store")
    assert store.names == ["clip0"]
    assert store.verify() == {}


def test_parts_that_cannot_travel_are_refused(folder, tmp_path):
    class Local(PixelDescriptor):
        pass

    with pytest.raises(DataError, match=r"workers: cannot be sent the parts of the pipeline .*Local"):
        extract(folder, tmp_path / "store", Local(16), num_frames=4, workers=2, progress=False)


def test_errors_of_workers_come_back_whole():
    error = StoreWriteError("store", "cannot be written (No space left on device)", "make room")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own object)
    assert (type(again), str(again), again.fix) == (StoreWriteError, str(error), "make room")


def test_two_processes_on_one_store(make_clip, folder, tmp_path):
    for index in range(3, 9):
        make_clip(f"clips/clip{index}.mp4", 10)
    out = tmp_path / "store"
    command = ["extract", str(folder), "--out", str(out), "--frames", "4", "--detector", "grid"]
    processes = [clean_context().Process(target=run_command, args=(command,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0, 0]
    store = FeatureStore.open(out)
    assert len(store) == 9
    assert store.verify() == {}
    assert not list(out.glob("clips/*"))
    whole = tmp_path / "whole"
    extract(
        folder, whole, PixelDescriptor(), detector=GridRegions(6), linker=TrackLinker(), num_frames=4, progress=False
    )
    assert store.checksum() == FeatureStore.open(whole).checksum()


def _killed(folder: Path, out: Path) -> None:
    """SIGKILL between the first byte of the second clip's file and its renaming."""
    synced, count = os.fsync, 0

    def fsync(number: int) -> None:
        nonlocal count
        synced(number)
        count += 1
        if count == 5:  # the manifest and the first clip, each with its folder, then the second clip
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = fsync
    extract(folder, out, PixelDescriptor(16), num_frames=4, progress=False)


def test_killed_while_it_writes(folder, tmp_path):
    out = tmp_path / "store"
    process = clean_context().Process(target=_killed, args=(folder, out))
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    assert len(list(out.glob("clips/*.partial"))) == 1
    store = FeatureStore.open(out)
    assert (store.names, store.damaged, store.verify()) == (["clip0"], {}, {})
    report = extract(folder, out, PixelDescriptor(16), num_frames=4, progress=False)
    assert (report.skipped, report.extracted) == (["clip0"], ["clip1", "clip2"])
    assert not list(out.rglob("*.partial"))
    extract(folder, tmp_path / "whole", PixelDescriptor(16), num_frames=4, progress=False)
    assert FeatureStore.open(out).checksum() == FeatureStore.open(tmp_path / "whole").checksum()


class Slow(GridRegions):
    def __call__(self, frames, **details):
        print("at work", flush=True)
        time.sleep(0.2)
        return super().__call__(frames, **details)


def _extract_slowly(folder: Path, out: Path) -> None:
    extract(folder, out, PixelDescriptor(16), detector=Slow(2), num_frames=4, workers=2, progress=False)


def test_workers_end_with_their_parent(make_clip, folder, tmp_path):
    """SIGKILL gives nobody the time to tell them."""
    for index in range(3, 16):
        make_clip(f"clips/clip{index}.mp4", 10)
    with Child(_extract_slowly, folder, tmp_path / "store") as process:
        for _ in range(6):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate(60)  # the other end of the pipe is open as long as a worker lives
        assert process.poll() == -signal.SIGKILL
    store = FeatureStore.open(tmp_path / "store")
    assert 0 < len(store) < 16
    assert store.verify() == {}


def test_a_store_that_another_process_makes_at_the_same_time(tmp_path, monkeypatch):
    """It is opened where its settings are the same, and refused where they are not."""
    widths, settings = {"frame_x": 2}, {"same": 1}
    path, looked = tmp_path / "store", []

    def not_yet(where):
        """No at the first two looks, between which the other one makes it."""
        looked.append(where)
        if len(looked) == 1:
            path.mkdir()
            (path / "manifest.json.1-2.partial").touch()  # the other one is writing
        else:
            monkeypatch.undo()
            (path / "manifest.json.1-2.partial").unlink()
            FeatureStore.create(path, widths, settings)
        return False

    for module in (feature_store, manifest):
        monkeypatch.setattr(module, "has_manifest", not_yet)
    store = FeatureStore.resume(path, widths, settings)
    assert len(looked) == 2
    assert store.settings == settings
    with pytest.raises(DataError, match="same is 1 in the store and 2 now"):
        FeatureStore.resume(path, widths, {"same": 2})
