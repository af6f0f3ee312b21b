"""``graphvtr train MODEL --data NAME --out RUN``: train a model."""

from __future__ import annotations

import argparse
from typing import Any

from graphvtr.cli.kernels import add_backend


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "train",
        help="train a model",
        usage="graphvtr train MODEL --data NAME --out RUN [--config FILE] [--backend NAME] [option ...]",
        description="Train a model on a dataset. RUN gets best.ckpt (best validation rsum), last.ckpt, config.yaml and "
        "TensorBoard logs. 'graphvtr train MODEL --help' lists all options of a model, its own as --model.NAME. "
        "--backend is one of those that graphvtr kernels lists.",
    )
    parser.add_argument("model", metavar="MODEL", help="name of the model, for instance hgr")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="see graphvtr train MODEL --help")
    parser.set_defaults(run=run)


def _take_backend(options: list[str]) -> str:
    """``--backend NAME`` out of the options, which go to the model's own parser."""
    from graphvtr.ops import requested_backend

    taker = argparse.ArgumentParser(prog="graphvtr train", add_help=False, allow_abbrev=False)
    add_backend(taker)
    taken, options[:] = taker.parse_known_args(options)
    return taken.backend or requested_backend()


def run(args: argparse.Namespace) -> int:
    """Train and say where the checkpoints are."""
    from graphvtr.ops import backend
    from graphvtr.tasks.config import Configuration, train
    from graphvtr.tasks.trainer import first_process

    with backend(_take_backend(args.options)):
        result = train(Configuration(args.model, args.options))
    best = max(range(len(result.scores)), key=result.scores.__getitem__)
    if first_process():
        print(
            f"best epoch {best + 1} of {len(result.scores)}: validation rsum {result.scores[best]:.1f}, {result.best}"
        )
    return 0
