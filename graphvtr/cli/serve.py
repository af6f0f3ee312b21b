"""``graphvtr serve INDEX``: a page in the browser, and an API."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "serve",
        help="search an index in the browser",
        description="Serve an index on this machine: a page to search it with, an API described at /docs, /healthz "
        "and /metrics. Only files of the index are served.",
    )
    parser.add_argument(
        "index",
        type=Path,
        metavar="INDEX",
        help="folder of graphvtr index, or of a run of graphvtr train on a feature store",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine only)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen at (default: 8000)")
    parser.add_argument(
        "--rate",
        type=float,
        default=20.0,
        metavar="R",
        help="requests a second to the API by one address, 0 for no limit (default: 20)",
    )
    parser.add_argument(
        "--upload", type=int, default=128, metavar="MB", help="largest clip that is taken (default: 128)"
    )
    parser.add_argument("--parser", metavar="NAME", help="parser of sentences (default: the index's)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from dataclasses import replace

    from graphvtr.search.of_run import index_of
    from graphvtr.serve.limits import LOOPBACK, Limits
    from graphvtr.serve.run import serve

    if args.host not in LOOPBACK:
        print(f"{args.host}: anyone who reaches this address can search and see the clips", file=sys.stderr)
    limits = replace(Limits(), rate=args.rate, burst=max(60, int(3 * args.rate)), upload=args.upload * 2**20)
    index = index_of(args.index, progress=sys.stderr.isatty())
    serve(index, host=args.host, port=args.port, limits=limits, parser=args.parser)
    return 0
