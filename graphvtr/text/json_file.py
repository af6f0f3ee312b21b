"""Vocabularies as json on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphvtr.atomic import write_whole
from graphvtr.errors import DataError


def write_json(path: str | Path, values: Any) -> None:
    """Write a json file; it appears only once it is whole."""
    write_whole(path, json.dumps(values))


def read_json(path: str | Path, writer: str) -> Any:
    """What a json file holds.

    Args:
        path: the file.
        writer: what writes such a file, for the message.

    Raises:
        DataError: the file is missing or is not json.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}", "check the path") from error
    except ValueError as error:
        raise DataError(path, f"is not json: {error}", f"write it with {writer}") from error
