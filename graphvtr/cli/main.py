"""``graphvtr VERB ...``: one command, thin verbs."""

from __future__ import annotations

import argparse
import atexit
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import graphvtr.cli
from graphvtr import ending
from graphvtr._version import __version__
from graphvtr.ending import Interrupted, interruptible
from graphvtr.errors import GraphVTRError, system_error
from graphvtr.registry import run_file
from graphvtr.terminal import complain, safe_output


class CommandParser(argparse.ArgumentParser):
    """A parser that takes options anywhere (``search INDEX --top 3 "a dog"``), and whose errors say how to give a name
    with a leading dash (46 clips of MSVD have one)."""

    _within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the parent, with options between positional arguments too."""
        given_on = any(one.nargs in (argparse.PARSER, argparse.REMAINDER) for one in self._get_positional_actions())
        if self._within or given_on:  # the parser of the verb looks at the rest
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return super().parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with 2."""
        if any(part in message for part in ("unrecognized", "expected", "required")):
            message += "; a name that begins with a dash is given as --OPTION=-NAME, or after a bare --"
        super().error(message)


def build_parser(verb: str = "") -> argparse.ArgumentParser:
    """The command's parser; every module of ``graphvtr.cli`` with an ``add_parser`` is a verb.

    Args:
        verb: the only one that is asked for, if there is one of that name.
    """
    parser = CommandParser(prog="graphvtr", description="Graph learning for video-text retrieval.")
    parser.add_argument("--version", action="version", version=f"graphvtr {__version__}")
    parser.add_argument(
        "--use",
        action="append",
        default=[],
        metavar="FILE.py",
        help="run a file of yours that registers models, "
        "datasets, parsers, backbones or detectors; before the verb, repeatable",
    )
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    names = sorted(info.name for info in pkgutil.iter_modules(graphvtr.cli.__path__))
    for module in (_verbs([verb]) if verb in names else []) or _verbs(names):
        module.add_parser(subparsers)
    return parser


def _verbs(names: Sequence[str]) -> list[Any]:
    modules = [importlib.import_module(f"graphvtr.cli.{name}") for name in names]
    return [module for module in modules if hasattr(module, "add_parser")]


def command() -> NoReturn:
    """:func:`main` as a process of its own. After a verb that leaves nothing to end the process is gone at once: Python
    would take torch apart, module by module, for a third of a second."""
    codes: list[int] = []
    atexit.register(_go, codes)  # registered first, called last
    code = main()
    if ending.leaves_nothing:
        codes.append(code)
    sys.exit(code)


def _go(codes: Sequence[int]) -> None:
    for code in codes:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, GraphVTRError):
                stream.flush()
        os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. An error that a user can mend is one line on stderr and exit code 2; a signal is one line and 128 +
    its number."""
    again = ""
    if "torch" not in sys.modules:  # threads that wait by spinning starve each other as soon as anything else runs here
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with interruptible(), safe_output():
        try:
            argv = sys.argv[1:] if argv is None else argv
            args = build_parser(argv[0] if argv else "").parse_args(argv)
            again = getattr(args, "again", "")  # how to go on, where the work itself does not say
            for file in args.use:
                run_file(Path(file))
            with _backend(getattr(args, "backend", None)):
                code = int(args.run(args) or 0)
            sys.stdout.flush()
            return code
        except BrokenPipeError:  # who reads has seen enough, as in: graphvtr store info STORE | head
            _close_stdout()
            return 141  # as if killed by SIGPIPE
        except GraphVTRError as error:
            return _fail(str(error))
        except OSError as error:
            return _fail(str(system_error(error)))
        except MemoryError as error:
            return _fail(f"memory: is not enough for this ({error or 'out of memory'}) (give less at a time)")
        except RuntimeError as error:  # what torch makes of it
            if "allocate memory" not in str(error) and "out of memory" not in str(error):
                raise
            return _fail(f"memory: is not enough for this ({str(error).splitlines()[0]}) (give less at a time)")
        except KeyboardInterrupt as stop:
            stop = stop if isinstance(stop, Interrupted) else Interrupted()
            stop.how = stop.how or again
            complain(f"graphvtr: {stop}")
            return stop.exit_code


def _backend(name: str | None) -> AbstractContextManager[None]:
    """The kernels that ``--backend`` asks for."""
    if name is None:
        return nullcontext()
    from graphvtr.ops import backend

    return backend(name)


def _fail(message: str) -> int:
    try:
        sys.stdout.flush()
    except (OSError, GraphVTRError):
        _close_stdout()
    complain(f"graphvtr: error: {message}")
    return 2


def _close_stdout() -> None:
    """Leave what cannot be written, or Python complains about it while it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    command()
