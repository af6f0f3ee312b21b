"""Pushing to and loading from the Hub, through huggingface_hub's own client, against a small Hub on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub")
SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """The few calls of the Hub's API that creating, committing and downloading take; files are kept in memory."""

    files: dict[str, dict[str, bytes]]  # repository -> name -> content
    asked: list[str]

    def log_message(self, *_: Any) -> None: ...

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(f"POST {self.path} {self.headers.get('authorization')}")
        if self.path == "/api/repos/create":
            name = json.loads(body)
            repository = f"{name['organization']}/{name['name']}" if name.get("organization") else f"me/{name['name']}"
            self.files.setdefault(repository, {})
            return self.answer({"url": f"http://{self.headers['Host']}/{repository}", "name": repository})
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            files = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
            return self.answer({"files": files})
        if "/commit/" in self.path:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    content = base64.b64decode(entry["value"]["content"])
                    self.files[self.repository()][entry["value"]["path"]] = content
            return self.answer(
                {"commitOid": SHA, "commitUrl": f"http://{self.headers['Host']}/{self.repository()}/commit/{SHA}"}
            )
        return self.answer({"error": "not here"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        path = self.path.split("?")[0]
        repository = self.repository()
        if repository not in self.files:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif "/tree/" in path:
            self.answer(
                [
                    {"type": "file", "path": name, "size": len(data), "oid": SHA}
                    for name, data in self.files[repository].items()
                ]
            )
        elif path.startswith("/api/models/"):
            names = [{"rfilename": name} for name in self.files[repository]]
            self.answer({"id": repository, "sha": SHA, "siblings": names})
        else:
            content = self.files[repository][path.split("/resolve/")[1].split("/", 1)[1]]
            etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            self.answer(content, headers={"ETag": f'"{etag}"', "X-Repo-Commit": SHA})

    def repository(self) -> str:
        parts = self.path.removeprefix("/api/models").split("?")[0].strip("/").split("/")
        return "/".join(parts[:2])

    def answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if content is data else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    handler = type("OneHub", (Hub,), {"files": {}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler
        server.shutdown()


SCRIPT = """
import json, torch
from graphvtr.errors import DataError
from graphvtr.nn import HGR, RetrievalModel
from graphvtr.nn.hub import hub_class
from graphvtr.text import Vocabulary

HubHGR = hub_class(HGR)
model = HubHGR(vocab_size=5, video_dim=6, hidden=8, word_dim=4).eval()
model.vocabulary, model.info = Vocabulary(["dog", "cat"]), {"dataset": "toy", "scores": [1.0]}
model.push_to_hub("me/model")
for loaded in (RetrievalModel.from_pretrained("me/model"), HubHGR.from_pretrained("me/model"),
               HGR.from_pretrained("me/model", revision="main")):
    assert isinstance(loaded, HGR) and not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in loaded.state_dict().items())
    assert loaded.vocabulary == model.vocabulary and loaded.info == model.info and loaded.config == model.config
try:
    RetrievalModel.from_pretrained("me/other")
except DataError as error:
    print(error)
"""


def test_what_one_pushes_the_other_loads(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    address, handler = hub
    own = {
        "HF_ENDPOINT": address,
        "HF_HOME": str(tmp_path),
        "HF_TOKEN": "hf_only_for_this_test",
        "NO_PROXY": "*",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, env=os.environ | own, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(handler.files["me/model"]) == ["README.md", "config.json", "model.safetensors", "vocabulary.json"]
    assert json.loads(handler.files["me/model"]["config.json"])["model"] == "hgr"
    assert handler.files["me/model"]["README.md"].startswith(b"---\nlibrary_name: graphvtr\n")
    assert "me/other: is no folder and cannot be had from the Hub" in done.stdout
    assert any(line.startswith("POST /api/models/me/model/commit/main") for line in handler.asked)
    assert any(line.startswith("GET /me/model/resolve/") for line in handler.asked)
