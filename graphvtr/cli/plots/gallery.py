"""``graphvtr plot gallery CHECKPOINT --data NAME``: what captions find, or what clips find."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graphvtr.cli.eval import add_mismatch, source_of
from graphvtr.cli.plots.output import add_kind, check_out, use_files, write_figure


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the kind."""
    parser = add_kind(
        subparsers,
        "gallery",
        run,
        data=True,
        help="what captions or clips find",
        description="A row a query with its best results, right ones green with a tick, wrong ones orange with a "
        "cross, and their scores on each level (HGR, Figures 4 and 5). Clips without pictures are shown by a caption.",
    )
    add_mismatch(parser)
    parser.add_argument("checkpoint", type=Path, help="a run of graphvtr train, or a checkpoint")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="CHECKPOINT",
        help="what another model finds for the same queries, below each "
        "row (VSR-Net, Figures 3 and 4: with and without relations)",
    )
    parser.add_argument("--split", default="test", help="split to search (default: test)")
    parser.add_argument(
        "--direction", default="t2v", choices=("t2v", "v2t"), help="captions find clips, or the reverse"
    )
    parser.add_argument("--queries", type=int, default=4, help="rows (default: 4)")
    parser.add_argument("--top", type=int, default=3, help="results a row (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of queries (default: 0)")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="folder of the video files")


def run(args: argparse.Namespace) -> int:
    """Score all pairs, choose queries, draw."""
    import torch

    from graphvtr.errors import DataError
    from graphvtr.plot.retrieved import Retrieved, plot_side_by_side
    from graphvtr.tasks.checkpoint import load
    from graphvtr.tasks.embed import encode_texts, encode_videos
    from graphvtr.tasks.open import dataset_for
    from graphvtr.tasks.prepare import prepare

    check_out(args.out)
    if min(args.queries, args.top) < 1:
        raise DataError("queries and top", f"are {args.queries} and {args.top}", "give 1 or more")
    use_files()
    checkpoints = [args.checkpoint] if args.against is None else [args.checkpoint, args.against]
    found = []
    for checkpoint in checkpoints:
        model = load(checkpoint)
        dataset = dataset_for(model, args.data, args.split, source_of(args), mismatch=args.mismatch)
        prepared = prepare(dataset, model)
        with torch.inference_mode():
            levels = model.level_scores(
                encode_videos(model, prepared.video_graphs), encode_texts(model, prepared.role_graphs)
            )
            found.append(Retrieved(dataset, model.fuse(levels), levels, model.levels, args.clips))
    count = len(dataset.captions if args.direction == "t2v" else dataset.videos)
    generator = torch.Generator().manual_seed(args.seed)
    queries = torch.randperm(count, generator=generator)[: args.queries].tolist()
    if args.against is None:
        figure = found[0].plot(queries, args.direction, top=args.top)
    else:
        names = [path.stem if path.stem not in ("best", "last") else path.parent.name for path in checkpoints]
        figure = plot_side_by_side(found, names, queries, args.direction, top=args.top)
    write_figure(figure, args.out, args.dpi)
    return 0
