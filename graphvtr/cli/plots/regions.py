"""``graphvtr plot regions CHECKPOINT CLIP --out FILE``: which regions of its frames a model looks at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphvtr.cli.eval import add_mismatch
from graphvtr.cli.plots.output import add_kind, check_out, use_files, write_figure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from graphvtr.graphs import VideoGraph
    from graphvtr.nn.models import RetrievalModel


ROUNDING = 1e-3
"""Seconds: stores keep times in float32, and a picture begins exactly at its time."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the kind."""
    parser = add_kind(
        subparsers,
        "regions",
        run,
        help="which regions of a clip's frames a model looks at",
        description="Draw frames of a clip beside their region attention maps (ViSERN, section 4.5; VSR-Net, Figure "
        "7): a row a frame, the caption on top. CLIP is a video file whose regions are in --store, or a clip of "
        "MovingScenes.",
    )
    parser.add_argument("checkpoint", type=Path, help="a ViSERN or VSR-Net checkpoint written by graphvtr train")
    add_clip_arguments(parser)
    parser.add_argument("--frames", type=int, default=6, metavar="N", help="frames to show, evenly spaced (default: 6)")


def add_clip_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what names a clip; :func:`load_clip` reads it back."""
    parser.add_argument("clip", help="a video file, or with --data moving_scenes the name or number of a clip")
    parser.add_argument("--store", type=Path, help="store with the clip's regions, of graphvtr extract --detector")
    parser.add_argument("--name", help="the clip's name in the store (default: the file's name without its ending)")
    add_mismatch(parser)
    parser.add_argument("--data", choices=("moving_scenes",), help="take the clip from the built-in dataset")
    parser.add_argument("--split", default="test", help="of --data (default: test)")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of --data; repeatable")
    parser.add_argument("--caption", help="the line on top (default: the dataset's caption, or the clip's name)")


def check_clip(args: argparse.Namespace) -> None:
    """Raise DataError unless the arguments say where the clip is; asked before the work begins."""
    from graphvtr.errors import DataError

    if (args.store is None) == (args.data is None):
        raise DataError("the clip", "needs one of --store and --data", "give the store of its regions")


def run(args: argparse.Namespace) -> int:
    """Load the model and the clip, and draw."""
    import torch

    from graphvtr.errors import DataError
    from graphvtr.plot import plot_region_attention
    from graphvtr.tasks.checkpoint import load

    check_out(args.out)
    check_clip(args)
    model = load(args.checkpoint)
    if not hasattr(model, "attention_map"):
        raise DataError(
            args.checkpoint, f"is a {type(model).__name__}, which has no map of regions", "use ViSERN or VSR-Net"
        )
    use_files()
    graph, frames, caption = load_clip(args, model)
    with torch.inference_mode():
        score = model.attention_map(graph)  # type: ignore[operator]
    region = graph["region"]
    figure = plot_region_attention(
        frames,
        region.box.float().numpy(),
        score.float().numpy(),
        region.frame.numpy(),
        caption=args.caption or caption,
        time=graph["frame"].time.numpy(),
        rows=args.frames,
    )
    write_figure(figure, args.out, args.dpi)
    return 0


def load_clip(args: argparse.Namespace, model: RetrievalModel) -> tuple[VideoGraph, NDArray[np.uint8], str]:
    """The graph, pictures and caption of the clip that :func:`add_clip_arguments` names."""
    return _from_scenes(args) if args.store is None else _from_file(args, model)


def _from_file(args: argparse.Namespace, model: RetrievalModel) -> tuple[VideoGraph, NDArray[np.uint8], str]:
    """The clip's graph in the store, and its pictures at the times that were described."""
    from graphvtr.video import FeatureStore

    store = FeatureStore.open(args.store)
    model.check(store, mismatch=args.mismatch)
    graph = store.video_graph(args.name or Path(args.clip).stem)
    return graph, pictures_at(args.clip, graph["frame"].time.tolist()), Path(args.clip).stem


def pictures_at(path: str | Path, times: list[float]) -> NDArray[np.uint8]:
    """The pictures on screen at increasing times, [T, H, W, 3].

    Raises:
        DataError: the file cannot be read, or ends before one of the times.
    """
    import numpy as np

    from graphvtr.errors import DataError
    from graphvtr.video import ClipReader

    pictures = []
    with ClipReader(path) as reader:
        for time in times:
            found = reader.at(time + ROUNDING)
            if found is None:
                raise DataError(path, f"has no picture at {time:.1f} s", "give the file that the store was made from")
            pictures.append(found[1].numpy())
    return np.stack(pictures)


def _from_scenes(args: argparse.Namespace) -> tuple[VideoGraph, NDArray[np.uint8], str]:
    """A clip of MovingScenes by name or number, rendered anew, and its first caption."""
    from graphvtr.cli.eval import source_of
    from graphvtr.datasets import build_dataset
    from graphvtr.errors import DataError

    for name in ("root", "feature", "parser", "missing", "cache"):
        setattr(args, name, None)
    scenes: Any = build_dataset("moving_scenes", args.split, source_of(args))
    names = {name: place for place, name in enumerate(scenes.videos)}
    place = names.get(args.clip, int(args.clip) if args.clip.isdecimal() else -1)
    if not 0 <= place < len(names):
        known = f"0..{len(names) - 1} or a name such as '{scenes.videos[0]}'"
        raise DataError(f"clip '{args.clip}'", f"is not in moving_scenes/{args.split}", f"give {known}")
    caption = scenes.captions[scenes.video_of_caption.tolist().index(place)]
    return scenes.video_graphs[place], scenes.frames(place).numpy(), caption
