"""What a server must survive: slow, huge, broken and hostile requests, by a real connection."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.search import Index
from graphvtr.serve import Limits
from graphvtr.serve.client import ask_server, find_server
from graphvtr.serve.decoding import Decoder
from tests.serve.conftest import QUERY


@pytest.fixture
def line(served: str, made: SimpleNamespace) -> Iterator[socket.socket]:
    """A bare connection; afterwards the server still answers."""
    parts = urlsplit(served)
    with closing(socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)) as line:
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
        (b"GET /static/%2e%2e/%2e%2e/app.py HTTP/1.1\r\n", b"404"), (b"GET //etc/passwd HTTP/1.1\r\n", b"404"),
        (b"GET /media?clip=%2Fetc%2Fpasswd HTTP/1.1\r\n", b"404"),
        (b"GET /media?clip=..%252f..%252fmanifest.json HTTP/1.1\r\n", b"404"),
    ],
    ids=["10,000 words", "a million letters", "bytes", "tls", "dots", "encoded", "absolute", "clip",
         "twice"],
)  # fmt: skip
def test_a_clear_answer(line: socket.socket, request_line: bytes, status: bytes) -> None:
    told = answer(line, request_line + HEAD)
    assert told.startswith(b"HTTP/1.1 " + status), told[:200]
    assert b"root:" not in told
    assert b"Traceback" not in told


def test_a_slow_client_holds_nobody_up(line: socket.socket, served: str) -> None:
    for byte in b"GET /api/info HTTP/1.1\r\nHo":  # and never more
        line.sendall(bytes([byte]))
    assert ask_server(served, QUERY, {"top": 1})["results"]


def test_a_reader_that_goes_away(line: socket.socket) -> None:
    line.sendall(b"GET /media?clip=scene-1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")


def test_an_upload_that_stops_half_way(line: socket.socket, made: SimpleNamespace) -> None:
    content = (made.clips / "scene-2.mp4").read_bytes()
    told = b"POST /api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(content)
    line.sendall(told + content[: len(content) // 2])


def test_an_upload_that_lies_about_its_size(line: socket.socket) -> None:
    told = answer(line, b"POST /api/upload HTTP/1.1\r\nContent-Length: 99999999999\r\n" + HEAD)
    assert told.startswith(b"HTTP/1.1 413")


def test_a_small_file_of_large_pictures_beyond_the_memory_limit(made: SimpleNamespace, tmp_path: Path) -> None:
    import av

    bomb = tmp_path / "bomb.mp4"
    with av.open(str(bomb), "w") as out:
        stream = out.add_stream("mpeg4", rate=4)
        stream.width = stream.height = 2048
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(torch.zeros(2048, 2048, 3, dtype=torch.uint8).numpy(), format="rgb24")
        for packet in [*stream.encode(picture), *stream.encode(None)]:
            out.mux(packet)
    assert bomb.stat().st_size < 1_000_000
    decoder = Decoder(Limits(decode_memory=2**26))
    features = Index.open(made.index).manifest.provenance["features"]
    try:
        with pytest.raises(
            DataError, match=r"takes too much memory|cannot be decoded|no frame of it decodes|ended the process"
        ):
            decoder.read(bomb, features, regions=True)
        decoder.limits = Limits()  # the process that forks for each clip is still there
        assert len(decoder.read(made.clips / "scene-1.mp4", features, regions=True)["frame"].x) == 6
    finally:
        decoder.close()


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
