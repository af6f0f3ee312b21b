"""Asking a server that runs already: a query then starts without torch, model and parser."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphvtr.atomic import write_whole
from graphvtr.errors import DataError

NOTE = ".server.json"
"""File in the folder of an index that says at which port of this machine it is served."""
QUICK, PATIENT = 1.0, 60.0  # seconds to find out whether a server is there, and for an answer
MOST = 64 * 2**20  # bytes of an answer


@contextlib.contextmanager
def noted(path: Path, port: int) -> Iterator[str]:
    """Note in the folder of an index that it is served on this machine, as long as it is; gives what a client knows the
    server by. A folder that cannot be written to has no note."""
    key = secrets.token_hex(16)
    note = path / NOTE
    if find_server(path) is None:
        with contextlib.suppress(DataError):
            write_whole(note, json.dumps({"port": port, "key": key}))
    try:
        yield key
    finally:
        if _read(note).get("key") == key:  # not another server's, which has started since
            with contextlib.suppress(OSError):
                note.unlink()


def _read(note: Path) -> dict[str, Any]:
    try:
        content = json.loads(note.read_bytes()[:1000])
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def find_server(path: Path) -> str | None:
    """The address of the server of this index on this machine, if one runs.

    A note that a dead server has left, or somebody else wrote, leads nowhere: who listens must know the note's key.
    """
    note = _read(path / NOTE)
    port = note.get("port")
    if not isinstance(port, int) or not 0 < port < 65536:
        return None
    url = f"http://127.0.0.1:{port}"
    try:
        told = _get(f"{url}/healthz", QUICK)
    except DataError:
        return None
    return url if told.get("key") == note.get("key") and told.get("status") == "ok" else None


def ask_server(url: str, query: str, parameters: Mapping[str, str | int | float | Sequence[str]]) -> dict[str, Any]:
    """The results of one query, as :meth:`graphvtr.search.SearchResults.to_dict` gives them.

    Args:
        url: of the server.
        query: a sentence or roles.
        parameters: of ``/api/search``.

    Raises:
        DataError: no server answers, or what it says is wrong with the query.
    """
    text = urllib.parse.urlencode({"q": query, **parameters}, doseq=True)
    found = _get(f"{url.rstrip('/')}/api/search?{text}", PATIENT)
    for result in found["results"]:  # what only the page needs
        result.pop("playable", None)
        for phrase in result["phrases"]:
            phrase.pop("boxes", None)
    return found


def _get(url: str, seconds: float) -> dict[str, Any]:
    fix = "start graphvtr serve, or leave out --server"
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DataError(url[:80], "is no address of a server", "give http://127.0.0.1:8000")
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine is not behind a proxy
        with opener.open(url, timeout=seconds) as answer:
            found = json.loads(answer.read(MOST))
    except urllib.error.HTTPError as error:
        with error:
            told = _problem(error.read(MOST))
        raise DataError(
            told.get("item", url[:80]), told.get("problem", f"answers {error.code}"), told.get("fix", fix)
        ) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(url.partition("?")[0], f"does not answer ({error})", fix) from None
    if not isinstance(found, dict):
        raise DataError(url.partition("?")[0], "is not a server of graphvtr", fix)
    return found


def _problem(body: bytes) -> dict[str, str]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return {key: str(value) for key, value in content.items()} if isinstance(content, dict) else {}
