"""Vocabularies as json on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphvtr import reading
from graphvtr.atomic import write_whole


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
    return reading.read_json(path, limit=reading.DATA, fix=f"write it with {writer}")
