"""``graphvtr train MODEL --data NAME --out RUN``: train a model."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from graphvtr.cli.kernels import add_backend
from graphvtr.freed_memory import keep_freed_memory
from graphvtr.static_help import help_text, registered_in


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "train",
        help="train a model",
        usage="graphvtr train MODEL --data NAME --out RUN [--config FILE] [--backend NAME] [option ...]\n"
        "       graphvtr train --replay FILE",
        description="Train a model on a dataset. RUN gets best.ckpt (best validation rsum), last.ckpt, config.yaml and "
        "TensorBoard logs; --find_lr true looks for a learning rate instead. 'graphvtr train MODEL --help' lists all "
        "options of a model, its own as --model.NAME. --backend is one of those that graphvtr kernels lists.",
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="make the step again that a training kept because its loss was not finite, and say where it goes wrong",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="name of the model, for instance hgr")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="see graphvtr train MODEL --help")
    parser.set_defaults(run=run, again="go on with --resume, or run it again")


def _take_backend(options: list[str]) -> str:
    """``--backend NAME`` out of the options, which go to the model's own parser."""
    from graphvtr.ops import requested_backend

    taker = argparse.ArgumentParser(prog="graphvtr train", add_help=False, allow_abbrev=False)
    add_backend(taker)
    taken, options[:] = taker.parse_known_args(options)
    return taken.backend or requested_backend()


def run(args: argparse.Namespace) -> int:
    """Train and say where the checkpoints are."""
    if {"--help", "-h"} & set(args.options) and registered_in(args.model) is not None:
        print(help_text(args.model))
        return 0
    if "torch" not in sys.modules:  # this process is the command's own
        keep_freed_memory()
    from graphvtr.errors import DataError
    from graphvtr.ops import backend

    if args.replay is not None:
        from graphvtr.tasks.replay import replay

        print(replay(args.replay))
        return 0
    if args.model is None:
        raise DataError("graphvtr train", "needs the name of a model", "for instance graphvtr train hgr --help")
    from graphvtr.tasks.config import Configuration, RunConfig, find_learning_rate, train
    from graphvtr.tasks.trainer import first_process

    if not first_process():  # which alone speaks
        logging.getLogger("graphvtr").setLevel(logging.ERROR)
    with backend(_take_backend(args.options)):
        configuration = Configuration(args.model, args.options)
        if configuration.part(RunConfig).find_lr:
            print(find_learning_rate(configuration))
            return 0
        result = train(configuration)
    best = max(range(len(result.scores)), key=result.scores.__getitem__)
    if first_process():
        print(
            f"best epoch {best + 1} of {len(result.scores)}: validation rsum {result.scores[best]:.1f}, {result.best}"
        )
    return 0
