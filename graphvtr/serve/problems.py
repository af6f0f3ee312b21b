"""What goes wrong, as JSON: item, problem and fix, under the status that says whose fault it is."""

from __future__ import annotations

import json
from typing import Any

from graphvtr._optional import optional_import
from graphvtr.errors import DataError, MissingExtraError
from graphvtr.serve.asking import BusyError

fastapi = optional_import("fastapi", "serve", "the page of an index")
responses = optional_import("starlette.responses", "serve", "the page of an index")
TOO_LARGE = "is larger than"


def problem(status: int, error: DataError) -> Any:
    """An error as a response."""
    return responses.JSONResponse({"item": error.item, "problem": error.problem, "fix": error.fix}, status)


def refusal(status: int, said: str) -> bytes:
    """The body of what :class:`~graphvtr.serve.limits.Guard` refuses."""
    return json.dumps({"item": "request", "problem": said, "fix": ""}).encode()


def tell_problems(app: Any) -> None:
    """Let an application answer every error with a :func:`problem`."""
    app.add_exception_handler(DataError, lambda request, error: problem(_status(error), error))
    app.add_exception_handler(MissingExtraError, lambda request, error: problem(501, DataError("server", str(error))))
    app.add_exception_handler(fastapi.exceptions.RequestValidationError, _wrong_field)
    for kind in (fastapi.HTTPException, 404):
        app.add_exception_handler(kind, _refused)


def _status(error: DataError) -> int:
    if isinstance(error, BusyError) or "not an index" in error.problem:
        return 503
    if "is not in" in error.problem:
        return 404
    return 413 if error.item == "upload" and error.problem.startswith(TOO_LARGE) else 400


def _wrong_field(request: Any, error: Any) -> Any:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return problem(400, DataError(field, first["msg"], "see /docs"))


def _refused(request: Any, error: Any) -> Any:
    return problem(error.status_code, DataError("request", str(error.detail).lower(), "see /docs"))
