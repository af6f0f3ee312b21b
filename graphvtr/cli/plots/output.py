"""Where every ``graphvtr plot KIND`` writes its picture."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from graphvtr.atomic import whole, write_whole
from graphvtr.cli.eval import add_source_arguments
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.terminal import strip_controls

FORMATS = (".png", ".svg", ".pdf")


def add_kind(
    subparsers: argparse._SubParsersAction[Any],
    name: str,
    run: Callable[[argparse.Namespace], int],
    *formats: str,
    help: str,
    description: str,
    data: bool = False,
) -> argparse.ArgumentParser:
    """A parser of ``graphvtr plot NAME`` with ``--out`` and ``--dpi``, to which the kind adds its own arguments.

    Args:
        subparsers: of ``graphvtr plot``.
        name: of the kind.
        run: what it does.
        formats: further endings it writes.
        help, description: of the parser.
        data: also add the arguments that name a dataset; :func:`graphvtr.cli.eval.source_of` reads them back.
    """
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=help, description=description)
    if data:
        add_source_arguments(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=f"picture: {', '.join((*FORMATS, *formats))}"
    )
    parser.add_argument("--dpi", type=int, default=150, help="dots an inch of a .png (default: 150)")
    parser.set_defaults(run=_alone(run), again="nothing was written; run it again")
    return parser


def _alone(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """A kind of plot as the only run that writes to its ``--out``."""

    def alone(args: argparse.Namespace) -> int:
        with output_lock(args.out) if args.out.parent.is_dir() else nullcontext():
            return run(args)

    return alone


def check_out(path: Path, *formats: str) -> Path:
    """``path``, if a picture can be written there; asked before the work begins.

    Raises:
        DataError: an unknown ending, or a folder that is not there.
    """
    known = (*FORMATS, *formats)
    if path.suffix.lower() not in known:
        raise DataError(path, "has no ending of a picture", f"use one of {', '.join(known)}")
    if not path.parent.is_dir():
        raise DataError(path.parent, "no such folder", "make it first")
    return path


def use_files() -> None:
    """Draw into files: no window system is needed."""
    from graphvtr._optional import optional_import

    optional_import("matplotlib", "plot", "plotting").use("Agg")


def write_figure(figure: Any, path: Path, dpi: int) -> None:
    """Save a figure; it appears only once it is whole. SVG keeps text as text and is the same every time."""
    from graphvtr._optional import optional_import

    matplotlib = optional_import("matplotlib", "plot", "plotting")
    kind = path.suffix[1:].lower()
    metadata = {"Date": None} if kind == "svg" else None
    for text in figure.findobj(matplotlib.text.Text):
        text.set_text(strip_controls(text.get_text()))  # an SVG with one in a caption cannot be opened
    with whole(path) as partial, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "graphvtr"}):
        figure.savefig(partial, dpi=dpi, format=kind, metadata=metadata)
    print(f"wrote {path}")


def write_text(text: str, path: Path) -> None:
    """Save a page; it appears only once it is whole."""
    write_whole(path, text)
    print(f"wrote {path}")
