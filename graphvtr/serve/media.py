"""Video files of an index and pictures of their moments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.serve.pictures import Thumbnails

fastapi = optional_import("fastapi", "serve", "the page of an index")
responses = optional_import("starlette.responses", "serve", "the page of an index")
from fastapi import Query, Request, Response  # noqa: E402  the message above names the extra

KINDS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".ogv": "video/ogg",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
}
Name = Annotated[str, Query(description="name of a clip of the index", max_length=1000)]


def media_routes(index: Any, thumbnails: Thumbnails) -> Any:
    """``/media`` and ``/thumbnail`` of an index."""
    router = fastapi.APIRouter(tags=["media"])

    @router.head("/media", include_in_schema=False)
    @router.get("/media", summary="The video file of a clip")
    def media(clip: Name) -> Response:
        file = _file(index, clip)
        kind = KINDS.get(file.suffix.lower(), "application/octet-stream")
        return responses.FileResponse(file, media_type=kind, headers={"cache-control": "no-cache"})

    @router.get("/thumbnail", summary="A picture of a moment of a clip")
    def picture(request: Request, clip: Name, t: float = 0.0, side: int = 320) -> Response:
        if not 0 <= t < 1e6 or not 16 <= side <= 1280:
            raise DataError("t or side", "is out of range", "give seconds, and 16 to 1280 pixels")
        file = _file(index, clip)
        tag = f'"{thumbnails.tag(file, t, side)}"'
        headers = {"etag": tag, "cache-control": "private, max-age=3600"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(thumbnails.get(file, t, side), media_type="image/jpeg", headers=headers)

    return router


def _file(index: Any, clip: str) -> Path:
    file = index.file_of(clip)
    if file is None:
        raise DataError(f"clip '{clip[:80]}'", "is not in the media folder", "build the index with --clips DIR")
    return file  # type: ignore[no-any-return]
