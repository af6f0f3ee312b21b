"""``graphvtr tune MODEL --out SEARCH --search 'lr=loguniform(1e-4,1e-2)' ...``: search for good options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    options = _options().format_help().split("options:\n", 1)[1]
    parser = subparsers.add_parser(
        "tune",
        help="search for good options of a training",
        usage="graphvtr tune MODEL --out SEARCH --search OPTION=SPACE [...] [option of graphvtr train MODEL ...]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a model many times with options drawn from spaces, side by side (Ray Tune, extra scale),\n"
        "and keep what had the best validation rsum: SEARCH gets results.csv and best.yaml.",
        epilog=f"options of the search (all others are those of graphvtr train MODEL):\n{options}\nspaces: "
        "uniform(low,high), loguniform(low,high), quniform(low,high,step), randint(low,high),\n"
        "choice(8,16), choice('a','b'), and grid(8,16), which takes every one.",
    )
    parser.add_argument("model", metavar="MODEL", help="name of the model")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="see below")
    parser.set_defaults(run=run)


def _options() -> argparse.ArgumentParser:
    """What the search takes itself."""
    parser = argparse.ArgumentParser("graphvtr tune MODEL", add_help=False, allow_abbrev=False)
    parser.add_argument("--out", type=Path, metavar="SEARCH", help="folder of the search")
    parser.add_argument(
        "--search",
        action="append",
        default=[],
        metavar="OPTION=SPACE",
        help="an option and where its values come from: 'lr=loguniform(1e-4,1e-2)'; repeatable",
    )
    parser.add_argument("--trials", type=int, default=10, metavar="N", help="draws (default: 10)")
    parser.add_argument("--search-seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")
    parser.add_argument("--cpus", type=float, default=1, metavar="N", help="processors a trial (default: 1)")
    parser.add_argument(
        "--gpus", type=float, default=0, metavar="N", help="GPUs a trial, 0.5: two share one (default: 0)"
    )
    parser.add_argument("--stop-early", action="store_true", help="end trials that are behind after a few epochs")
    parser.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster, or auto (default: this machine)")
    parser.add_argument("--resume", action="store_true", help="go on with the search in SEARCH")
    return parser


def run(args: argparse.Namespace) -> int:
    """Search, and say what was best."""
    from graphvtr.errors import DataError
    from graphvtr.tasks.tuning import Space, tune

    own, rest = _options().parse_known_args(args.options)
    if own.out is None:
        raise DataError("graphvtr tune", "needs --out SEARCH", "see graphvtr tune --help")
    found = tune(
        args.model,
        rest,
        [Space.read(text) for text in own.search],
        own.out,
        trials=own.trials,
        seed=own.search_seed,
        cpus=own.cpus,
        gpus=own.gpus,
        stop_early=own.stop_early,
        address=own.address,
        resume=own.resume,
    )
    print(str(found).replace("train MODEL", f"train {args.model}"))
    return 0
