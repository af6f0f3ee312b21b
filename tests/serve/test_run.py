"""``graphvtr serve`` as a command: it answers, ends when told to, and says what is in the way."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.request
from types import SimpleNamespace

import pytest

from graphvtr.errors import DataError
from graphvtr.serve import serve
from tests.processes import Command


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_serving_until_interrupted(made: SimpleNamespace, port: int) -> None:
    with Command("serve", made.index, "--port", port) as process:
        assert f"6 clips at http://127.0.0.1:{port}/" in process.stdout.readline()
        told: dict[str, object] = {}
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
                    told = json.load(answer)
                break
            except OSError:
                time.sleep(0.1)
        assert told["status"] == "ok"
        process.send_signal(signal.SIGINT)
        process.communicate(60)
        assert process.poll() in (0, 130)


def test_a_port_that_is_taken_is_named(made: SimpleNamespace, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(DataError, match="cannot be listened at"):
            serve(made.index, port=port)
