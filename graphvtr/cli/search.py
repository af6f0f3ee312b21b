"""``graphvtr search INDEX "a sentence"``: find clips, or what describes a clip."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from graphvtr.cli.kernels import add_backend
from graphvtr.terminal import complain

LEVELS = ("entity", "action", "relationship")
LINES = ["-"]
"""In place of a query: those on standard input, one a line."""
Ask = Callable[[list[str], bool], list[dict[str, Any]]]
"""From queries, and whether all clips are to be scored, to the results of each query."""


def add_parser(subparsers: Any) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "search",
        help="find clips by a sentence, roles or a clip",
        description="Rank the clips of an index for a sentence, with scores per level and the moment in the clip that "
        "each phrase matched. A query may name roles instead: agent=dog action=chase patient=cat. With --video the "
        "captions that describe a clip are ranked, or with --find clips the clips like it.",
    )
    parser.add_argument(
        "index",
        nargs="?",
        metavar="INDEX",
        help="folder of graphvtr index, or of a run of "
        "graphvtr train, whose clips are then embedded once; none with --zero-shot",
    )
    parser.add_argument(
        "query",
        nargs="*",
        help="sentences, each in quotes; or role=phrase pairs, one query together; or - for the lines of standard "
        "input, answered as they come",
    )
    parser.add_argument(
        "--video", action="append", default=[], metavar="CLIP", help="a video file, or a clip of the index; repeatable"
    )
    parser.add_argument("--find", default="captions", choices=("captions", "clips"), help="what --video finds")
    parser.add_argument("--top", type=int, default=10, help="results to show (default: 10)")
    for level in LEVELS:
        parser.add_argument(
            f"--{level}",
            action="append",
            default=[],
            metavar="CONCEPT",
            help=f"only clips in which the model sees this {level}; repeatable (mcsan, hanet)",
        )
    parser.add_argument("--at-least", type=float, default=0.5, metavar="P", help="with this probability (default: 0.5)")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="only clips of which this is true: duration<30, tag=music, caption~guitar; repeatable",
    )
    parser.add_argument("--candidates", type=int, metavar="N", help="clips the model scores (default: 100 or 500)")
    parser.add_argument(
        "--exhaustive", action="store_true", help="score all clips, and tell what the candidates missed"
    )
    parser.add_argument("--parser", metavar="NAME", help="parser of the sentence (default: the index's)")
    parser.add_argument(
        "--zero-shot",
        type=Path,
        metavar="DIR",
        help="search a --store without training and index, with a local directory of CLIP or SigLIP",
    )
    parser.add_argument(
        "--store",
        type=Path,
        metavar="STORE",
        help="of graphvtr extract --backbone DIR; or, of a run, in place of the one it was trained on",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="ask this graphvtr serve; by default the one that serves the index on this "
        "machine, if one runs and the query has no --video, --candidates, --parser or --backend",
    )
    parser.add_argument("--alone", action="store_true", help="ask no server")
    add_backend(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a query")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search and print."""
    from graphvtr import ending
    from graphvtr.errors import DataError
    from graphvtr.search.of_run import index_of, is_run
    from graphvtr.search.plain import is_role_query

    ending.leaves_nothing = True  # the second process is ended before
    of_run = args.zero_shot is None and args.index is not None and is_run(Path(args.index))
    if (args.zero_shot is None) != (args.store is None) and not of_run:
        raise DataError("graphvtr search", "needs --zero-shot and --store together", "give both, or an INDEX")
    if args.zero_shot is not None and args.index is not None:  # there is no index: this is the first sentence
        args.query, args.index = [args.index, *args.query], None
    if args.zero_shot is None and args.index is None:
        raise DataError("graphvtr search", "needs an INDEX", "give one, or --zero-shot DIR --store STORE")
    args.index = None if args.index is None else Path(args.index)
    if bool(args.query) == bool(args.video):
        raise DataError("graphvtr search", "needs a sentence or --video, one of the two", "give one")
    if LINES[0] in args.query and args.query != LINES:
        raise DataError("graphvtr search", "takes - for the lines of standard input alone", "put the queries there")
    queries = args.query
    if queries and all(is_role_query(query) for query in queries):
        # the shell has taken the quotes of agent="red dog" away
        queries = [" ".join(_quoted(query) for query in queries)]
    with contextlib.ExitStack() as stack:
        if args.index is not None and not args.server:
            args.index = index_of(args.index, args.store, progress=sys.stderr.isatty())
        if args.zero_shot is not None:
            args.index, args.alone = stack.enter_context(_made(args)), True
        gc.disable()  # until the first answer: nothing of what is imported goes away
        stack.callback(gc.enable)
        ask = _by_server(args, queries) or _here(args, queries)
        return _answer_lines(args, ask) if queries == LINES else _answer(args, ask, queries)


@contextlib.contextmanager
def _made(args: argparse.Namespace) -> Iterator[Path]:
    """An index for this one call: without training there is little to compute."""
    from graphvtr.imports import lazily

    lazily()
    from graphvtr.search.index.build import build_index
    from graphvtr.search.index.model_folder import zero_shot

    with tempfile.TemporaryDirectory(prefix="graphvtr-search-") as folder:
        build_index(zero_shot(args.zero_shot), args.store, folder, progress=sys.stderr.isatty())
        yield Path(folder)


def _answer_lines(args: argparse.Namespace, ask: Ask) -> int:
    """Answer what comes in at standard input, all lines that are there together. What is wrong with one is told in its
    place, and the others are answered."""
    from graphvtr.errors import DataError
    from graphvtr.reading import arriving_lines

    if sys.stdin.isatty():
        complain("one query a line; Ctrl-D ends")
    code = 0
    for lines in arriving_lines(sys.stdin.fileno(), "standard input"):
        queries = [line.strip() for line in lines if line.strip()]
        try:
            _answer(args, ask, queries)
        except DataError:
            for query in queries:
                try:
                    _answer(args, ask, [query])
                except DataError as error:
                    code = 2
                    complain(f"graphvtr: error: {error}")
                    if args.json:
                        print(json.dumps({"query": query, "error": str(error)}))
        sys.stdout.flush()
    return code


def _answer(args: argparse.Namespace, ask: Ask, queries: list[str]) -> int:
    from graphvtr.search.plain import media_folder

    found = ask(queries, args.exhaustive)
    gc.enable()
    quick = ask(queries, False) if args.exhaustive else None
    media = media_folder(args.index)
    for number, results in enumerate(found):
        for result in results["results"]:
            file = os.path.normpath(os.path.join(media, result.get("path") or "")) if media else ""
            if os.path.isfile(file):
                result["file"] = file
        recall = None
        if quick is not None:
            kept = {(one["name"], one["caption"]) for one in quick[number]["results"]}
            both = sum((one["name"], one["caption"]) in kept for one in results["results"])
            recall = both / max(1, len(results["results"]))
        _show(results, recall, args.json)
    return 0


def _by_server(args: argparse.Namespace, queries: list[str]) -> Ask | None:
    """How a server that runs is asked; None where there is none, or it does not do what is asked for."""
    from graphvtr.errors import DataError
    from graphvtr.serve.client import ask_server, find_server
    from graphvtr.serve.limits import Limits

    own = [name for name in ("video", "candidates", "parser", "backend") if getattr(args, name)]
    if args.server and own:
        raise DataError("--server", f"does not go with --{own[0]}", "leave one of them out")
    large = args.top > Limits.top or max(map(len, queries), default=0) > Limits.query
    if args.alone or own or (large and not args.server):
        return None
    url = args.server or find_server(args.index)
    if url is None:
        return None
    options: dict[str, Any] = {level: getattr(args, level) for level in LEVELS}
    options |= {"top": args.top, "where": args.where, "at_least": args.at_least}
    return lambda wanted, exhaustive: [
        ask_server(url, query, {**options, "exhaustive": str(exhaustive).lower()}) for query in wanted
    ]


def _here(args: argparse.Namespace, queries: list[str]) -> Ask:
    """How the index is asked by this process."""
    from graphvtr.imports import lazily
    from graphvtr.search.ahead import parse_ahead

    ahead = None if args.video else parse_ahead(args.index, [] if queries == LINES else queries, args.parser)
    lazily()
    from graphvtr.search.opening import open_index
    from graphvtr.search.tags import ConceptFilter

    index = open_index(args.index, parser=args.parser)
    if ahead is not None:
        index.encoder.make = ahead
    options: dict[str, Any] = {
        "filters": [
            ConceptFilter(level, concept, args.at_least) for level in LEVELS for concept in getattr(args, level)
        ],
        "where": args.where,
        "candidates": args.candidates,
    }

    def ask(queries: list[str], exhaustive: bool) -> list[dict[str, Any]]:
        if args.video:
            found = index.search_videos(args.video, args.top, find=args.find, exhaustive=exhaustive, **options)
        else:
            found = index.search(queries, args.top, exhaustive=exhaustive, **options)
        return [results.to_dict() for results in found]

    return ask


def _quoted(query: str) -> str:
    name, _, phrase = query.partition("=")
    return query if " " not in phrase or '"' in phrase or "=" in phrase else f'{name}="{phrase}"'


def _show(results: dict[str, Any], recall: float | None, as_json: bool) -> None:
    from graphvtr.search.plain import format_plain

    if results["unknown"]:
        complain(f"graphvtr: words the model has never seen: {', '.join(results['unknown'])}")
    if as_json:
        print(json.dumps({**results, **({} if recall is None else {"recall": recall})}))
        return
    bold = (lambda text: f"\033[1m{text}\033[0m") if sys.stdout.isatty() else str
    print(f"{results['query']}\n{format_plain(results['results'], bold) or 'nothing found'}")
    if recall is not None:
        print(f"the candidates alone give {recall:.0%} of these")
    print()
