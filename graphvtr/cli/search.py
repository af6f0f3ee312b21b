"""``graphvtr search INDEX "a sentence"``: find clips, or what describes a clip."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from graphvtr.cli.kernels import add_backend
from graphvtr.terminal import complain

LEVELS = ("entity", "action", "relationship")


def add_parser(subparsers: Any) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "search",
        help="find clips by a sentence, roles or a clip",
        description="Rank the clips of an index for a sentence, with scores per level and the moment in the clip that "
        "each phrase matched. A query may name roles instead: agent=dog action=chase patient=cat. With --video the "
        "captions that describe a clip are ranked, or with --find clips the clips like it.",
    )
    parser.add_argument("index", type=Path, metavar="INDEX", help="folder of graphvtr index")
    parser.add_argument("query", nargs="*", help="sentences, each in quotes; or role=phrase pairs, one query together")
    parser.add_argument("--video", action="append", default=[], metavar="CLIP",
                        help="a video file, or a clip of the index; repeatable")  # fmt: skip
    parser.add_argument("--find", default="captions", choices=("captions", "clips"), help="what --video finds")
    parser.add_argument("--top", type=int, default=10, help="results to show (default: 10)")
    for level in LEVELS:
        parser.add_argument(
            f"--{level}", action="append", default=[], metavar="CONCEPT",
            help=f"only clips in which the model sees this {level}; repeatable (mcsan, hanet)",
        )  # fmt: skip
    parser.add_argument("--at-least", type=float, default=0.5, metavar="P", help="with this probability (default: 0.5)")
    parser.add_argument("--where", action="append", default=[], metavar="CONDITION", help="only clips of which this is "
                        "true: duration<30, tag=music, caption~guitar; repeatable")  # fmt: skip
    parser.add_argument("--candidates", type=int, metavar="N", help="clips the model scores (default: 100 or 500)")
    parser.add_argument(
        "--exhaustive", action="store_true", help="score all clips, and tell what the candidates missed"
    )
    parser.add_argument("--parser", metavar="NAME", help="parser of the sentence (default: the index's)")
    add_backend(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a query")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search and print."""
    from graphvtr.imports import lazily

    lazily()
    from graphvtr.errors import DataError
    from graphvtr.search.opening import open_index
    from graphvtr.search.roles import is_role_query
    from graphvtr.search.tags import ConceptFilter

    if bool(args.query) == bool(args.video):
        raise DataError("graphvtr search", "needs a sentence or --video, one of the two", "give one")
    index = open_index(args.index, parser=args.parser)
    options: dict[str, Any] = {
        "filters": [
            ConceptFilter(level, concept, args.at_least) for level in LEVELS for concept in getattr(args, level)
        ],
        "where": args.where,
        "candidates": args.candidates,
    }
    queries = args.query
    if queries and all(is_role_query(query) for query in queries):
        # the shell has taken the quotes of agent="red dog" away
        queries = [" ".join(_quoted(query) for query in queries)]

    def ask(exhaustive: bool) -> Any:
        if args.video:
            return index.search_videos(args.video, args.top, find=args.find, exhaustive=exhaustive, **options)
        return index.search(queries, args.top, exhaustive=exhaustive, **options)

    found = ask(args.exhaustive)
    quick = ask(False) if args.exhaustive else None
    for number, results in enumerate(found):
        recall = None
        if quick is not None:
            kept = {(one.name, one.caption) for one in quick[number]}
            recall = sum((one.name, one.caption) in kept for one in results) / max(1, len(results))
        _show(results, recall, args.json)
    return 0


def _quoted(query: str) -> str:
    name, _, phrase = query.partition("=")
    return query if " " not in phrase or '"' in phrase or "=" in phrase else f'{name}="{phrase}"'


def _show(results: Any, recall: float | None, as_json: bool) -> None:
    from graphvtr.search.results import format_results

    if results.unknown:
        complain(f"graphvtr: words the model has never seen: {', '.join(results.unknown)}")
    if as_json:
        print(json.dumps({**results.to_dict(), **({} if recall is None else {"recall": recall})}))
        return
    bold = (lambda text: f"\033[1m{text}\033[0m") if sys.stdout.isatty() else str
    print(f"{results.query}\n{format_results(results, bold) or 'nothing found'}")
    if recall is not None:
        print(f"the candidates alone give {recall:.0%} of these")
    print()
