"""``graphvtr plot role-graph CAPTION --out FILE``: a caption as a role graph, with a model's attention."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graphvtr.cli.plots.output import add_kind, check_out, use_files, write_figure, write_text


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the kind."""
    parser = add_kind(
        subparsers,
        "role-graph",
        run,
        ".html",
        help="a caption's role graph",
        description="Draw the role graph of a caption: the event on top, its actions, their entities; with "
        "--checkpoint also how much each action listens to its neighbours in every layer (HGR, Figure 3). An .html "
        "file can be pointed at and clicked.",
    )
    parser.add_argument("caption", help="a sentence, in quotes")
    parser.add_argument("--checkpoint", type=Path, help="an HGR model: draw its attention")
    parser.add_argument("--into", default="action", choices=("event", "action", "entity"), help="whose attention")
    parser.add_argument("--words", action="store_true", help="also draw the words")
    parser.add_argument(
        "--parser",
        metavar="NAME",
        help="parser of the caption (default: that of the training, else spacy)",
    )


def run(args: argparse.Namespace) -> int:
    """Parse and draw."""
    from graphvtr.nn.feeding import parser_of
    from graphvtr.plot import plot_role_graph, role_attention, role_graph_html, word_attention
    from graphvtr.tasks.checkpoint import load
    from graphvtr.text import get_parser

    check_out(args.out, ".html")
    use_files()
    model: Any = None
    if args.checkpoint is None:
        graph = get_parser(args.parser or "spacy").parse_one(args.caption)
    else:
        model = load(args.checkpoint)
        vocabulary = model.require_vocabulary()
        graph = parser_of(model, args.parser).parse_one(args.caption)
        graph = model.transform_text(vocabulary.encode(graph))
    shown: dict[str, Any] = {"words": args.words}
    if model is not None:
        shown["attention"] = role_attention(model, graph, args.into)
        shown["word_weights"] = word_attention(model, graph) if args.words else None
    if args.out.suffix.lower() == ".html":
        write_text(role_graph_html(graph, title=args.caption, **shown), args.out)
    else:
        write_figure(plot_role_graph(graph, **shown).figure, args.out, args.dpi)
    return 0
