"""``graphvtr store info|verify|list|remove|prune STORE`` and ``graphvtr store convert``: feature stores."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphvtr.video.store import FeatureStore

FORMAT_NAMES = ("bigfile", "bottom-up-tsv", "hgr-hdf5", "hgr-npy", "npy", "npz", "pt", "vsrnet-h5")
SHOWN = 20  # failures printed one by one


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "store",
        help="look into a feature store, change or convert one",
        description="Look into a feature store, remove clips from one, convert one.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        (
            "info",
            info,
            "What a store holds and what made it; one clip with --clip. Exit code: 1 if files of it are damaged.",
        ),
        ("verify", verify, "Read everything and compare checksums. Exit code: 0 if all is well, else 1."),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("store", type=Path, metavar="STORE", help="folder of the feature store")
        if name == "info":
            action.add_argument("--clip", metavar="NAME", help="show this clip's entry")
        action.set_defaults(run=run)
    text = "Name, frames and video file of every clip, a line each."
    action = actions.add_parser("list", help=text, description=text)
    action.add_argument("store", type=Path, metavar="STORE")
    action.add_argument("--json", action="store_true", help="print one JSON object a clip")
    action.set_defaults(run=show_clips)
    text = "Remove clips by name."
    action = actions.add_parser("remove", help=text, description=text)
    action.add_argument("store", type=Path, metavar="STORE")
    action.add_argument("clips", nargs="+", metavar="CLIP", help="names, as 'graphvtr store list' prints them")
    action.set_defaults(run=remove)
    text = "Remove clips whose video files are gone from FOLDER."
    action = actions.add_parser("prune", help=text, description=text)
    action.add_argument("store", type=Path, metavar="STORE")
    action.add_argument("folder", type=Path, metavar="FOLDER", help="folder that the clips were extracted from")
    action.add_argument("--dry-run", action="store_true", help="only print what would be removed")
    action.set_defaults(run=prune)
    _add_convert(actions)


def _add_convert(actions: argparse._SubParsersAction[Any]) -> None:
    text = "Read another format into a feature store (--from), or write a store as another format (--to)."
    action = actions.add_parser("convert", help=text, description=text + " Exit code: 1 if a clip was left out.")
    action.add_argument("source", type=Path, metavar="SOURCE", help="file or folder; with --to a feature store")
    action.add_argument("target", type=Path, metavar="TARGET", help="a feature store; with --to a file or folder")
    way = action.add_mutually_exclusive_group(required=True)
    way.add_argument("--from", dest="read", choices=FORMAT_NAMES, help="format of SOURCE")
    way.add_argument("--to", dest="write", choices=FORMAT_NAMES, help="format of TARGET")
    action.add_argument("--names", type=Path, metavar="FILE", help="names of the clips, one a line (or npy)")
    action.add_argument("--seconds", type=float, default=1.0, help="between two frames (default: 1)")
    action.add_argument("--dataset", metavar="NAME", help="dataset inside an HDF5 file that has several")
    action.add_argument(
        "--size", type=float, nargs=2, metavar=("WIDTH", "HEIGHT"), help="of pictures, for boxes in pixels"
    )
    action.add_argument(
        "--frame-of", default="_", metavar="TEXT", help="between video and frame in ids of a TSV (default: _)"
    )
    action.set_defaults(run=convert)


def info(args: argparse.Namespace) -> int:
    """Print what the store, or one clip of it, is."""
    from dataclasses import asdict

    from graphvtr.video.store import FeatureStore

    store = FeatureStore.open(args.store)
    if args.clip is not None:
        print(json.dumps(asdict(store.entry(args.clip)), indent=2, ensure_ascii=False))
        return 0
    content = {
        "clips" if "frame_x" in store.widths else "texts": len(store),
        **{f"{key.removesuffix('_x')}s": _rows(store, key) for key in store.widths},
        "widths": store.widths,
        "settings": store.settings,
        "checksum": store.checksum(),
        "not whole": {name: note for name in store if (note := store.entry(name).note)},
        "damaged files": store.damaged,
        "values": "not read: graphvtr store verify reads them",
    }
    print(json.dumps(content, indent=2, ensure_ascii=False))
    return 1 if store.damaged else 0


def _rows(store: FeatureStore, key: str) -> int:
    return sum(store.entry(name).shapes[key][0] for name in store)


def show_clips(args: argparse.Namespace) -> int:
    """Print a line a clip."""
    from graphvtr.terminal import printable
    from graphvtr.video.store import FeatureStore

    store = FeatureStore.open(args.store)
    first = next(iter(store.widths))
    for name in store:
        entry = store.entry(name)
        row = {"name": name, f"{first.removesuffix('_x')}s": entry.shapes[first][0], "file": entry.source.get("file")}
        told = (name, str(entry.shapes[first][0]), str(row["file"] or "-"))
        print(json.dumps(row, ensure_ascii=False) if args.json else "\t".join(printable(part) for part in told))
    return 0


def remove(args: argparse.Namespace) -> int:
    """Remove clips and say how many are left."""
    from graphvtr.video.store import FeatureStore

    store = FeatureStore.open(args.store)
    print(f"{store.path}: {len(store.remove(args.clips))} clips removed, {len(store)} left")
    return 0


def prune(args: argparse.Namespace) -> int:
    """Remove the clips whose files are gone, and name them."""
    from graphvtr.terminal import printable
    from graphvtr.video.store import FeatureStore

    store = FeatureStore.open(args.store)
    gone = store.prune(args.folder, dry_run=args.dry_run)
    for name in gone:
        print(printable(name))
    print(f"{store.path}: {len(gone)} clips {'would be ' if args.dry_run else ''}removed, {len(store)} left")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check every stored value; 0 if all is well, else 1."""
    from graphvtr.video.store import FeatureStore

    store = FeatureStore.open(args.store)
    wrong = store.verify(progress=True)
    for name, problem in wrong.items():
        print(f"{name}: {problem}")
    print(f"{store.path}: {len(store)} clips, {len(wrong)} problems")
    return 1 if wrong else 0


def convert(args: argparse.Namespace) -> int:
    """Convert; 0 if all clips came along, else 1."""
    from graphvtr.terminal import complain
    from graphvtr.video.store.convert import ConvertOptions, from_store, to_store

    size = None if args.size is None else (args.size[0], args.size[1])
    options = ConvertOptions(args.names, args.seconds, args.dataset, size, args.frame_of)
    if args.write is not None:
        report = from_store(args.source, args.target, args.write, options)
        summary = f"{args.target}: {report.written} clips"
    else:
        report = to_store(args.source, args.target, args.read, options, progress=True)
        summary = f"{report.store.path}: {report.written} clips written, {report.skipped} were there"
    for problem in list(report.failures.values())[:SHOWN]:
        complain(problem)
    print(summary + (f", {len(report.failures)} left out" if report.failures else ""))
    return 1 if report.failures else 0
