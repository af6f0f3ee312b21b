"""``graphvtr store info|verify STORE``: look into a feature store."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser("store", help="look into a feature store", description="Look into a feature store.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        ("info", info, "What a store holds and what made it; one clip with --clip."),
        ("verify", verify, "Read everything and compare checksums. Exit code: 0 if all is well, else 1."),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("store", type=Path, metavar="STORE", help="folder of the feature store")
        if name == "info":
            action.add_argument("--clip", metavar="NAME", help="show this clip's entry")
        action.set_defaults(run=run)


def info(args: argparse.Namespace) -> int:
    """Print what the store, or one clip of it, is."""
    from dataclasses import asdict

    from graphvtr.video.store import FeatureStore

    store = FeatureStore.open(args.store)
    if args.clip is not None:
        print(json.dumps(asdict(store.entry(args.clip)), indent=2, ensure_ascii=False))
        return 0
    frames = sum(store.entry(name).shapes["frame_x"][0] for name in store)
    content = {
        "clips": len(store),
        "frames": frames,
        "widths": store.widths,
        "settings": store.settings,
        "checksum": store.checksum(),
        "damaged files": store.damaged,
    }
    print(json.dumps(content, indent=2, ensure_ascii=False))
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check every stored value; 0 if all is well, else 1."""
    from graphvtr.video.store import FeatureStore

    store = FeatureStore.open(args.store)
    wrong = store.verify(progress=True)
    for name, problem in wrong.items():
        print(f"{name}: {problem}")
    print(f"{store.path}: {len(store)} clips, {len(wrong)} problems")
    return 1 if wrong else 0
