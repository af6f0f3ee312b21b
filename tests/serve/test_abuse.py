"""What a server must survive: slow, huge, broken and hostile requests, by a real connection."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from graphvtr.errors import DataError
from graphvtr.search import Index
from graphvtr.serve import Limits, decoding, listening
from graphvtr.serve.client import ask_server, find_server
from graphvtr.serve.decoding import Decoder
from tests.serve.conftest import QUERY


@pytest.fixture
def line(served: str, made: SimpleNamespace) -> Iterator[socket.socket]:
    """A bare connection; afterwards the server still answers."""
    parts = urlsplit(served)
    with closing(socket.create_connection((parts.hostname or "", parts.port or 0), timeout=120)) as line:
        yield line
    assert find_server(made.index) == served
    assert len(ask_server(served, QUERY, {"top": 2})["results"]) == 2


def answer(line: socket.socket, request: bytes) -> bytes:
    """All that comes back."""
    line.sendall(request)
    parts = []
    try:
        while part := line.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /api/search?q=" + b"word+" * 10_000 + b" HTTP/1.1\r\n", b"400"),
        (b"GET /api/search?q=" + b"x" * 1_000_000 + b" HTTP/1.1\r\n", b"400"),
        (b"\x00\xff\xfe garbage\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"GET /static/../../../../etc/passwd HTTP/1.1\r\n", b"404"),
        (b"GET /static/%2e%2e/%2e%2e/app.py HTTP/1.1\r\n", b"404"),
        (b"GET //etc/passwd HTTP/1.1\r\n", b"404"),
        (b"GET /media?clip=%2Fetc%2Fpasswd HTTP/1.1\r\n", b"404"),
        (b"GET /media?clip=..%252f..%252fmanifest.json HTTP/1.1\r\n", b"404"),
    ],
    ids=["10,000 words", "a million letters", "bytes", "tls", "dots", "encoded", "absolute", "clip", "twice"],
)
def test_a_clear_answer(line: socket.socket, request_line: bytes, status: bytes) -> None:
    told = answer(line, request_line + HEAD)
    assert told.startswith(b"HTTP/1.1 " + status), told[:200]
    assert b"root:" not in told
    assert b"Traceback" not in told


def test_a_slow_client_holds_nobody_up(line: socket.socket, served: str) -> None:
    for byte in b"GET /api/info HTTP/1.1\r\nHo":  # and never more
        line.sendall(bytes([byte]))
    assert ask_server(served, QUERY, {"top": 1})["results"]


@pytest.mark.parametrize(
    "sent", [[b""], [b"GET /api/info HT"], [b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /"]]
)
def test_a_request_that_does_not_come_is_sent_away(
    line: socket.socket, sent: list[bytes], monkeypatch: pytest.MonkeyPatch, served: str
) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.5)
    parts = urlsplit(served)
    with closing(socket.create_connection((parts.hostname or "", parts.port or 0), timeout=120)) as impatient:
        for whole in sent[:-1]:
            impatient.sendall(whole)
            healthy = b""
            while b'"ok"' not in healthy:
                healthy += impatient.recv(65536)
        told = answer(impatient, sent[-1])
    assert told.startswith(b"HTTP/1.1 408")
    assert b"to arrive" in told


def test_a_reader_that_goes_away(line: socket.socket) -> None:
    line.sendall(b"GET /media?clip=scene-1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")


def test_an_upload_that_stops_half_way(line: socket.socket, made: SimpleNamespace) -> None:
    content = (made.clips / "scene-2.mp4").read_bytes()
    told = b"POST /api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(content)
    line.sendall(told + content[: len(content) // 2])


def test_an_upload_that_lies_about_its_size(line: socket.socket) -> None:
    told = answer(line, b"POST /api/upload HTTP/1.1\r\nContent-Length: 99999999999\r\n" + HEAD)
    assert told.startswith(b"HTTP/1.1 413")


def bomb(path: Path, side: int, pictures: int) -> Path:
    """A small file that decodes to much: black pictures, all after the second one the same packet again."""
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 600
        picture = av.VideoFrame(side, side, "yuv420p")
        for plane, shade in zip(picture.planes, (16, 128, 128), strict=True):
            plane.update(bytes([shade]) * plane.buffer_size)
        packets = []
        for place in range(min(2, pictures)):
            picture.pts = place
            packets += stream.encode(picture)
        packets += stream.encode(None)
        out.mux(packets[0])
        for place in range(1, pictures):
            packet = av.Packet(bytes(packets[1]))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, place, place, packets[1].time_base
            out.mux(packet)
    assert path.stat().st_size < 2**23
    return path


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(Limits())
    yield decoder
    decoder.close()


@pytest.mark.parametrize(
    ("side", "pictures", "limits", "problem"),
    [
        (2048, 1, Limits(picture=2**22 - 1), "has pictures of 2048 x 2048 pixels"),
        (2048, 1, Limits(decode_memory=2**24), "takes too much memory|cannot be|no frame of it decodes|ended the proc"),
        (640, 20_000, Limits(decode_seconds=1), "takes over 1 s to decode"),
    ],
    ids=["large pictures", "memory", "many pictures"],
)
def test_a_small_file_that_decodes_to_much(
    made: SimpleNamespace, tmp_path: Path, decoder: Decoder, side: int, pictures: int, limits: Limits, problem: str
) -> None:
    features = Index.open(made.index).manifest.provenance["features"]
    decoder.limits = limits
    with pytest.raises(DataError, match=problem):
        decoder.read(bomb(tmp_path / "bomb.avi", side, pictures), features, regions=True)
    decoder.limits = Limits()  # the process that forks for each clip is still there
    assert len(decoder.read(made.clips / "scene-1.mp4", features, regions=True)["frame"].x) == 6


def test_a_bomb_that_is_sent_is_explained(line: socket.socket, tmp_path: Path) -> None:
    content = bomb(tmp_path / "bomb.avi", 5800, 1).read_bytes()
    told = answer(line, b"POST /api/upload HTTP/1.1\r\nContent-Length: %d\r\n%s%s" % (len(content), HEAD, content))
    assert told.startswith(b"HTTP/1.1 400")
    assert b"has pictures of 5800 x 5800 pixels, 33,554,432 are the limit" in told


def test_clips_that_come_together_take_no_threads_from_others(
    index: Index, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    testclient = pytest.importorskip("starlette.testclient")
    from graphvtr.serve import create_app

    monkeypatch.setattr(decoding, "TURN", 1.0)
    content = (made.clips / "scene-2.mp4").read_bytes()
    with testclient.TestClient(create_app(index, Limits(rate=0, uploads=2))) as client:
        with client.app.state.decoder._lock, ThreadPoolExecutor(8) as people:  # as if a clip took long
            asked = [people.submit(client.post, "/api/upload", content=content) for _ in range(5)]
            assert client.get("/healthz").status_code == 200
            told = [one.result() for one in asked]
        assert [one.status_code for one in told] == [503] * 5
        assert {one.json()["problem"] for one in told} == {"is busy with other clips"}
        assert client.post("/api/upload", content=content).status_code == 200


def test_an_index_that_is_replaced_by_another(index: Index, made: SimpleNamespace, tmp_path: Path) -> None:
    testclient = pytest.importorskip("starlette.testclient")
    from graphvtr.serve import create_app

    with testclient.TestClient(create_app(index, Limits(rate=0))) as client:
        assert client.get("/healthz").json()["clips"] == 6
        shutil.rmtree(tmp_path / "index")
        assert client.get("/api/search", params={"q": QUERY}).status_code == 503
        shutil.copytree(made.index, tmp_path / "other")
        Index.open(tmp_path / "other").delete(["scene-0", "scene-1"])
        (tmp_path / "other").rename(tmp_path / "index")
        found = client.get("/api/search", params={"q": QUERY}).json()
        assert len(found["results"]) == 4
