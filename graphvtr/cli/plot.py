"""``graphvtr plot KIND ...``: pictures of graphs, matches and runs."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from typing import Any

import graphvtr.cli.plots


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb; every module of ``graphvtr.cli.plots`` with an ``add_parser`` is a kind of plot."""
    parser = subparsers.add_parser(
        "plot",
        help="draw graphs, matches and runs",
        description="Draw a picture. The file's ending says its format: .png, .svg, .pdf and, where a kind offers it, "
        "an interactive .html.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for module_info in sorted(pkgutil.iter_modules(graphvtr.cli.plots.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"graphvtr.cli.plots.{module_info.name}")
        if hasattr(module, "add_parser"):
            module.add_parser(kinds)
