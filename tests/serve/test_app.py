"""The API: what it answers, and what it refuses."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphvtr.nn import MCSAN
from graphvtr.search import Index, build_index
from graphvtr.serve import Limits, create_app
from graphvtr.text import ConceptVocabulary
from tests.serve.conftest import EVIL, QUERY

TestClient = pytest.importorskip("starlette.testclient").TestClient


@pytest.fixture
def client(index: Index) -> Iterator[Any]:
    with TestClient(create_app(index, Limits(rate=0))) as client:
        yield client


def test_searching(client: Any, index: Index) -> None:
    found = client.get("/api/search", params={"q": QUERY, "top": 3}).json()
    wanted = index.search(QUERY, top=3)
    assert [one["name"] for one in found["results"]] == [one.name for one in wanted]
    first = found["results"][0]
    assert first["playable"]
    assert set(first["levels"]) == {"event", "action", "entity"}
    assert {phrase["phrase"] for phrase in first["phrases"]} == {"chases", "a red circle", "a blue square"}
    for phrase in first["phrases"]:
        assert len(phrase["weights"]) == len(first["times"]) == 6
        assert len(phrase["boxes"]) == 4
        assert max(box[4] for box in phrase["boxes"]) == 1
    only = client.get("/api/search", params={"q": QUERY, "where": ["tag=second", "duration<9"]}).json()
    assert sorted(one["name"] for one in only["results"]) == ["<b onclick=evil()>5", "scene-3", "scene-4"]
    by_role = client.get("/api/search", params={"q": "agent=circle action=chase"}).json()
    assert {phrase["role"] for phrase in by_role["results"][0]["phrases"]} == {"ARG0", "V"}


def test_what_the_model_sees_and_what_is_known_filter_together(made: SimpleNamespace, tmp_path: Path) -> None:
    words, width = made.model.vocabulary, made.store.widths["frame_x"]
    concepts = ConceptVocabulary([("circle", 2), ("square", 1)], [("chase", 2)], [("circle chase square", 1)])
    model = MCSAN(len(words), width, concepts.to_dict(), sentence=None, hidden=8, word_dim=4)
    model.vocabulary = words
    even = {name: {"tags": ["even"]} for name in made.store.names[::2]}
    build_index(model, made.store, tmp_path / "seen", metadata=even)
    index = Index.open(tmp_path / "seen")
    seen = dict(zip(index.names, index.segments[0].concepts["entity"][:, 0].tolist(), strict=True))
    limit = sorted(seen.values())[2]
    with TestClient(create_app(index, Limits(rate=0))) as client:
        info = client.get("/api/info").json()
        assert info["concepts"]["entity"] == ["circle", "square"]
        asked = {"q": QUERY, "entity": "circle", "at_least": limit}
        names = {one["name"] for one in client.get("/api/search", params=asked).json()["results"]}
        assert names == {name for name, p in seen.items() if p >= limit}
        both = client.get("/api/search", params={**asked, "where": "tag=even"}).json()["results"]
        assert {one["name"] for one in both} == names & even.keys()
        assert 0 < len(both) < 4


def test_graph_why_and_like(client: Any) -> None:
    graph = client.get("/api/graph", params={"q": "a red circle chases a zebra"}).json()
    assert graph["svg"].startswith("<svg")
    assert graph["unknown"] == ["zebra"]
    assert {one["id"] for one in graph["phrases"]} == {"action-0", "entity-0", "entity-1"}
    why = client.get("/api/why", params={"q": QUERY, "clip": "scene-3"}).json()
    assert why["clip"]["name"] == "scene-3"
    assert why["layers"] == 2
    assert 'data-weights="[0.' in why["svg"]
    like = client.get("/api/like", params={"clip": "scene-3", "top": 2}).json()
    assert len(like["results"]) == 2
    assert "scene-3" not in [one["name"] for one in like["results"]]
    captions = client.get("/api/like", params={"clip": "scene-3", "find": "captions"}).json()
    assert {one["caption"] for one in captions["results"]} >= {EVIL, QUERY}


def test_info_docs_health_and_figures(client: Any) -> None:
    info = client.get("/api/info").json()
    assert (info["clips"], info["model"], info["tags"], info["captions"]) == (6, "hgr", ["first", "second"], True)
    assert client.get("/healthz").json()["status"] == "ok"
    schema = client.get("/openapi.json").json()
    assert {"/api/search", "/api/upload", "/media", "/thumbnail", "/healthz", "/metrics"} <= set(schema["paths"])
    docs = client.get("/docs").text
    assert "GET /api/search" in docs
    assert "http://" not in docs
    assert "https://" not in docs
    figures = client.get("/metrics").text
    assert 'graphvtr_requests_total{route="/api/info",status="200"} 1.0' in figures
    assert "graphvtr_clips 6.0" in figures
    assert "graphvtr_request_seconds_bucket" in figures


def test_every_answer_has_the_headers(client: Any) -> None:
    for path in ("/", "/static/page.js", "/api/info", "/nothing", "/api/search?q=", "/healthz"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text
    assert "<script>" not in page
    assert "style=" not in page
    assert "//" not in page.replace("http-equiv", "")  # nothing is loaded from elsewhere


def test_media_in_ranges(client: Any, made: SimpleNamespace) -> None:
    content = (made.clips / "scene-1.mp4").read_bytes()
    whole = client.get("/media", params={"clip": "scene-1"})
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, content, "video/mp4")
    part = client.get("/media", params={"clip": "scene-1"}, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    beyond = client.get("/media", params={"clip": "scene-1"}, headers={"range": "bytes=99999999-"})
    assert beyond.status_code == 416
    head = client.head("/media", params={"clip": "scene-1"})
    assert (head.status_code, head.content) == (200, b"")


def test_thumbnails_are_known_by_their_tag(client: Any) -> None:
    first = client.get("/thumbnail", params={"clip": "scene-1", "t": 1.0})
    assert first.content.startswith(b"\xff\xd8\xff")
    tag = first.headers["etag"]
    again = client.get("/thumbnail", params={"clip": "scene-1", "t": 1.0}, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = client.get("/thumbnail", params={"clip": "scene-1", "t": 2.0}, headers={"if-none-match": tag})
    assert other.status_code == 200
    assert other.headers["etag"] != tag
    late = client.get("/thumbnail", params={"clip": "scene-1", "t": 999})
    assert late.status_code == 200  # the last frame


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/search", 400),
        ("/api/search?q=", 400),
        ("/api/search?q=%20%20", 400),
        ("/api/search?q=a&top=0", 400),
        ("/api/search?q=a&top=100000", 400),
        ("/api/search?q=a&top=x", 400),
        ("/api/search?q=" + "word+" * 10000, 400),
        ("/api/search?q=" + "word+" * 380, 400),
        ("/api/search?q=a&where=nonsense", 400),
        ("/api/search?q=a&entity=dog", 400),
        ("/api/search?q=agent%3D", 400),
        ("/api/search?q=a&where=a%3Db" * 30, 400),
        ("/api/search?q=%00%FF", 400),
        ("/api/search?q=%F0%9F%90%95+dog", 400),
        ("/api/graph?q=", 400),
        ("/api/why?q=a&clip=nobody", 404),
        ("/api/like?clip=nobody", 404),
        ("/api/like?clip=scene-1&find=songs", 400),
        ("/media?clip=nobody", 404),
        ("/media?clip=../index/manifest.json", 404),
        ("/media?clip=..%2F..%2Fetc%2Fpasswd", 404),
        ("/media?clip=/etc/passwd", 404),
        ("/media?clip=%00", 404),
        ("/media", 400),
        ("/thumbnail?clip=../x", 404),
        ("/thumbnail?clip=scene-1&t=-1", 400),
        ("/thumbnail?clip=scene-1&side=99999", 400),
        ("/thumbnail?clip=scene-1&t=nan", 400),
        ("/nothing", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e%2fapp.py", 404),
        ("/static/..%5capp.py", 404),
    ],
)
def test_what_makes_no_sense_is_answered(client: Any, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    if status != 200:
        told = answer.json()
        assert set(told) == {"item", "problem", "fix"}
        assert told["problem"]
        assert "Traceback" not in answer.text
    assert client.get("/healthz").status_code == 200


def test_only_files_of_the_media_folder(index: Index, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"secret")
    media = tmp_path / "media"
    media.mkdir()
    (media / "scene-1.mp4").symlink_to(secret)
    index.manifest.media = str(media)
    with TestClient(create_app(index, Limits(rate=0))) as client:
        answer = client.get("/media", params={"clip": "scene-1"})
        assert answer.status_code == 404
        assert "secret" not in answer.text


def test_rates_and_hosts(index: Index) -> None:
    with TestClient(create_app(index, Limits(rate=0.01, burst=3))) as client:
        codes = [client.get("/api/info").status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        refused = client.get("/api/info")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200  # only the API is counted
        assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400
        elsewhere = client.post("/api/upload", content=b"x", headers={"origin": "http://evil.example"})
        assert elsewhere.status_code == 403


def test_an_answer_that_takes_too_long(index: Index) -> None:
    gate = threading.Event()
    with TestClient(create_app(index, Limits(rate=0, seconds=0.2))) as client:
        client.app.state.asker.ask("", finish=lambda _: gate.wait(60))
        late = client.get("/api/search", params={"q": QUERY})
        gate.set()
        assert late.status_code == 504
        assert "took over 0 s" in late.json()["problem"]
        assert client.get("/healthz").status_code == 200


def test_a_clip_is_sent(client: Any, made: SimpleNamespace) -> None:
    content = (made.clips / "scene-2.mp4").read_bytes()
    answer = client.post("/api/upload", params={"name": "mine.mp4", "find": "clips"}, content=content)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["results"][0]["name"] == "scene-2"
    assert found["results"][0]["score"] == pytest.approx(1, abs=1e-3)
    captions = client.post("/api/upload", params={"find": "captions"}, content=content).json()
    assert captions["results"][0]["caption"]
    for bad in (b"garbage", content[:100], b""):
        answer = client.post("/api/upload", content=bad)
        assert answer.status_code == 400, answer.text
    assert client.get("/healthz").status_code == 200


def test_large_uploads_are_cut_off(index: Index) -> None:
    with TestClient(create_app(index, Limits(rate=0, upload=1000))) as client:
        assert client.post("/api/upload", content=b"x" * 1001).status_code == 413
        parts = (b"x" * 100 for _ in range(20))  # without a length
        assert client.post("/api/upload", content=parts).status_code == 413


def test_an_index_that_goes_and_comes(index: Index, tmp_path: Path) -> None:
    with TestClient(create_app(index, Limits(rate=0))) as client:
        shutil.move(tmp_path / "index", tmp_path / "away")
        for path in ("/api/search?q=a+dog", "/healthz"):
            answer = client.get(path)
            assert answer.status_code == 503, answer.text
            assert "not an index any more" in answer.json()["problem"]
        shutil.move(tmp_path / "away", tmp_path / "index")
        assert client.get("/api/search", params={"q": "a dog"}).status_code == 200
        Index.open(tmp_path / "index").delete(["scene-1"])
        assert client.get("/healthz").json()["clips"] == 5
        Index.open(tmp_path / "index").compact()
        names = [one["name"] for one in client.get("/api/search", params={"q": "a dog"}).json()["results"]]
        assert "scene-1" not in names
        assert len(names) == 5
