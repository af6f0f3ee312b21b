"""Reading the small files of datasets, with errors that name the file and the entry."""

from __future__ import annotations

import json
from pathlib import Path

from graphvtr.errors import DataError


def read_captions(path: Path) -> dict[str, list[str]]:
    """A ``{video: [caption, ...]}`` json file.

    Raises:
        DataError: the file is missing, no such json, or a caption is empty; the message names the video.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(path, f"holds a {type(content).__name__}", "give a json object {video: [caption, ...]}")
    for video, captions in content.items():
        if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
            raise DataError(f"{path}: video '{video}'", "is not a list of strings", "give its captions as a list")
        for position, caption in enumerate(captions):
            if not caption.strip():
                raise DataError(f"{path}: video '{video}', caption {position}", "is empty", "remove it")
    return content


def read_json(path: Path) -> object:
    """A json file, with errors that name it."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(path, "no such file", "check --root") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(path, f"is not valid json: {error}", "download it again") from error


def read_list(path: Path) -> list[str]:
    """One name a line; blank lines are skipped.

    Raises:
        DataError: the file is missing, empty, or names a video twice.
    """
    if not path.is_file():
        raise DataError(path, "no such file", "check --root")
    names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not names:
        raise DataError(path, "is empty", "give one video name a line")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path}: video '{name}'", "is listed twice", "list every video once")
        seen.add(name)
    return names
