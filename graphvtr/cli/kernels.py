"""``graphvtr kernels [--measure]``: the ops, their backends, and what runs here."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "kernels",
        help="ops, their backends, and what runs here",
        description="List the ops, the backends that can run them on a device, which one is taken and why. --measure "
        "times them on this device for the shapes that models run, in under two minutes, and keeps the result in "
        "$GRAPHVTR_CACHE or ~/.cache/graphvtr: from then on it is followed.",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one, else cpu")
    parser.add_argument("--measure", action="store_true", help="time the backends here and keep the table")
    parser.add_argument("--forget", action="store_true", help="remove what was measured here")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def add_backend(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--backend``, for commands that run models; the command as a whole then runs on it."""
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help="kernels to run on: auto (see graphvtr kernels), torch, native, triton, "
        "torch_scatter, or message_passing for PyG's own path",
    )


def run(args: argparse.Namespace) -> int:
    """List, or measure."""
    import torch

    from graphvtr.errors import DataError
    from graphvtr.ops.dispatch import device_name, table_path, versions, write_table
    from graphvtr.ops.measure import measure
    from graphvtr.ops.products import library

    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise DataError("--device", "is cuda, and torch sees none", "use cpu")
    if args.forget:
        table_path(device).unlink(missing_ok=True)
    if args.measure:
        rules = measure(device, lambda line: print(line, file=sys.stderr))
        print(f"written: {write_table(device, rules)}", file=sys.stderr)
    rows = [row for op in OPS for row in _rows(op, device)]
    if args.json:
        found = {"device": device_name(device), "versions": versions(), "ops": rows, "matrices": library(device)}
        print(json.dumps(found, indent=2))
        return 0
    print(f"{device}: {device_name(device)}; {', '.join(f'{name} {value}' for name, value in versions().items())}")
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    for row in ({name: name for name in rows[0]}, *rows):
        print("  ".join(f"{row[name]!s:{width}}" for name, width in widths.items()).rstrip())
    print(f"large matrices are multiplied {library(device)}")
    return 0


OPS = (
    "segment_reduce",
    "segment_softmax",
    "gather_segment_reduce",
    "role_attention",
    "local_match",
    "complete_graph_walk",
    "segment_attention",
    "holographic_scores",
)


def _rows(op: str, device: str) -> list[dict[str, Any]]:
    """What runs, a row for each size class."""
    import torch

    from graphvtr.ops._backend import rules_for, usable
    from graphvtr.ops.measure import candidates

    here = torch.device(device)
    lines = [
        rule
        for rule in rules_for(device)
        if rule.op == op and rule.device == device and usable(rule.backend, op, here, torch.float32)
    ]
    can = " ".join(candidates(op, device))
    out = [
        {
            "op": op,
            "from": rule.least,
            "runs on": rule.backend,
            "can": can,
            "who says so": rule.source,
            "why": rule.figure,
        }
        for rule in sorted(lines, key=lambda rule: rule.least)
    ]
    if not any(rule.least == 0 for rule in lines):
        why = "no other backend here" if can == "torch" else "nothing quicker is known here"
        out.insert(0, {"op": op, "from": 0, "runs on": "torch", "can": can, "who says so": "shipped", "why": why})
    return out
