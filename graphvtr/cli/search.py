"""``graphvtr search CHECKPOINT --store STORE "a sentence"``: find clips."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graphvtr.cli.eval import add_mismatch


def add_parser(subparsers: Any) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "search",
        help="find clips by a sentence",
        description="Rank the clips of a feature store for a sentence, with scores per level and the moment in the "
        "clip that each phrase matched.",
    )
    parser.add_argument("checkpoint", type=Path, help="a checkpoint written by graphvtr train")
    parser.add_argument("query", nargs="+", help="one or more sentences, each in quotes")
    parser.add_argument("--store", type=Path, required=True, help="feature store written by graphvtr extract")
    parser.add_argument("--top", type=int, default=5, help="clips to show (default: 5)")
    for level in ("entity", "action", "relationship"):
        parser.add_argument(
            f"--{level}", action="append", default=[], metavar="CONCEPT",
            help=f"only clips in which the model sees this {level}; repeatable (mcsan, hanet)",
        )  # fmt: skip
    parser.add_argument("--at-least", type=float, default=0.5, metavar="P", help="with this probability (default: 0.5)")
    parser.add_argument("--parser", metavar="NAME", help="parser of the sentence (default: as in training)")
    add_mismatch(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a sentence")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search and print."""
    from graphvtr.search import ConceptFilter, SearchEngine, format_results

    engine = SearchEngine.from_files(
        args.checkpoint, args.store, parser=args.parser, progress=sys.stderr.isatty() and not args.json,
        mismatch=args.mismatch,
    )  # fmt: skip
    filters = [
        ConceptFilter(level, concept, args.at_least)
        for level in ("entity", "action", "relationship")
        for concept in getattr(args, level)
    ]
    for query in args.query:
        results = engine.search(query, args.top, filters)
        if args.json:
            rows = [asdict(result) for result in results]
            for row in rows:
                for phrase in row["phrases"]:
                    phrase["weights"] = phrase["weights"].tolist()
            print(json.dumps({"query": query, "results": rows}))
            continue
        bold = (lambda text: f"\033[1m{text}\033[0m") if sys.stdout.isatty() else str
        print(f"{query}\n{format_results(results, bold)}\n")
    return 0
