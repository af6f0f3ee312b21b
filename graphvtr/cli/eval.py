"""``graphvtr eval CHECKPOINT --data NAME``: retrieval metrics of a trained model."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphvtr.cli.kernels import add_backend

if TYPE_CHECKING:
    from graphvtr.datasets import DataSource


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "eval",
        help="evaluate a model on a dataset",
        description="Rank all videos of a split for its captions and all captions for its videos. Prints both "
        "directions with 95 % bootstrap intervals beside what chance would give. CHECKPOINT is a file of graphvtr "
        "train, of any dataset, or a released HGR .th file.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a run, a checkpoint or an export")
    add_source_arguments(parser)
    parser.add_argument("--split", default="test", help="split to evaluate (default: test)")
    parser.add_argument("--levels", action="store_true", help="also rank by each level alone")
    parser.add_argument(
        "--binary",
        metavar="FILE.jsonl",
        help="binary selection (HGR, Table 6) instead of ranking: accuracy on pairs "
        "{video, positive, negative, kind}, as graphvtr perturb writes them, or 'dataset' for those that come with it",
    )
    parser.add_argument("--save-scores", type=Path, metavar="FILE.npz", help="write all scores, fused and by level")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--protocol",
        default="both",
        choices=("both", "partially_relevant"),
        help="rank both directions, or sentences "
        "against whole untrimmed videos (charades_sta, tvr, activitynet with unit=sentence): R@1/5/10/100 and SumR",
    )
    conventions = parser.add_argument_group("conventions", "how published numbers were counted; see the metrics guide")
    conventions.add_argument("--ties", default="pessimistic", choices=("pessimistic", "average", "optimistic"))
    conventions.add_argument("--median", default="plain", choices=("plain", "floor"))
    conventions.add_argument("--mean-rank", default="best", choices=("best", "all"), help="over best or all positives")
    conventions.add_argument("--duplicates", default="many", choices=("many", "one"), help="equal captions as queries")
    conventions.add_argument("--interval-unit", default="query", choices=("query", "video"), help="what is resampled")
    conventions.add_argument("--samples", type=int, default=1000, help="resamples of the bootstrap (default: 1000)")
    conventions.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (default: 0)")
    add_mismatch(parser)
    computing = parser.add_argument_group("computing")
    computing.add_argument("--batch-size", type=int, default=128, help="items embedded at a time (default: 128)")
    computing.add_argument(
        "--block",
        type=int,
        nargs=2,
        default=(256, 1024),
        metavar=("VIDEOS", "CAPTIONS"),
        help="scores computed at a time (default: 256 1024)",
    )
    computing.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="default: cpu")
    add_backend(computing)
    parser.set_defaults(run=run, again="nothing was written; run it again")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and the fields of :class:`graphvtr.datasets.DataSource`; :func:`source_of` reads them back."""
    group = parser.add_argument_group("dataset")
    group.add_argument("--data", required=True, metavar="NAME", help="name of the dataset (msvd), or FILE.py:NAME")
    group.add_argument("--root", type=Path, metavar="DIR", help="folder of the dataset's own files")
    group.add_argument("--store", type=Path, help="feature store written by graphvtr extract")
    group.add_argument("--feature", metavar="NAME", help="feature to take where a dataset has several")
    group.add_argument(
        "--parser",
        metavar="NAME",
        help="parser of the captions (default: the dataset's own graphs, else the parser the model was trained with)",
    )
    group.add_argument("--missing", choices=("skip", "error"), help="listed videos without features")
    group.add_argument("--cache", type=Path, metavar="DIR", help="folder for parsed captions")
    group.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="what only this dataset knows; repeatable"
    )


def add_mismatch(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--mismatch``, for commands that use a model on features."""
    parser.add_argument(
        "--mismatch",
        default="error",
        choices=("error", "warn"),
        help="features made in another way than those of the training (default: error)",
    )


def source_of(args: argparse.Namespace) -> DataSource:
    """The source that :func:`add_source_arguments` describes.

    Raises:
        DataError: an ``--option`` without ``=``.
    """
    from graphvtr.datasets import DataSource
    from graphvtr.datasets.source import parse_options

    options = parse_options(args.option)
    return DataSource(args.root, args.store, args.feature, args.parser, args.missing, args.cache, options)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    from graphvtr.errors import DataError
    from graphvtr.nn.shared_batch import process_group
    from graphvtr.tasks import EvalOptions, format_table, to_json
    from graphvtr.tasks.evaluate import evaluate_checkpoint

    if args.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise DataError("device 'cuda'", "is not there", "use --device cpu")
    if args.binary is not None:
        return _select(args)
    names = "levels ties median mean_rank duplicates interval_unit samples seed batch_size protocol".split()
    options = EvalOptions(block=(args.block[0], args.block[1]), **{name: getattr(args, name) for name in names})
    with process_group(args.device) as (rank, device):
        evaluation = evaluate_checkpoint(
            args.checkpoint,
            args.data,
            args.split,
            source_of(args),
            options,
            save_scores=args.save_scores,
            device=device,
            progress=sys.stderr.isatty() and not args.json and not rank,
            mismatch=args.mismatch,
        )
    if rank:
        return 0
    print(json.dumps(to_json(evaluation), indent=2) if args.json else format_table(evaluation))
    return 0


def _select(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from graphvtr.errors import DataError
    from graphvtr.tasks.binary import format_binary, select_checkpoint

    if args.levels or args.save_scores is not None:
        raise DataError("--binary", "ranks nothing", "leave out --levels and --save-scores")
    if args.samples < 1:
        raise DataError("samples", f"is {args.samples}", "give 1 or more")
    found = select_checkpoint(
        args.checkpoint,
        args.data,
        args.split,
        source_of(args),
        args.binary,
        samples=args.samples,
        seed=args.seed,
        device=args.device,
        progress=sys.stderr.isatty() and not args.json,
        mismatch=args.mismatch,
    )
    print(json.dumps(asdict(found), indent=2) if args.json else format_binary(found))
    return 0
