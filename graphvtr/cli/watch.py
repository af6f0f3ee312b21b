"""``graphvtr watch FOLDER --index INDEX``: new clips are searchable as they appear."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "watch",
        help="add clips to an index as they appear in a folder",
        description="Extract clips that are new in a folder, or have changed, and add them to an index. A graphvtr "
        "serve of the index takes them up at once.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the video files")
    parser.add_argument("--index", type=Path, required=True, metavar="INDEX", help="folder of graphvtr index")
    parser.add_argument("--store", type=Path, help="feature store (default: INDEX.features)")
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="seconds between two looks (default: 5)")
    parser.add_argument("--delete", action="store_true", help="take clips out whose files are gone")
    parser.add_argument("--once", action="store_true", help="look once and end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Watch until interrupted."""
    from graphvtr.search.index import Change
    from graphvtr.search.opening import open_index
    from graphvtr.search.watch import Watcher

    def tell(change: Change) -> None:
        for what in ("added", "replaced", "deleted"):
            for name in getattr(change, what):
                print(f"{what} {name}", flush=True)

    watcher = Watcher(args.folder, open_index(args.index), args.store, delete=args.delete)
    watcher.run(args.every, tell, rounds=1 if args.once else None)
    return 0
