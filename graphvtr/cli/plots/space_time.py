"""``graphvtr plot space_time CHECKPOINT CLIP --out FILE``: which regions of which frames each frame hears."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graphvtr.cli.plots.output import add_kind, check_out, use_files, write_figure
from graphvtr.cli.plots.regions import add_clip_arguments, check_clip, load_clip


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the kind."""
    parser = add_kind(
        subparsers,
        "space_time",
        run,
        help="which regions of which frames each frame of a clip hears",
        description="Draw the space-time attention of VSR-Net's relation branch on a clip: a row for each frame that "
        "hears, a column for each region that is heard, and how much each frame counts in the video's vector.",
    )
    parser.add_argument("checkpoint", type=Path, help="a VSR-Net checkpoint written by graphvtr train")
    add_clip_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Load the model and the clip, and draw."""
    from graphvtr.errors import DataError
    from graphvtr.nn import VSRNet
    from graphvtr.nn.attention_rollout import attention_matrix
    from graphvtr.plot import plot_space_time_attention
    from graphvtr.tasks.checkpoint import load

    check_out(args.out)
    check_clip(args)
    model = load(args.checkpoint)
    if not isinstance(model, VSRNet):
        raise DataError(args.checkpoint, f"is a {type(model).__name__}", "use a checkpoint of VSR-Net")
    use_files()
    graph, _, caption = load_clip(args, model)
    seen = model.attention(graph)
    frame = graph["frame"]
    figure = plot_space_time_attention(
        attention_matrix(seen.temporal, int(frame.num_nodes)).numpy(),
        seen.region_shares.numpy(),
        graph["region"].frame.numpy(),
        weights=seen.frame_weights.numpy(),
        time=frame.time.numpy(),
        caption=args.caption or caption,
    )
    write_figure(figure, args.out, args.dpi)
    return 0
