"""``graphvtr encode CHECKPOINT STORE|CAPTIONS.txt --out FILE.safetensors``: embeddings of a corpus."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from graphvtr.cli.eval import add_mismatch


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "encode",
        help="embeddings of a feature store or of captions",
        description="Embed the clips of a feature store, or a text file of captions, with a trained model into one "
        "file, which graphvtr.tasks.read_embeddings reads. A killed run goes on where it stopped.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="whatever graphvtr.load reads")
    parser.add_argument("source", type=Path, metavar="STORE", help="feature store, or text file, one caption a line")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write")
    parser.add_argument("--overwrite", action="store_true", help="begin anew")
    add_mismatch(parser)
    add_engine(parser)
    parser.set_defaults(run=run, again="the same command goes on")


def add_engine(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--engine``, ``--address`` and ``--workers``, for commands whose work may be shared."""
    parser.add_argument(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="who works: processes of this machine (default), or tasks of a Ray cluster (extra scale)",
    )
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="of the Ray cluster, or auto (default: $RAY_ADDRESS, else this machine)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="so many at a time (default: 1 process; with Ray all processors of the cluster)",
    )


def run(args: argparse.Namespace) -> int:
    """Embed."""
    from graphvtr.tasks.embedding_file import encode_file

    count = encode_file(
        args.checkpoint,
        args.source,
        args.out,
        engine=args.engine,
        address=args.address,
        workers=args.workers,
        mismatch=args.mismatch,
        overwrite=args.overwrite,
        progress=sys.stderr.isatty(),
    )
    print(f"{count} embeddings in {args.out}")
    return 0
