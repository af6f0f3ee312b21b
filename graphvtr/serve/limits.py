"""What a server takes and what it refuses: rates, sizes, times, hosts; and the headers of every answer."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
CLIENTS = 10_000  # whose rates are remembered


@dataclass(frozen=True)
class Limits:
    """What one client, and one request, may ask for.

    Args:
        rate: requests a second to the API by one address, on average; 0 for no limit.
        burst: and at once.
        query: letters of a query.
        top: results of a query.
        upload: bytes of a clip.
        picture: pixels of a picture of a clip that is sent; the default is a little more than 8K.
        uploads: clips that may be sent at a time; more are told to come again.
        seconds: that a request may take; one that sends a clip, those of decoding besides.
        decode_seconds: of processor time that an uploaded clip may take.
        decode_memory: bytes that decoding it may take.
    """

    rate: float = 20.0
    burst: int = 60
    query: int = 2000
    top: int = 100
    upload: int = 128 * 2**20
    picture: int = 2**25
    uploads: int = 4
    seconds: float = 30.0
    decode_seconds: int = 60
    decode_memory: int = 4 * 2**30


class Rates:
    """A bucket of tokens for every client: a request takes one, and they come back at a rate.

    Example:
        >>> rates = Rates(rate=1.0, burst=2)
        >>> [rates.wait("a", now) for now in (0.0, 0.0, 0.0, 1.0)]
        [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, now: float | None = None) -> float:
        """Seconds until ``client`` may ask again; 0 if it may now, which then counts."""
        if self.rate <= 0:
            return 0.0
        now = time.monotonic() if now is None else now
        left, since = self._left.pop(client, (float(self.burst), now))
        left = min(self.burst, left + (now - since) * self.rate)
        allowed = left >= 1
        self._left[client] = (left - allowed, now)
        if len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.rate


class Guard:
    """The outermost layer: hosts, rates, time, and headers.

    Args:
        app: what answers.
        limits: see :class:`Limits`.
        hosts: names by which the server may be called, against pages elsewhere that resolve their own name to this
            machine; empty for any.
        refuse: makes the body of a refusal from status and problem.
    """

    def __init__(self, app: Any, limits: Limits, hosts: tuple[str, ...], refuse: Callable[[int, str], bytes]) -> None:
        self.app, self.limits, self.hosts, self.refuse = app, limits, hosts, refuse
        self.rates = Rates(limits.rate, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def headed(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present),
                ]
            await send(message)

        problem = self._refused(scope)
        if problem is not None:
            await _answer(headed, *problem, self.refuse)
            return
        if scope["path"].startswith("/media"):  # a film is watched for as long as it takes
            await self.app(scope, receive, headed)
            return
        seconds = self.limits.seconds
        if scope["path"] == "/api/upload":
            seconds += self.limits.decode_seconds
        try:
            async with asyncio.timeout(seconds):
                await self.app(scope, receive, headed)
        except TimeoutError:
            if not started:
                await _answer(headed, 504, f"took over {seconds:.0f} s", {}, self.refuse)

    def _refused(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "").lower()
        if self.hosts and _bare(host) not in self.hosts:
            return 400, "this server has another name", {}
        origin = headers.get("origin", "")
        if scope["method"] not in ("GET", "HEAD") and origin and origin.partition("://")[2].lower() != host:
            return 403, "comes from another page", {}
        if scope["path"].startswith("/api/"):
            wait = self.rates.wait((scope.get("client") or ("?", 0))[0])
            if wait:
                return 429, "too many requests: wait a moment", {"retry-after": str(max(1, round(wait)))}
        return None


def _bare(host: str) -> str:
    """A host without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


async def _answer(
    send: Send, status: int, problem: str, headers: dict[str, str], refuse: Callable[[int, str], bytes]
) -> None:
    body = refuse(status, problem)
    told = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
