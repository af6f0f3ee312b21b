"""``graphvtr export CHECKPOINT --out FOLDER``: a model as a folder of plain files, with its card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "export",
        help="write a model as a folder to share",
        description="Write config.json, model.safetensors, vocabulary.json and a model card filled from the run. The "
        "folder can be used wherever a checkpoint can, and pushed to the Hugging Face Hub.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run of graphvtr train or a checkpoint, or a released HGR file")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--results", type=Path, nargs="*", default=[], metavar="FILE.json", help="outputs of graphvtr eval --json"
    )
    parser.add_argument(
        "--format",
        choices=("folder", "torch-export"),
        default="folder",
        help="torch-export: also the encoders as "
        "video.pt2 and text.pt2, which run without the model's code, where their graph allows it (default: folder)",
    )
    parser.set_defaults(run=run, again="nothing was written; run it again")


def run(args: argparse.Namespace) -> int:
    """Load, describe, write."""
    from graphvtr.locks import output_lock

    with output_lock(args.out, folder=True):
        return _export(args)


def _export(args: argparse.Namespace) -> int:
    from graphvtr.locks import LOCK
    from graphvtr.nn.model_card import model_card
    from graphvtr.nn.registered import registered_name
    from graphvtr.reading import read_text
    from graphvtr.tasks.checkpoint import load

    model = load(args.checkpoint)
    run_config = (args.checkpoint if args.checkpoint.is_dir() else args.checkpoint.parent) / "config.yaml"
    training = read_text(run_config) if run_config.is_file() else ""
    evaluations = [_read(path) for path in args.results]
    card = model_card(registered_name(model), model.config, model.info, model.vocabulary, evaluations, training)
    model.save_pretrained(args.out, card=card)
    if args.format == "torch-export":
        _encoders(model, args.out)
    print(f"wrote {args.out}: {', '.join(sorted(path.name for path in args.out.iterdir() if path.name != LOCK))}")
    return 0


def _encoders(model: Any, out: Path) -> None:
    import torch

    from graphvtr.tasks.exported import example, export_encoders

    exported = export_encoders(model, out, *example(model, torch.Generator().manual_seed(0)))
    for side, why in exported.failed.items():
        print(f"the {side} encoder cannot be exported: {why}")


def _read(path: Path) -> dict[str, Any]:
    from graphvtr.errors import DataError
    from graphvtr.reading import read_json

    found = read_json(path, fix="write it with graphvtr eval --json")
    if not isinstance(found, dict) or not {"dataset", "split", "t2v", "v2t", "rsum"} <= found.keys():
        raise DataError(path, "is no evaluation", "write it with graphvtr eval --json")
    return found
