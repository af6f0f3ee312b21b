from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import ClipReader, decode, probe, sample_clip
from graphvtr.video.container import OpenVideo
from tests.clips import noise

FORMATS = [
    ("clip.mp4", "libx264", "yuv420p", 64, 48),
    ("clip.avi", "mpeg4", "yuv420p", 64, 48),
    ("clip.mkv", "libx264", "yuv420p", 64, 48),
    ("clip.mov", "mpeg4", "yuv420p", 64, 48),
    ("clip.webm", "libvpx", "yuv420p", 64, 48),
    ("clip.gif", "gif", "gray", 33, 21),
    ("odd.avi", "mjpeg", "yuvj444p", 63, 47),
    ("CLIP.MP4", "libx264", "yuv420p", 64, 48),
]


@pytest.mark.parametrize(("name", "codec", "pixels", "width", "height"), FORMATS)
def test_every_format_gives_its_frames_in_order(make_clip, which_frames, name, codec, pixels, width, height):
    path = make_clip(name, 30, codec=codec, pixels=pixels, width=width, height=height)
    with ClipReader(path) as reader:
        times, pictures = zip(*reader.frames(), strict=True)
    assert pictures[0].shape == (height, width, 3)
    assert pictures[0].dtype == torch.uint8
    assert times == pytest.approx([i / 10 for i in range(30)], abs=1e-3)
    assert which_frames(torch.stack(pictures)) == list(range(30))


def test_probe_describes_the_clip(make_clip):
    info = probe(make_clip("clip.mp4", 30))
    assert (info.codec, info.width, info.height, info.rotation) == ("h264", 64, 48, 0)
    assert (info.duration, info.declared, info.frame_rate) == pytest.approx((3.0, 3.0, 10.0))


@pytest.mark.parametrize("count", [30, 50])
def test_length_of_a_program_stream(make_clip, count):
    """It starts at half a second and may declare the length of a single frame."""
    info = probe(make_clip("clip.mpg", count, codec="mpeg2video", rate=25))
    assert info.duration == pytest.approx(count / 25, abs=0.05)


def test_length_of_a_live_recording_that_declares_none(make_clip):
    info = probe(make_clip("clip.mkv", 30, options={"live": "1"}))
    assert (info.declared, info.duration) == pytest.approx((0.0, 3.0))


def test_sound_does_not_count(make_clip):
    info = probe(make_clip("clip.mkv", 20, audio_seconds=6))
    assert (info.declared, info.duration) == pytest.approx((0.0, 2.0))


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotation_asked_for_by_the_file_is_done(make_clip, rotation):
    def marked(index: int, width: int, height: int) -> np.ndarray:
        picture = np.zeros((height, width, 3), np.uint8)
        picture[: height // 2, : width // 2] = 255  # upper left corner
        return picture

    path = make_clip("clip.mp4", 2, picture=marked, rotation=rotation)
    with ClipReader(path) as reader:
        _, picture = reader.at(0.0)
    stored = torch.zeros(48, 64)
    stored[:24, :32] = 255
    upright = torch.rot90(stored, rotation // 90)  # the display matrix counts counter-clockwise
    assert picture.shape[:2] == upright.shape == (reader.info.height, reader.info.width)
    assert reader.info.rotation == rotation % 360
    assert (picture.float().mean(-1) - upright).abs().mean() < 8


def test_variable_frame_rate_shows_what_is_on_screen(make_clip, which_frames):
    path = make_clip("clip.mp4", 5, milliseconds=[0, 100, 200, 5000, 5100])
    with ClipReader(path) as reader:
        found = [reader.at(time) for time in (0.0, 0.15, 4.9, 5.0, 5.12)]
    assert which_frames(torch.stack([picture for _, picture in found])) == [0, 1, 2, 3, 4]
    assert [time for time, _ in found] == pytest.approx([0.0, 0.1, 0.2, 5.0, 5.1], abs=1e-3)


def test_after_the_end_there_is_nothing(make_clip):
    with ClipReader(make_clip("clip.mp4", 10)) as reader:
        assert reader.at(0.99) is not None
        assert reader.end == pytest.approx(1.0)
        assert reader.at(1.01) is None


def test_large_pictures_are_shrunk_and_keep_their_proportions(make_clip):
    path = make_clip("clip.mp4", 2, width=320, height=180)
    with ClipReader(path, max_side=64) as reader:
        assert reader.at(0.0)[1].shape == (36, 64, 3)
        assert (reader.info.width, reader.info.height) == (320, 180)
    with ClipReader(path, max_side=1) as reader:
        assert reader.at(0.0)[1].shape == (1, 1, 3)
    with pytest.raises(DataError, match="max_side: is 0"):
        ClipReader(path, max_side=0)


def test_8k_is_shrunk_while_it_is_decoded(make_clip, which_frames):
    path = make_clip("clip.avi", 2, codec="mjpeg", pixels="yuvj420p", width=7680, height=4320)
    clip = sample_clip(path, 2)
    assert clip.frames.shape == (2, 360, 640, 3)
    assert which_frames(clip.frames) == [0, 1]


def test_pictures_keep_their_size_when_the_stream_changes_it(tmp_path, numbered, which_frames):
    path = tmp_path / "clip.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        other = av.CodecContext.create("mpeg2video", "w")
        other.width, other.height, other.pix_fmt = 96, 80, "yuv420p"
        other.framerate, other.time_base = Fraction(25), Fraction(1, 25)
        for encoder, start, size in ((stream.codec_context, 0, (64, 48)), (other, 20, (96, 80))):
            for index in range(start, start + 20):
                frame = av.VideoFrame.from_ndarray(numbered(index, *size), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                for packet in encoder.encode(frame):
                    packet.stream = stream
                    container.mux(packet)
            for packet in encoder.encode(None):
                packet.stream = stream
                container.mux(packet)
    with ClipReader(path) as reader:
        pictures = [picture for _, picture in reader.frames()]
    assert len(pictures) >= 38
    assert {picture.shape for picture in pictures} == {(48, 64, 3)}
    assert which_frames(torch.stack(pictures))[-1] == 39


# -- seeking ----------------------------------------------------------------------------------------------------


@pytest.fixture
def long_clip(make_clip) -> Path:
    """Two minutes at one frame a second, a key frame every five."""
    return make_clip("long.mp4", 110, rate=1, key_every=5)


def test_far_jumps_seek_and_find_the_same_frames(long_clip, which_frames, monkeypatch):
    jumps = []
    seek = ClipReader._seek
    monkeypatch.setattr(ClipReader, "_seek", lambda self, time: jumps.append(time) or seek(self, time))
    clip = sample_clip(long_clip, 4)
    assert len(jumps) >= 3
    monkeypatch.setattr(decode, "SEEK_SECONDS", float("inf"))
    sequential = sample_clip(long_clip, 4)
    assert len(jumps) <= 4
    assert which_frames(clip.frames) == [13, 41, 68, 96]
    assert torch.equal(clip.frames, sequential.frames)
    assert torch.equal(clip.time, sequential.time)


def test_rare_key_frames_stop_the_seeking(make_clip, which_frames, monkeypatch):
    path = make_clip("long.mp4", 110, rate=1, key_every=1000)
    jumps = []
    seek = ClipReader._seek
    monkeypatch.setattr(ClipReader, "_seek", lambda self, time: jumps.append(time) or seek(self, time))
    assert which_frames(sample_clip(path, 4).frames) == [13, 41, 68, 96]
    assert len(jumps) == 1


@pytest.mark.parametrize("how", ["raises", "lands late", "finds nothing"])
def test_a_file_that_does_not_seek_is_read_from_the_start(long_clip, which_frames, monkeypatch, how):
    class Container:
        def __init__(self, real):
            self._real = real

        def __getattr__(self, name):
            return getattr(self._real, name)

        def seek(self, stamp, **kwargs):
            if how == "raises":
                raise av.FFmpegError(1, "Operation not permitted")
            if how == "lands late":
                self._real.seek(int(100 / kwargs["stream"].time_base), stream=kwargs["stream"])
            else:
                self._real.seek(0, stream=kwargs["stream"])
                for _ in self._real.demux(kwargs["stream"]):
                    pass

    opened = OpenVideo.__init__

    def open_wrapped(self, *args):
        opened(self, *args)
        self._container = Container(self._container)

    monkeypatch.setattr(OpenVideo, "__init__", open_wrapped)
    assert which_frames(sample_clip(long_clip, 4).frames) == [13, 41, 68, 96]


# -- damage -----------------------------------------------------------------------------------------------------


def test_cut_off_file_gives_what_is_left(make_clip, which_frames):
    path = make_clip("clip.mp4", 100, options={"movflags": "faststart"}, picture=noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with ClipReader(path) as reader:
        count = sum(1 for _ in reader.frames())
    assert 40 <= count <= 60
    assert reader.info.declared == pytest.approx(10.0)


def test_packets_that_do_not_decode_are_passed_over(make_clip):
    path = make_clip("clip.avi", 60, codec="mjpeg", pixels="yuvj420p", picture=noise)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 6000] = bytes(6000)
    path.write_bytes(content)
    with ClipReader(path) as reader:
        count = sum(1 for _ in reader.frames())
        assert reader.errors >= 1
    assert 40 <= count < 60


def test_frames_without_time_stamps_follow_one_another(make_clip, monkeypatch):
    path = make_clip("clip.mp4", 30)
    decoded = OpenVideo.decoded

    class Unstamped:
        pts = None

        def __init__(self, frame):
            self._frame = frame

        def __getattr__(self, name):
            return getattr(self._frame, name)

    monkeypatch.setattr(OpenVideo, "decoded", lambda self: map(Unstamped, decoded(self)))
    with ClipReader(path) as reader:
        assert [time for time, _ in reader.frames()] == pytest.approx([i / 10 for i in range(30)])


def _write_audio(path: Path, **stream: str) -> None:
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=16000, layout="mono")
        cover = None
        if stream:
            cover = container.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 16, 16, "yuvj420p"
            cover.disposition = av.stream.Disposition.attached_pic
        if cover is not None:
            picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            container.mux(cover.encode(picture))
            container.mux(cover.encode())
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())


BROKEN = {
    "no such file": (lambda path: None, "no such file"),
    "zero bytes": (lambda path: path.touch(), "empty"),
    "text": (lambda path: path.write_text("not a clip\n" * 100), "cannot be opened as a video"),
    "folder": (lambda path: path.mkdir(), "cannot be opened as a video"),
    "audio only": (_write_audio, "no video stream, only audio"),
    "playlist of local files": (lambda path: path.write_text("ffconcat version 1.0\nfile other.mp4\n"), "playlist"),
    "playlist of addresses": (
        lambda path: path.write_text("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"),
        "cannot be opened as a video",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_clip_is_refused_by_name(make_clip, tmp_path, kind):
    make_clip("other.mp4", 5)
    write, problem = BROKEN[kind]
    path = tmp_path / "broken.mp4"
    write(path)
    with pytest.raises(DataError, match=problem) as caught:
        probe(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_cover_art_is_no_video(tmp_path):
    path = tmp_path / "song.mp3"
    _write_audio(path, cover="yes")
    with av.open(str(path)) as container:
        assert container.streams.video  # there is a picture in it
    with pytest.raises(DataError, match="no video stream"):
        probe(path)


def test_an_mp4_cut_before_its_index_is_refused(make_clip):
    path = make_clip("clip.mp4", 30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cannot be opened as a video"):
        probe(path)


def test_no_frame_decodes(make_clip):
    path = make_clip("clip.mp4", 30, options={"movflags": "faststart"}, picture=noise)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = bytes(len(content) - start)
    path.write_bytes(content)
    with pytest.raises(DataError, match="no frame of it decodes"):
        probe(path)


def test_path_that_looks_like_an_address(make_clip):
    assert probe(make_clip("http:x%03d.mp4", 3)).duration > 0
