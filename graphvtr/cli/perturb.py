"""``graphvtr perturb --data NAME --out FILE.jsonl``: hard negatives of a captioned dataset."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from graphvtr.cli.eval import add_source_arguments, source_of


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "perturb",
        help="make hard negatives of captions",
        description="For every clip and each of five kinds (switched roles, replaced actions, persons and scenes, "
        "incomplete events; HGR, Table 6) write a true caption and one that is wrong in that respect, as JSON lines "
        "{video, positive, negative, kind}: what graphvtr eval --binary reads.",
    )
    add_source_arguments(parser)
    parser.add_argument("--split", default="test", help="split to take (default: test)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--seed", type=int, default=0, help="of all draws (default: 0)")
    parser.add_argument("--per-video", type=int, default=1, help="at most this many of each kind and clip (default: 1)")
    parser.add_argument(
        "--kind", action="append", metavar="KIND", help="only this kind, or 'exchange directions'; repeatable"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Perturb, write, count."""
    from graphvtr.ending import going_on
    from graphvtr.errors import DataError
    from graphvtr.locks import output_lock

    if args.seed < 0:
        raise DataError("seed", f"is {args.seed}", "give 0 or more")
    with output_lock(args.out), going_on("nothing was written; run it again"):
        return _perturb(args)


def _perturb(args: argparse.Namespace) -> int:
    from graphvtr.datasets import build_dataset
    from graphvtr.errors import DataError
    from graphvtr.text.pairs import KINDS, write_pairs
    from graphvtr.text.perturb import perturb

    dataset = build_dataset(args.data, args.split, source_of(args))
    pairs = list(
        perturb(
            dataset.videos,
            dataset.video_of_caption,
            dataset.role_graphs,
            seed=args.seed,
            kinds=args.kind or KINDS,
            per_video=args.per_video,
            progress=sys.stderr.isatty(),
        )
    )
    if not pairs:
        raise DataError(f"dataset '{args.data}'", "has no caption that can be perturbed so", "try other kinds")
    write_pairs(args.out, pairs)
    counts = Counter(pair.kind for pair in pairs)
    print(f"wrote {args.out}: {len(pairs)} pairs ({', '.join(f'{kind} {count}' for kind, count in counts.items())})")
    return 0
