"""``graphvtr parse``: captions to role graphs, drawn or as json."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphvtr.cli.encode import add_engine
from graphvtr.errors import DataError

NAMES = ("allennlp", "bert-srl", "neural", "precomputed", "spacy")  # of PARSERS, which takes seconds to import
PARSER_HELP = (
    f"one of {', '.join(NAMES)}, with options as NAME:OPTION=VALUE,...; or a released sent2rolegraph*.json "
    "or sent2srl.json file, an SRL-BERT archive (*.tar.gz), or FILE.py:NAME"
)


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "parse",
        help="draw the role graph of a caption",
        description="Turn captions into semantic role graphs and draw them, or print one JSON object a line.",
    )
    parser.add_argument(
        "captions",
        nargs="*",
        metavar="CAPTION",
        help="sentences, each in quotes, or text files of them",
    )
    parser.add_argument("--file", type=Path, metavar="TXT", help="a text file with one caption a line ('-': stdin)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a caption")
    add_parser_argument(parser)
    whole = parser.add_argument_group("whole files")
    whole.add_argument("--out", type=Path, metavar="JSONL", help="write a file's graphs here; a killed run resumes")
    add_engine(whole)
    whole.add_argument("--overwrite", action="store_true", help="begin anew if the file or a part of it exists")
    whole.add_argument("--no-progress", action="store_true", help="no progress bar")
    parser.set_defaults(run=run)


def add_parser_argument(parser: argparse.ArgumentParser, default: str | None = "spacy") -> None:
    """Add ``--parser``, which every command has that parses captions."""
    told = f" (default: {default})" if default else ""
    parser.add_argument("--parser", default=default, metavar="NAME", help=PARSER_HELP + told)


def run(args: argparse.Namespace) -> int:
    """Print the graphs of the captions as they become ready, or write those of a file."""
    from graphvtr.text import format_tree, get_parser, graph_to_dict, parse_file

    if args.out is not None:
        files = [*map(Path, args.captions), *([args.file] if args.file is not None else [])]
        if len(files) != 1 or str(files[0]) == "-":
            raise DataError("--out", "needs one file of captions", "graphvtr parse captions.txt --out graphs.jsonl")
        progress = not args.no_progress
        count = parse_file(
            files[0],
            args.out,
            args.parser,
            engine=args.engine,
            address=args.address,
            workers=args.workers,
            overwrite=args.overwrite,
            progress=progress,
        )
        print(f"{count} graphs in {args.out}")
        return 0
    captions = [*_sentences(args.captions), *(_lines(args.file) if args.file is not None else ())]
    if not captions:
        raise DataError("captions", "there are none", "give sentences in quotes, or a text file")
    plain = not _can_draw()
    progress = len(captions) > 1 and not args.no_progress and sys.stderr.isatty() and not sys.stdout.isatty()
    graphs = get_parser(args.parser).parse(captions, progress=progress)
    for position, graph in enumerate(graphs):
        if args.json:
            print(json.dumps(graph_to_dict(graph)))
        else:
            print(("\n" if position else "") + format_tree(graph, plain=plain))
    return 0


def _sentences(given: list[str]) -> Iterator[str]:
    """The captions of the command line; a file's name stands for its lines."""
    from graphvtr.text import read_captions

    for item in given:
        if item.endswith(".txt") and Path(item).is_file():
            yield from read_captions(Path(item))
        else:
            yield item


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file that are not blank."""
    if str(path) == "-":
        from graphvtr.reading import lines_of

        return (line for line in lines_of(sys.stdin.read()) if line.strip())
    from graphvtr.text import read_captions

    return read_captions(path)


def _can_draw() -> bool:
    """Whether the terminal's encoding has the signs of the drawing."""
    try:
        "├└│─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
