"""``graphvtr plot ranks SCORES.npz ... --data NAME``: histograms of the right items' ranks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graphvtr.cli.eval import source_of
from graphvtr.cli.plots.output import add_kind, check_out, use_files, write_figure


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the kind."""
    parser = add_kind(
        subparsers,
        "ranks",
        run,
        data=True,
        help="histograms of ranks",
        description="Where the right item stands for each query, one histogram a score file of graphvtr eval "
        "--save-scores.",
    )
    parser.add_argument("scores", nargs="+", type=Path, metavar="SCORES.npz", help="of graphvtr eval --save-scores")
    parser.add_argument("--split", default="test", help="split that was evaluated (default: test)")
    parser.add_argument("--direction", default="t2v", choices=("t2v", "v2t"))


def run(args: argparse.Namespace) -> int:
    """Rank and draw."""
    import torch

    from graphvtr.array_files import open_npz
    from graphvtr.datasets import build_dataset
    from graphvtr.errors import DataError
    from graphvtr.metrics import RetrievalRanks
    from graphvtr.plot import plot_rank_histogram

    check_out(args.out)
    use_files()
    dataset = build_dataset(args.data, args.split, source_of(args))
    shape = (len(dataset.videos), len(dataset.captions))
    found, positives = {}, None
    for path in args.scores:
        with open_npz(path, "write it with graphvtr eval --save-scores") as saved:
            if "scores" not in saved:
                raise DataError(path, "is no score file", "write it with graphvtr eval --save-scores")
            scores = torch.from_numpy(saved["scores"])
        if tuple(scores.shape) != shape:
            raise DataError(path, f"has scores {list(scores.shape)} for {list(shape)}", "give the split they are of")
        ranks = RetrievalRanks(dataset.video_of_caption, *shape)
        ranks.add_positives(scores)
        ranks.add(scores)
        t2v, v2t = ranks.ranks()
        positives = ranks.texts if args.direction == "t2v" else ranks.videos
        found[path.stem] = (t2v if args.direction == "t2v" else v2t).best.numpy().astype(int)
    ax = plot_rank_histogram(found, positives=positives)
    write_figure(ax.figure, args.out, args.dpi)
    return 0
