"""What a server counts, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
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

    async def watch(self, request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """Count a request."""
        begin = time.perf_counter()
        status = 500
        try:
            response = await call_next(request)
            status = response.status_code
            return response
        finally:
            route = getattr(request.scope.get("route"), "path", "other")
            self.requests.labels(route, str(status)).inc()
            self.seconds.labels(route).observe(time.perf_counter() - begin)

    def text(self) -> tuple[bytes, str]:
        """All figures, and their media type."""
        return self._client.generate_latest(self._registry), self._client.CONTENT_TYPE_LATEST
