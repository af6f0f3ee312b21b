"""``graphvtr scenes``: make the built-in clips and look at them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    text = (
        "Make a split of MovingScenes (cached) and say what is in it; --sheet draws some of its clips, --render writes "
        "them as mp4 files with a captions.csv, to try `graphvtr extract` and `--data folder` on."
    )
    parser = subparsers.add_parser("scenes", help="make the built-in clips and look at them", description=text)
    parser.add_argument("--split", default="train", help="train, val, test or test_unseen (default: %(default)s)")
    parser.add_argument("--num-clips", type=int, default=2000, metavar="N", help="clips of all splits together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--distractors", type=int, metavar="N", help="bystanders in every clip (default: 0 to 2)")
    parser.add_argument("--twins", action="store_true", help="clips in pairs that differ in roles or order alone")
    parser.add_argument(
        "--weather", type=float, default=0.0, metavar="X", help="light of each clip, 0 to 1 (default: 0)"
    )
    parser.add_argument("--feature", default="thumbnail", metavar="NAME", help="frame features (default: %(default)s)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="cache folder (default: ~/.cache/graphvtr)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw a contact sheet into this .png, .pdf or .svg")
    parser.add_argument("--clips", type=int, default=8, metavar="N", help="clips on the sheet (default: %(default)s)")
    parser.add_argument("--render", type=Path, metavar="DIR", help="write the clips of train, val and test here as mp4")
    parser.add_argument("--no-boxes", action="store_true", help="leave the boxes out of the sheet")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the split, count, draw."""
    from collections import Counter

    from graphvtr.cli.plots.output import check_out
    from graphvtr.datasets.moving_scenes import MovingScenes
    from graphvtr.ending import going_on
    from graphvtr.locks import output_lock

    def split(name: str) -> MovingScenes:
        return MovingScenes(
            args.cache,
            name,
            num_clips=args.num_clips,
            seed=args.seed,
            distractors=args.distractors,
            features=args.feature,
            twins=args.twins,
            weather=args.weather,
        )

    if args.sheet is not None:
        check_out(args.sheet)
    if args.render is not None:
        from graphvtr.datasets.moving_scenes.clips import write_clips

        with output_lock(args.render, folder=True), going_on("the same command goes on"):
            count = write_clips(args.render, [split(name) for name in ("train", "val", "test")])
        print(f"{args.render}: {count} clips and captions.csv")
        return 0
    scenes = split(args.split)
    print(f"{args.split}: {len(scenes.videos)} clips, {len(scenes.captions)} captions")
    actions = Counter(event.action for script in scenes.scripts for event in script.events)
    print("actions:", ", ".join(f"{name} {count}" for name, count in actions.most_common()))
    kinds = Counter(negative["kind"] for negative in scenes.negatives)
    print("negatives:", ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
    if args.sheet is not None:
        _draw(args, scenes)
    return 0


def _draw(args: argparse.Namespace, scenes: Any) -> None:
    from graphvtr.cli.plots.output import write_figure
    from graphvtr.datasets.moving_scenes.sheet import contact_sheet

    clips = range(min(max(args.clips, 1), len(scenes.videos)))
    figure = contact_sheet(scenes, clips, boxes=not args.no_boxes)
    write_figure(figure, args.sheet, 110)
