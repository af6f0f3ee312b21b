"""``graphvtr info [MODEL ...]``: parameters and FLOPs of models."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "info",
        help="parameters and FLOPs of models",
        description="Print what models cost for one video and one caption: trained parameters, weights of frozen "
        "language models, and floating point operations of both encoders and of the match, an addition and a "
        "multiplication counting as two. The sizes are the models' published ones unless options say otherwise.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names of models (default: all)")
    parser.add_argument("--frames", type=int, default=26, help="frames of the video (default: 26)")
    parser.add_argument("--regions", type=int, default=36, help="regions of every frame (default: 36)")
    parser.add_argument("--video-dim", type=int, default=2560, help="width of frame features (default: 2560)")
    parser.add_argument("--region-dim", type=int, default=2048, help="width of region features (default: 2048)")
    parser.add_argument("--vocab-size", type=int, default=10_000, help="words of the vocabulary (default: 10000)")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of a model; repeatable, with one MODEL"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Count and print."""
    from graphvtr.datasets.source import parse_options
    from graphvtr.errors import DataError
    from graphvtr.nn.models import MODELS
    from graphvtr.tasks.complexity import PairSize, complexity, default_model

    size = PairSize(args.frames, args.regions, args.video_dim, args.region_dim, args.vocab_size)
    names = args.models or list(MODELS)
    if args.option and len(names) != 1:
        raise DataError("--option", "is given for several models", "name one MODEL")
    options = parse_options(args.option)
    found = {name: complexity(default_model(name, size, options), size.video(), size.caption()) for name in names}
    if args.json:
        rows = {
            name: {
                "parameters": cost.total_parameters,
                "frozen": cost.frozen,
                "flops": cost.total_flops,
                "parameters_by_part": cost.parameters,
                "flops_by_part": cost.flops,
            }
            for name, cost in found.items()
        }
        print(json.dumps(rows, indent=2))
        return 0
    width = max(map(len, names))
    print(f"one video of {size.frames} frames x {size.regions} regions, one caption of 10 words")
    print(f"{'':{width}}  parameters, M  frozen, M  GFLOP a pair   video    text   match")
    for name, cost in found.items():
        parts = "  ".join(f"{cost.flops[part] / 1e9:6.2f}" for part in ("video", "text", "match"))
        sizes = f"{cost.total_parameters / 1e6:13.2f}  {cost.frozen / 1e6:9.2f}"
        print(f"{name:{width}}  {sizes}  {cost.total_flops / 1e9:12.2f}  {parts}")
    if len(names) == 1:
        for part, count in found[names[0]].parameters.items():
            print(f"  {part:20} {count:>12,}")
    return 0
