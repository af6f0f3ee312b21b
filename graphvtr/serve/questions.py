"""What can be asked of an index: the routes below ``/api``."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.reading import number_of_digits
from graphvtr.search.filters import Where
from graphvtr.search.tags import ConceptFilter
from graphvtr.serve.answers import graph_json, results_json, why_json
from graphvtr.serve.asking import Asker, BusyError
from graphvtr.serve.decoding import Decoder
from graphvtr.serve.describe import describe
from graphvtr.serve.figures import Figures
from graphvtr.serve.limits import Limits
from graphvtr.serve.media import Name
from graphvtr.serve.problems import TOO_LARGE

fastapi = optional_import("fastapi", "serve", "the page of an index")
concurrency = optional_import("starlette.concurrency", "serve", "the page of an index")
from fastapi import Query, Request, Response  # noqa: E402  the message above names the extra

Text = Annotated[str, Query(description="a sentence, or roles: agent=dog action=chase patient=cat")]
Conditions = Annotated[list[str], Query(description="conditions on what is known about a clip: duration<30, tag=sea")]
Concepts = Annotated[list[str], Query(description="concepts that the model must see in a clip")]


class Questions:
    """Questions that are put to an index, within limits.

    Args:
        index: of :func:`graphvtr.search.open_index`.
        asker: searches it.
        limits: of a question.
    """

    def __init__(self, index: Any, asker: Asker, limits: Limits) -> None:
        self.index, self.asker, self.limits = index, asker, limits

    def check(self, query: str, top: int) -> str:
        """The query.

        Raises:
            DataError: it is empty or too long, or asks for too much.
        """
        if not query.strip():
            raise DataError("q", "is empty", "type a sentence")
        if len(query) > self.limits.query:
            raise DataError("q", f"has {len(query)} letters, the limit is {self.limits.query}", "ask for less")
        if not 1 <= top <= self.limits.top:
            raise DataError("top", f"is {top}", f"give 1 to {self.limits.top}")
        return query

    async def ask(
        self, method: str, *args: Any, finish: Callable[[Any], Any] | None = None, **options: Any
    ) -> Response:
        """What a question's answer is made to (its results, by default), as JSON, in the thread that searches."""
        make = finish or self._results
        body = await asyncio.wrap_future(
            self.asker.ask(method, *args, finish=lambda found: json.dumps(make(found), allow_nan=False), **options)
        )
        return Response(body, media_type="application/json")

    def _results(self, found: Any) -> Any:
        return results_json(self.index, found[0] if isinstance(found, list) else found)


def conditions(
    where: list[str], entity: list[str], action: list[str], relationship: list[str], at_least: float
) -> dict[str, Any]:
    """Conditions of a request as a search takes them.

    Raises:
        DataError: there are too many, or one cannot be read.
    """
    if max(map(len, (where, entity, action, relationship))) > 20:
        raise DataError("conditions", "are over 20", "give fewer")
    wanted = (("entity", entity), ("action", action), ("relationship", relationship))
    filters = [ConceptFilter(level, concept, at_least) for level, names in wanted for concept in names]
    return {"filters": filters, "where": [Where.parse(text) for text in where]}


def search_routes(questions: Questions) -> Any:
    """Questions in words, and about clips of the index."""
    router, index, ask, check = fastapi.APIRouter(tags=["search"]), questions.index, questions.ask, questions.check

    @router.get("/api/info", summary="What the index is")
    def info() -> dict[str, Any]:
        return describe(index)

    @router.get("/api/search", summary="Clips for a sentence, best first")
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
        return await ask("search", check(q, top), top, exhaustive=exhaustive, **options)

    @router.get("/api/graph", summary="The role graph of a sentence, as a picture")
    async def graph(q: Text) -> Response:
        query = check(q, 1)
        return await ask("", finish=lambda _: graph_json(index.encoder, query), graph_of=query)

    @router.get("/api/why", summary="Why a clip was found")
    async def why(q: Text, clip: Name) -> Response:
        named = [Where("name", "=", index.item(clip).name)]
        return await ask("search", check(q, 1), 1, finish=lambda found: why_json(index, found, clip), where=named)

    @router.get("/api/like", summary="What a clip of the index finds")
    async def like(clip: Name, find: Literal["captions", "clips"] = "clips", top: int = 12) -> Response:
        check("clip", top)
        index.item(clip)  # names of the index only, never files of this machine
        return await ask("search_videos", [clip], top, find=find)

    return router


def upload_routes(questions: Questions, decoder: Decoder, figures: Figures) -> Any:
    """A clip that somebody sends."""
    router, index, turns = (
        fastapi.APIRouter(tags=["search"]),
        questions.index,
        asyncio.Semaphore(questions.limits.uploads),
    )

    @router.post("/api/upload", summary="What a clip that is sent finds; the body is the file")
    async def upload(
        request: Request,
        name: Annotated[str, Query(max_length=300)] = "clip",
        find: Literal["captions", "clips"] = "captions",
        top: int = 12,
    ) -> Response:
        questions.check("clip", top)
        if turns.locked():  # each takes a thread, which others need
            raise BusyError("server", "is busy with other clips", "send it again in a moment")
        async with turns:
            with tempfile.TemporaryDirectory(prefix="graphvtr-upload-") as folder:
                file = Path(folder) / "clip"  # no name of a stranger becomes a name of a file
                await _receive(request, file, questions.limits.upload)
                features, regions = index.manifest.provenance.get("features", {}), index.model.reads_regions
                video = await concurrency.run_in_threadpool(decoder.read, file, features, regions, name)
        answer = await questions.ask("search_videos", [video], top, find=find)
        figures.uploads.inc()
        return answer

    return router


async def _receive(request: Request, file: Path, limit: int) -> None:
    """The body of a request into a file.

    Raises:
        DataError: it is empty or too large.
    """
    too_large = DataError("upload", f"{TOO_LARGE} {limit:,} bytes", "send a shorter clip")
    if (number_of_digits(request.headers.get("content-length", "")) or 0) > limit:
        raise too_large
    size = 0
    with file.open("wb") as out:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large
            await concurrency.run_in_threadpool(out.write, part)
    if not size:
        raise DataError("upload", "is empty", "send a video file as the body")
