"""``graphvtr plot role-graph CAPTION --out FILE``: a caption as a role graph."""

from __future__ import annotations

import argparse
from typing import Any

from graphvtr.cli.plots.output import add_out_arguments, check_out, use_files, write_figure


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the kind."""
    parser = subparsers.add_parser(
        "role-graph",
        help="a caption's role graph",
        description="Draw the role graph of a caption: the event on top, its actions, their entities.",
    )
    parser.add_argument("caption", help="a sentence, in quotes")
    parser.add_argument("--parser", default="spacy", metavar="NAME", help="parser of the caption (default: spacy)")
    add_out_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Parse and draw."""
    from graphvtr.plot import plot_role_graph
    from graphvtr.text import get_parser

    check_out(args.out)
    use_files()
    graph = get_parser(args.parser).parse_one(args.caption)
    write_figure(plot_role_graph(graph).figure, args.out, args.dpi)
    return 0
