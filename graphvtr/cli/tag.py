"""``graphvtr tag CHECKPOINT CLIP``: what a trained model sees in a clip."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graphvtr.cli.eval import add_mismatch


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "tag",
        help="likeliest entities, actions and relationships of a clip",
        description="Print the likeliest entities, actions and relationships of clips with their probabilities, by the "
        "heads of a trained model (mcsan, hanet). CLIP is a video file; with --store the name of a clip in it.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a checkpoint of mcsan or hanet")
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="video files, or names of clips in --store")
    parser.add_argument("--store", type=Path, help="feature store written by graphvtr extract")
    parser.add_argument("--top", type=int, default=5, help="concepts of each kind to show (default: 5)")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="P", help="leave out less likely ones")
    add_mismatch(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a clip")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Tag and print."""
    from graphvtr.search.tags import ClipTagger, format_tags

    tagger = ClipTagger(args.checkpoint, args.store, mismatch=args.mismatch)
    for position, clip in enumerate(args.clips):
        tags = tagger.tag(clip, args.top, args.at_least)
        if args.json:
            rows = {level: [asdict(tag) for tag in found] for level, found in tags.items()}
            print(json.dumps({"clip": clip, "tags": rows}))
        else:
            print(("\n" if position else "") + f"{clip}\n{format_tags(tags)}")
    return 0
