"""The application: a page, an API, media, health and figures."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from graphvtr._optional import optional_import
from graphvtr._version import __version__
from graphvtr.errors import DataError
from graphvtr.search.index.collection import stamp
from graphvtr.search.index.manifest import read_manifest
from graphvtr.serve.asking import Asker
from graphvtr.serve.decoding import Decoder
from graphvtr.serve.describe import docs_page
from graphvtr.serve.figures import Figures
from graphvtr.serve.limits import LOOPBACK, Guard, Limits
from graphvtr.serve.media import media_routes
from graphvtr.serve.pictures import Thumbnails
from graphvtr.serve.problems import problem, refusal, tell_problems
from graphvtr.serve.questions import Questions, search_routes, upload_routes

fastapi = optional_import("fastapi", "serve", "the page of an index")
responses = optional_import("starlette.responses", "serve", "the page of an index")
from fastapi import FastAPI, Response  # noqa: E402  the message above names the extra

STATIC = Path(__file__).parent / "static"
KINDS = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
HTML = "text/html; charset=utf-8"


def create_app(index: Any, limits: Limits | None = None, hosts: tuple[str, ...] = (*LOOPBACK, "testserver")) -> FastAPI:
    """The application that serves an index.

    Args:
        index: of :func:`graphvtr.search.open_index`.
        limits: see :class:`Limits`.
        hosts: names by which the server may be called; empty for any.

    Raises:
        MissingExtraError: FastAPI is not installed.
    """
    limits = limits or Limits()
    asker, figures, thumbnails, decoder = Asker(index), Figures(index), Thumbnails(), Decoder(limits)

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        decoder.start()
        yield
        asker.close()
        decoder.close()
        thumbnails.close()

    app = FastAPI(
        title="graphvtr",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=life,
        description="Search a collection of clips by sentences, roles and clips.",
    )
    app.state.index, app.state.asker, app.state.limits, app.state.key = index, asker, limits, ""
    app.state.decoder = decoder
    questions = Questions(index, asker, limits)
    for routes in (
        _pages(app),
        _state(app, figures),
        search_routes(questions),
        upload_routes(questions, decoder, figures),
        media_routes(index, thumbnails),
    ):
        app.include_router(routes)
    tell_problems(app)
    app.add_middleware(figures.watch)
    app.add_middleware(Guard, limits=limits, hosts=hosts, refuse=refusal)
    return app


def _pages(app: FastAPI) -> Any:
    """What a browser shows."""
    router = fastapi.APIRouter(include_in_schema=False)

    @router.get("/")
    def page() -> Response:
        return Response((STATIC / "page.html").read_bytes(), media_type=HTML)

    @router.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in KINDS:
            raise fastapi.HTTPException(404, "no such file")
        kind, headers = f"{KINDS[name]}; charset=utf-8", {"cache-control": "no-cache"}
        return Response((STATIC / name).read_bytes(), media_type=kind, headers=headers)

    @router.get("/docs")
    def docs() -> Response:
        return Response(docs_page(app.openapi()), media_type=HTML)

    return router


def _state(app: FastAPI, figures: Figures) -> Any:
    """How the server is, for who looks after it."""
    router = fastapi.APIRouter(tags=["server"])

    @router.get("/healthz", summary="Whether the index can be searched")
    def health() -> Response:
        index = app.state.index
        parts, clips = getattr(index, "parts", [index]), 0
        try:
            for part in parts:
                stamp(part.path)
                clips += read_manifest(part.path).clips
        except DataError as error:
            return problem(503, error)  # type: ignore[no-any-return]
        told = {"status": "ok", "clips": clips, "waiting": app.state.asker.waiting}
        return responses.JSONResponse(told | ({"key": app.state.key} if app.state.key else {}))

    @router.get("/metrics", summary="Figures for Prometheus")
    def metrics() -> Response:
        body, kind = figures.text()
        return Response(body, media_type=kind)

    return router
