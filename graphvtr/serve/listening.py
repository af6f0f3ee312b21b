"""What listens: uvicorn, with a limit to the time that a request may take to arrive."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from graphvtr._optional import optional_import

uvicorn = optional_import("uvicorn", "serve", "the page of an index")
import h11  # noqa: E402  comes with uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: E402

CONNECTIONS = 1000
LINE = 64 * 2**10  # bytes of a request's first line and headers
HEAD_SECONDS = 10.0  # for all of them to arrive
LATE = json.dumps({"item": "request", "problem": f"took over {HEAD_SECONDS:.0f} s to arrive", "fix": ""}).encode()


class PatientProtocol(H11Protocol):
    """HTTP by uvicorn, but whoever sends a request letter by letter, to hold a connection, is sent away."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Some of a request; the clock stands still once its first line and headers are there."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(LATE)}"
            self.transport.write(f"{head}\r\nconnection: close\r\n\r\n".encode() + LATE)
            self.transport.close()


def make_server(app: Any, host: str = "127.0.0.1", port: int = 8000) -> Any:
    """The server of an application, ready to run.

    Args:
        app: of :func:`graphvtr.serve.create_app`.
        host: address to listen at.
        port: to listen at.

    Raises:
        MissingExtraError: uvicorn is not installed.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            http=PatientProtocol,
            timeout_keep_alive=10,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=LINE,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
