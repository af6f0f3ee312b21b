"""Serving an index on this machine."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import torch

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.search.opening import open_index
from graphvtr.serve.client import noted
from graphvtr.serve.limits import LOOPBACK, Limits

SWITCH = 5e-4  # seconds after which the thread that searches lets the one that answers go on; 0.005 is Python's own


def serve(
    path: str | Path, *, host: str = "127.0.0.1", port: int = 8000, limits: Limits | None = None, parser: Any = None
) -> None:
    """Serve an index until interrupted.

    Args:
        path: of the index.
        host: address to listen at; the default is reached from this machine only.
        port: to listen at.
        limits: see :class:`Limits`.
        parser: of sentences, in place of the index's own.

    Raises:
        DataError: there is no index, or the port is taken.
        MissingExtraError: FastAPI or uvicorn is not installed.
    """
    from graphvtr.serve.app import create_app
    from graphvtr.serve.listening import make_server

    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))  # a core is left for connections
    sys.setswitchinterval(SWITCH)
    index = open_index(path, parser=parser)
    warm_up(index)
    hosts = LOOPBACK if host in LOOPBACK else ()
    app = create_app(index, limits, hosts)
    server = make_server(app, host, port)
    print(f"{path}: {len(index)} clips at http://{host}:{port}/  (Ctrl-C ends)", flush=True)
    with noted(Path(path), port) as app.state.key:  # graphvtr search asks this server then
        try:
            server.run()
        except SystemExit as error:  # what uvicorn makes of a port that is taken
            raise DataError(f"{host}:{port}", "cannot be listened at", "choose another --port") from error
    if not server.started:
        raise DataError(f"{host}:{port}", "cannot be listened at", "choose another --port")


def warm_up(index: Any) -> None:
    """Read model and parser and answer once, so that the first one who asks does not wait for them."""
    index.encoder.parser.parse_one("a dog runs")
    word = index.encoder.vocabulary.words[-1]  # a query needs a word that the model knows
    with contextlib.suppress(DataError):  # of a model that knows none
        index.search(RoleGraph.build([word], [], [("NOUN", [0])], []), top=1)
