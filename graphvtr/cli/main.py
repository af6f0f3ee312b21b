"""``graphvtr VERB ...``: one command, thin verbs."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import graphvtr.cli
from graphvtr._version import __version__
from graphvtr.errors import GraphVTRError


def build_parser() -> argparse.ArgumentParser:
    """The command's parser; every module of ``graphvtr.cli`` with an ``add_parser`` is a verb."""
    parser = argparse.ArgumentParser(prog="graphvtr", description="Graph learning for video-text retrieval.")
    parser.add_argument("--version", action="version", version=f"graphvtr {__version__}")
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for module_info in sorted(pkgutil.iter_modules(graphvtr.cli.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"graphvtr.cli.{module_info.name}")
        if hasattr(module, "add_parser"):
            module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; an error that a user can mend is one line on stderr and exit code 2."""
    args = build_parser().parse_args(argv)
    try:
        code = int(args.run(args) or 0)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # who reads has seen enough, as in: graphvtr store info STORE | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains while it exits
        return 141  # as if killed by SIGPIPE
    except GraphVTRError as error:
        print(f"graphvtr: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("graphvtr: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
