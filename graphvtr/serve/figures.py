"""What a server counts, for Prometheus."""

from __future__ import annotations

import time
from typing import Any

from graphvtr._optional import optional_import

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Figures:
    """Counts and times of requests, by route and status: never by what was asked.

    Args:
        index: whose size is told.

    Raises:
        MissingExtraError: prometheus-client is not installed.
    """

    def __init__(self, index: Any) -> None:
        self._client = optional_import("prometheus_client", "serve", "the figures of a server")
        registry = self._registry = self._client.CollectorRegistry()
        self.requests = self._client.Counter("graphvtr_requests", "Requests", ("route", "status"), registry=registry)
        self.seconds = self._client.Histogram(
            "graphvtr_request_seconds", "Seconds of a request", ("route",), buckets=BUCKETS, registry=registry
        )
        self.uploads = self._client.Counter("graphvtr_uploads", "Clips that were sent and read", registry=registry)
        clips = self._client.Gauge("graphvtr_clips", "Clips in the index", registry=registry)
        clips.set_function(lambda: len(index))

    def watch(self, app: Any) -> Any:
        """An application as ``app``, whose requests are counted when their answer begins."""

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            begin, status = time.perf_counter(), 0

            def count(found: int) -> None:
                nonlocal status
                status = found
                route = getattr(scope.get("route"), "path", "other")
                self.requests.labels(route, str(status)).inc()
                self.seconds.labels(route).observe(time.perf_counter() - begin)

            async def counted(message: Any) -> None:
                if message["type"] == "http.response.start":
                    count(message["status"])
                await send(message)

            try:
                await app(scope, receive, counted)
            finally:
                if not status:
                    count(500)

        return watched

    def text(self) -> tuple[bytes, str]:
        """All figures, and their media type."""
        return self._client.generate_latest(self._registry), self._client.CONTENT_TYPE_LATEST
