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
from graphvtr.reading import need, parse_json, read_json

NOTE = ".server.json"
"""File in the folder of an index that says at which port of this machine it is served."""
QUICK, PATIENT = 1.0, 60.0  # seconds to find out whether a server is there, and for an answer
MOST = 64 * 2**20  # bytes of an answer
FIX = "start graphvtr serve, or leave out --server"


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
        content = read_json(note, limit=1000)
    except DataError:
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
    for result in need(found, url, {"results": list}, FIX)["results"]:  # what only the page needs
        need(result, f"{url}: results", {"phrases": list}, FIX).pop("playable", None)
        for phrase in result["phrases"]:
            need(phrase, f"{url}: phrases", {}, FIX).pop("boxes", None)
    return found


def _get(url: str, seconds: float) -> dict[str, Any]:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DataError(url[:80], "is no address of a server", "give http://127.0.0.1:8000")
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine is not behind a proxy
        with opener.open(url, timeout=seconds) as answer:
            found = parse_json(answer.read(MOST), "its answer")
    except urllib.error.HTTPError as error:
        with error:
            told = _problem(error.read(MOST))
        raise DataError(
            told.get("item", url[:80]), told.get("problem", f"answers {error.code}"), told.get("fix", FIX)
        ) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(url.partition("?")[0], f"does not answer ({error})", FIX) from None
    if not isinstance(found, dict):
        raise DataError(url.partition("?")[0], "is not a server of graphvtr", FIX)
    return found


def _problem(body: bytes) -> dict[str, str]:
    try:
        content = parse_json(body, "its answer")
    except DataError:
        return {}
    return {key: str(value) for key, value in content.items()} if isinstance(content, dict) else {}
