"""``graphvtr parse``: captions to role graphs, drawn or as json."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.text import format_tree, get_parser, graph_to_dict


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "parse",
        help="draw the role graph of a caption",
        description="Turn captions into semantic role graphs and draw them, or print one JSON object a line.",
    )
    parser.add_argument("captions", nargs="*", metavar="CAPTION", help="one or more sentences, each in quotes")
    parser.add_argument("--file", type=Path, metavar="TXT", help="a text file with one caption a line ('-': stdin)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a caption")
    parser.add_argument(
        "--parser", default="spacy", metavar="NAME",
        help="a parser, or a released sent2rolegraph*.json or sent2srl.json file (default: spacy)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the graphs of the captions as they become ready."""
    captions = [*args.captions, *(_lines(args.file) if args.file is not None else ())]
    if not captions:
        raise DataError("captions", "there are none", "give sentences in quotes, or --file TXT")
    plain = not _can_draw()
    progress = args.file is not None and sys.stderr.isatty() and not sys.stdout.isatty()
    graphs = get_parser(args.parser).parse(captions, progress=progress)
    for position, graph in enumerate(graphs):
        if args.json:
            print(json.dumps(graph_to_dict(graph)))
        else:
            print(("\n" if position else "") + format_tree(graph, plain=plain))
    return 0


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file that are not blank."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text (byte {error.start})", "save it as UTF-8") from error
    return (line for line in text.splitlines() if line.strip())


def _can_draw() -> bool:
    """Whether the terminal's encoding has the signs of the drawing."""
    try:
        "├└│─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
