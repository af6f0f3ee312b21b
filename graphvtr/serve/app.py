"""The application: a page, an API, media, health and figures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from graphvtr._optional import optional_import
from graphvtr._version import __version__
from graphvtr.errors import DataError, MissingExtraError
from graphvtr.reading import number_of_digits
from graphvtr.search.filters import Where
from graphvtr.search.index.collection import stamp
from graphvtr.search.index.manifest import read_manifest
from graphvtr.search.tags import ConceptFilter
from graphvtr.serve.answers import graph_json, results_json, why_json
from graphvtr.serve.asking import Asker, BusyError
from graphvtr.serve.decoding import Decoder
from graphvtr.serve.describe import describe, docs_page
from graphvtr.serve.figures import Figures
from graphvtr.serve.limits import LOOPBACK, Guard, Limits
from graphvtr.serve.pictures import Thumbnails

fastapi = optional_import("fastapi", "serve", "the page of an index")
responses = optional_import("starlette.responses", "serve", "the page of an index")
concurrency = optional_import("starlette.concurrency", "serve", "the page of an index")
from fastapi import FastAPI, Query, Request, Response  # noqa: E402  the message above names the extra

STATIC = Path(__file__).parent / "static"
KINDS = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
MEDIA = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".ogv": "video/ogg",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
}
Text = Annotated[str, Query(description="a sentence, or roles: agent=dog action=chase patient=cat")]
Name = Annotated[str, Query(description="name of a clip of the index", max_length=1000)]
Conditions = Annotated[list[str], Query(description="conditions on what is known about a clip: duration<30, tag=sea")]
Concepts = Annotated[list[str], Query(description="concepts that the model must see in a clip")]


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
    asker, figures, thumbnails = Asker(index), Figures(index), Thumbnails()
    decoder, turns = Decoder(limits), asyncio.Semaphore(limits.uploads)

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

    def check(query: str, top: int) -> str:
        if not query.strip():
            raise DataError("q", "is empty", "type a sentence")
        if len(query) > limits.query:
            raise DataError("q", f"has {len(query)} letters, the limit is {limits.query}", "ask for less")
        if not 1 <= top <= limits.top:
            raise DataError("top", f"is {top}", f"give 1 to {limits.top}")
        return query

    async def ask(method: str, *args: Any, finish: Callable[[Any], Any], **options: Any) -> Response:
        """What a question's answer is made to, as json, all in the thread that searches."""
        body = await asyncio.wrap_future(
            asker.ask(method, *args, finish=lambda found: json.dumps(finish(found), allow_nan=False), **options)
        )
        return Response(body, media_type="application/json")

    def shown(results: Any) -> Any:
        return results_json(index, results[0] if isinstance(results, list) else results)

    def conditions(
        where: list[str], entity: list[str], action: list[str], relationship: list[str], at_least: float
    ) -> dict[str, Any]:
        if max(map(len, (where, entity, action, relationship))) > 20:
            raise DataError("conditions", "are over 20", "give fewer")
        wanted = (("entity", entity), ("action", action), ("relationship", relationship))
        filters = [ConceptFilter(level, concept, at_least) for level, names in wanted for concept in names]
        return {"filters": filters, "where": [Where.parse(text) for text in where]}

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return Response((STATIC / "page.html").read_bytes(), media_type="text/html; charset=utf-8")

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        if name not in KINDS:
            raise fastapi.HTTPException(404, "no such file")
        return Response(
            (STATIC / name).read_bytes(),
            media_type=f"{KINDS[name]}; charset=utf-8",
            headers={"cache-control": "no-cache"},
        )

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return Response(docs_page(app.openapi()), media_type="text/html; charset=utf-8")

    @app.get("/healthz", tags=["server"], summary="Whether the index can be searched")
    def health() -> Response:
        parts, clips = getattr(index, "parts", [index]), 0
        try:
            for part in parts:
                stamp(part.path)
                clips += read_manifest(part.path).clips
        except DataError as error:
            return _problem(503, error)
        told = {"status": "ok", "clips": clips, "waiting": asker.waiting}
        return responses.JSONResponse(told | ({"key": app.state.key} if app.state.key else {}))

    @app.get("/metrics", tags=["server"], summary="Figures for Prometheus")
    def metrics() -> Response:
        body, kind = figures.text()
        return Response(body, media_type=kind)

    @app.get("/api/info", tags=["search"], summary="What the index is")
    def info() -> dict[str, Any]:
        return describe(index)

    @app.get("/api/search", tags=["search"], summary="Clips for a sentence, best first")
    async def search(
        q: Text,
        top: int = 12,
        where: Conditions = [],  # noqa: B006
        entity: Concepts = [],  # noqa: B006
        action: Concepts = [],  # noqa: B006
        relationship: Concepts = [],  # noqa: B006
        at_least: float = 0.5,
        exhaustive: bool = False,
    ) -> Response:
        options = conditions(where, entity, action, relationship, at_least)
        return await ask("search", check(q, top), top, finish=shown, exhaustive=exhaustive, **options)

    @app.get("/api/graph", tags=["search"], summary="The role graph of a sentence, as a picture")
    async def graph(q: Text) -> Response:
        query = check(q, 1)
        return await ask("", finish=lambda _: graph_json(index.encoder, query), graph_of=query)

    @app.get("/api/why", tags=["search"], summary="Why a clip was found")
    async def why(q: Text, clip: Name) -> Response:
        named = [Where("name", "=", index.item(clip).name)]
        return await ask("search", check(q, 1), 1, finish=lambda found: why_json(index, found, clip), where=named)

    @app.get("/api/like", tags=["search"], summary="What a clip of the index finds")
    async def like(clip: Name, find: Literal["captions", "clips"] = "clips", top: int = 12) -> Response:
        check("clip", top)
        index.item(clip)  # names of the index only, never files of this machine
        return await ask("search_videos", [clip], top, finish=shown, find=find)

    @app.post("/api/upload", tags=["search"], summary="What a clip that is sent finds; the body is the file")
    async def upload(
        request: Request,
        name: Annotated[str, Query(max_length=300)] = "clip",
        find: Literal["captions", "clips"] = "captions",
        top: int = 12,
    ) -> Response:
        check("clip", top)
        if turns.locked():  # each takes a thread, which others need
            raise BusyError("server", "is busy with other clips", "send it again in a moment")
        async with turns:
            with tempfile.TemporaryDirectory(prefix="graphvtr-upload-") as folder:
                file = Path(folder) / "clip"  # no name of a stranger becomes a name of a file
                await _receive(request, file, limits.upload)
                features = index.manifest.provenance.get("features", {})
                video = await concurrency.run_in_threadpool(
                    decoder.read, file, features, index.model.reads_regions, name
                )
        answer = await ask("search_videos", [video], top, finish=shown, find=find)
        figures.uploads.inc()
        return answer

    @app.head("/media", include_in_schema=False)
    @app.get("/media", tags=["media"], summary="The video file of a clip")
    def media(clip: Name) -> Response:
        file = _file(index, clip)
        kind = MEDIA.get(file.suffix.lower(), "application/octet-stream")
        return responses.FileResponse(file, media_type=kind, headers={"cache-control": "no-cache"})

    @app.get("/thumbnail", tags=["media"], summary="A picture of a moment of a clip")
    def picture(request: Request, clip: Name, t: float = 0.0, side: int = 320) -> Response:
        if not 0 <= t < 1e6 or not 16 <= side <= 1280:
            raise DataError("t or side", "is out of range", "give seconds, and 16 to 1280 pixels")
        file = _file(index, clip)
        tag = f'"{thumbnails.tag(file, t, side)}"'
        headers = {"etag": tag, "cache-control": "private, max-age=3600"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(thumbnails.get(file, t, side), media_type="image/jpeg", headers=headers)

    @app.exception_handler(DataError)
    def data_error(request: Request, error: DataError) -> Response:
        gone = isinstance(error, BusyError) or "not an index" in error.problem
        return _problem(503 if gone else 404 if "is not in" in error.problem else 413 if _large(error) else 400, error)

    @app.exception_handler(fastapi.exceptions.RequestValidationError)
    def validation_error(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "request"
        return _problem(400, DataError(field, first["msg"], "see /docs"))

    @app.exception_handler(fastapi.HTTPException)
    @app.exception_handler(404)
    def http_error(request: Request, error: Any) -> Response:
        return _problem(error.status_code, DataError("request", str(error.detail).lower(), "see /docs"))

    @app.exception_handler(MissingExtraError)
    def missing_error(request: Request, error: MissingExtraError) -> Response:
        return _problem(501, DataError("server", str(error)))

    app.add_middleware(figures.watch)
    app.add_middleware(Guard, limits=limits, hosts=hosts, refuse=_refusal)
    app.state.index, app.state.asker, app.state.limits, app.state.key = index, asker, limits, ""
    app.state.decoder = decoder
    return app


async def _receive(request: Request, file: Path, limit: int) -> None:
    """The body of a request into a file.

    Raises:
        DataError: it is empty or too large.
    """
    if (number_of_digits(request.headers.get("content-length", "")) or 0) > limit:
        raise DataError("upload", f"is larger than {limit:,} bytes", "send a shorter clip")
    size = 0
    with file.open("wb") as out:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise DataError("upload", f"is larger than {limit:,} bytes", "send a shorter clip")
            await concurrency.run_in_threadpool(out.write, part)
    if not size:
        raise DataError("upload", "is empty", "send a video file as the body")


def _file(index: Any, clip: str) -> Path:
    file = index.file_of(clip)
    if file is None:
        raise DataError(f"clip '{clip[:80]}'", "is not in the media folder", "build the index with --clips DIR")
    return file  # type: ignore[no-any-return]


def _large(error: DataError) -> bool:
    return error.item == "upload" and "larger" in error.problem


def _problem(status: int, error: DataError) -> Response:
    body = {"item": error.item, "problem": error.problem, "fix": error.fix}
    return responses.JSONResponse(body, status_code=status)


def _refusal(status: int, problem: str) -> bytes:
    return json.dumps({"item": "request", "problem": problem, "fix": ""}).encode()
