"""``graphvtr plot frames CHECKPOINT --data NAME --video CLIP CAPTION``: which frames each phrase attends to."""

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
        "frames",
        run,
        data=True,
        help="which frames each phrase attends to",
        description="A heat map: a row for each action and entity of a caption, a column for each frame of a clip.",
    )
    add_mismatch(parser)
    parser.add_argument("checkpoint", type=Path, help="a checkpoint of a model whose phrases attend to frames (HGR)")
    parser.add_argument("caption", nargs="?", help="a sentence, in quotes (default: the clip's first caption)")
    parser.add_argument("--video", metavar="CLIP", help="name of the clip (default: the split's first)")
    parser.add_argument("--split", default="test", help="split of the clip (default: test)")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="folder of the video files, to show their frames")


def run(args: argparse.Namespace) -> int:
    """Embed and draw."""
    from graphvtr.errors import DataError
    from graphvtr.nn.feeding import parser_of
    from graphvtr.plot import phrase_frame_weights, plot_phrase_frames
    from graphvtr.plot.clips import frames_of
    from graphvtr.tasks.checkpoint import load
    from graphvtr.tasks.open import dataset_for

    check_out(args.out)
    use_files()
    source = source_of(args)
    model = load(args.checkpoint)
    dataset = dataset_for(model, args.data, args.split, source, mismatch=args.mismatch)
    name = args.video or dataset.videos[0]
    if name not in dataset.videos:
        raise DataError(f"video '{name}'", f"is not in {args.data}/{args.split}", f"for instance {dataset.videos[0]}")
    index = dataset.videos.index(name)
    if args.caption is None:
        graph = dataset.role_graphs[int((dataset.video_of_caption == index).nonzero()[0])]
    else:
        graph = parser_of(model, source.parser).parse_one(args.caption)
    graph = model.transform_text(model.require_vocabulary().encode(graph))
    video = model.transform_video(dataset.video_graphs[index])
    weights, phrases = phrase_frame_weights(model, graph, video)
    times = video["frame"].time.tolist()
    frames = frames_of(dataset, index, times, args.clips)
    ax = plot_phrase_frames(weights, phrases, times=times, frames=frames, title=f"{graph.caption} — {name}")
    write_figure(ax.figure, args.out, args.dpi)
    return 0
