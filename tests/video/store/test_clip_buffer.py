from __future__ import annotations

import resource
import signal

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import ClipBuffer, FeatureStore, StoreWriteError
from graphvtr.video.store import clip_buffer

WIDTHS = {"frame_x": 6, "region_x": 6}


def parts(random_fields, counts=(3, 1, 4)):
    """Parts of a clip and the whole."""
    whole, found, frames, regions = {}, [], 0, 0
    for number, count in enumerate(counts):
        part = random_fields(frames=count, regions=5 * number)
        part.pop("region_track")
        part["frame_time"] += frames
        found.append(part)
        for key, value in part.items():
            whole.setdefault(key, []).append(value + frames if key == "region_frame" else value)
        frames, regions = frames + count, regions + 5 * number
    return found, {key: torch.cat(values) for key, values in whole.items()} | {"region_track": torch.arange(regions)}


@pytest.mark.parametrize("in_memory", [2**20, 1])
@pytest.mark.parametrize("piece", [2**20, 7])
def test_parts_are_the_whole(random_fields, tmp_path, monkeypatch, in_memory, piece):
    monkeypatch.setattr(clip_buffer, "PIECE", piece)
    given, whole = parts(random_fields)
    one, other = (FeatureStore.create(tmp_path / name, WIDTHS) for name in ("one", "other"))
    one.add("clip", whole, source={"file": "f"}, note="odd")
    with ClipBuffer("clip", WIDTHS, tmp_path, in_memory) as clip:
        for part in given:
            clip.append(part)
        clip.put("region_track", whole["region_track"])
        for key, value in one.read("clip").items():
            assert torch.equal(clip.tensors()[key], value)
        other.add_clip(clip, source={"file": "f"}, note="odd")
        assert not [file for file in tmp_path.iterdir() if file.is_file()]  # its files have no name
    assert other.entry("clip") == one.entry("clip")
    assert other.verify() == {}
    assert FeatureStore.open(other.path).checksum() == one.checksum()


def test_rows(random_fields):
    (part, *_), _ = parts(random_fields)
    with ClipBuffer("clip", WIDTHS) as clip:
        clip.append(part)
        rows, expected = clip.rows("frame_x"), part["frame_x"].half().float()
        assert rows.shape == (3, 6)
        for index in (slice(None), slice(1, 2), slice(2, 9), slice(2, 1), slice(-1, None)):
            assert torch.equal(rows[index], expected[index])
        with pytest.raises(DataError, match="step of 2"):
            rows[::2]


def test_what_does_not_fit_is_refused(random_fields):
    given, _ = parts(random_fields)
    with ClipBuffer("clip", WIDTHS) as clip:
        clip.append(given[1])
        with pytest.raises(DataError, match=r"clip 'clip': its parts differ in region_score"):
            clip.append({key: value for key, value in given[2].items() if key != "region_score"})
        with pytest.raises(DataError, match=r"frame_time: decreases"):
            clip.append(given[0])
        with pytest.raises(DataError, match=r"frame.x: has NaN"):
            clip.append({**given[2], "frame_x": given[2]["frame_x"] * float("nan")})
        for key, value in (
            ("region_track", torch.zeros(6)),
            ("region_box", torch.zeros(5)),
            ("frame_x", torch.zeros(1)),
            ("colour", torch.zeros(0)),
        ):
            with pytest.raises(DataError, match=f"{key}: has shape"):
                clip.put(key, value)
        assert clip.shapes["frame_x"] == [1, 6]  # what was refused left nothing
    with pytest.raises(DataError, match="is not a name"):
        ClipBuffer("a\nb", WIDTHS)


def test_an_empty_buffer_is_no_clip(tmp_path):
    store = FeatureStore.create(tmp_path / "store", WIDTHS)
    with store.new_clip("clip") as clip, pytest.raises(DataError, match="clip 'clip': has no fields"):
        store.add_clip(clip)


def gather(clip, given):
    for part in given:
        clip.append(part)


def test_a_full_disk_while_features_are_gathered(random_fields, tmp_path):
    store = FeatureStore.create(tmp_path / "store", WIDTHS)
    store.add("first", parts(random_fields)[1])
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    given = [
        parts(random_fields)[0][1] | {"frame_x": torch.zeros(100, 6), "frame_time": torch.full((100,), float(second))}
        for second in range(100)
    ]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        problem = r"clip 'large': the temporary file of frame_x.*File too large"
        with (
            ClipBuffer("large", WIDTHS, store.path / "clips", 1) as clip,
            pytest.raises(StoreWriteError, match=problem),
        ):
            gather(clip, given)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert [file.name[:5] for file in store.path.glob("clips/*")] == ["first"]
    assert FeatureStore.open(store.path).verify() == {}


def test_values_too_small_are_judged_of_the_whole_clip() -> None:
    """One such value is a thousandth of a small part, and a millionth of the clip."""
    rows = torch.ones(50, 100)
    rows[0, 0] = 1e-9
    with ClipBuffer("clip", {"frame_x": 100}) as clip:
        for time, row in enumerate(rows):
            clip.append({"frame_x": row[None], "frame_time": torch.tensor([float(time)])})
        assert clip.tensors()["frame_x"].count_nonzero() == rows.numel() - 1
    rows[:, :50] = 1e-9
    with ClipBuffer("clip", {"frame_x": 100}) as clip:
        for time, row in enumerate(rows):
            clip.append({"frame_x": row[None], "frame_time": torch.tensor([float(time)])})
        with pytest.raises(DataError, match=r"clip 'clip': frame_x: has values too small for float16: 50\.0%"):
            clip.tensors()
