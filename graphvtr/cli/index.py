"""``graphvtr index CHECKPOINT STORE --out INDEX``, and ``index add|delete|verify|info|compact INDEX``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphvtr.cli.eval import add_mismatch

if TYPE_CHECKING:
    from graphvtr.search import Change

KINDS = ("auto", "flat", "hnsw", "ivf_pq")
SHOWN = 20
USAGE = """graphvtr index CHECKPOINT STORE --out INDEX [options]
       graphvtr index --zero-shot DIR STORE --out INDEX [options]
       graphvtr index add INDEX STORE [--metadata FILE.csv] [--clips DIR]
       graphvtr index delete INDEX NAME [NAME ...]
       graphvtr index info|verify|compact INDEX"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "index",
        usage=USAGE,
        help="embed a feature store once, to be searched many times",
        description="Embed the clips of a feature store with a trained model, into a folder that graphvtr search and "
        "graphvtr serve read. Run it again to bring the index up to date: what it has is passed over, so a run that "
        "was killed goes on. verify exits with 1 if something is wrong.",
    )
    parser.add_argument("words", nargs="+", metavar="WORD", help="CHECKPOINT STORE, or what to do with which index")
    parser.add_argument(
        "--zero-shot",
        type=Path,
        metavar="DIR",
        help="in place of a checkpoint: a local directory of CLIP or SigLIP, from which the store was extracted",
    )
    parser.add_argument("--out", type=Path, metavar="INDEX", help="folder of the index")
    parser.add_argument(
        "--metadata",
        "--captions",
        type=Path,
        metavar="FILE.csv",
        help="column video, and any of caption, tags (a;b) and fields of your own; captions can be found by clips",
    )
    parser.add_argument(
        "--clips",
        type=Path,
        metavar="DIR",
        help="folder of the video files, for graphvtr serve; of add: of the STORE's",
    )
    parser.add_argument("--parser", metavar="NAME", help="of sentences (default: the one of the training, else spacy)")
    parser.add_argument("--kind", default=None, choices=KINDS, help="of the approximate index (default: auto, by size)")
    parser.add_argument("--shards", type=int, default=0, metavar="N", help="N indexes, searched side by side by Ray")
    parser.add_argument("--overwrite", action="store_true", help="begin anew")
    add_mismatch(parser)
    parser.set_defaults(run=run, again="the same command goes on")


def run(args: argparse.Namespace) -> int:
    """Do what the first word says."""
    from graphvtr.errors import DataError

    actions = {"add": add, "delete": delete, "info": info, "verify": verify, "compact": compact}
    action = actions.get(args.words[0])
    if action is not None and len(args.words) > 1 and args.zero_shot is None:
        _check_options(args.words[0], args)
        return action(Path(args.words[1]), args)
    if args.out is None or len(args.words) != (2 if args.zero_shot is None else 1):
        needs = "CHECKPOINT STORE" if args.zero_shot is None else "--zero-shot DIR STORE"
        raise DataError("graphvtr index", f"needs {needs} --out INDEX", USAGE.splitlines()[args.zero_shot is not None])
    return build(None if args.zero_shot else Path(args.words[0]), Path(args.words[-1]), args)


def _check_options(word: str, args: argparse.Namespace) -> None:
    """Refuse options that an action does not take, rather than pass over them."""
    from graphvtr.errors import DataError

    takes = {"add": ("metadata", "clips", "parser"), "compact": ("kind",)}.get(word, ())
    for name in ("out", "metadata", "clips", "parser", "kind", "shards", "overwrite"):
        if getattr(args, name) and name not in takes:
            known = ", ".join(f"--{one}" for one in takes) or "none"
            raise DataError(f"graphvtr index {word}", f"takes no --{name}", f"of these it takes: {known}")


def build(checkpoint: Path | None, store: Path, args: argparse.Namespace) -> int:
    """Build an index, or bring one up to date."""
    from graphvtr.search.index.build import build_index
    from graphvtr.search.index.model_folder import zero_shot
    from graphvtr.search.items import read_metadata

    metadata = None if args.metadata is None else read_metadata(args.metadata)
    model = zero_shot(args.zero_shot) if checkpoint is None else checkpoint
    change = build_index(
        model,
        store,
        args.out,
        metadata=metadata,
        media=args.clips,
        parser=args.parser,
        kind=args.kind or "auto",
        shards=args.shards,
        overwrite=args.overwrite,
        mismatch=args.mismatch,
        progress=sys.stderr.isatty(),
    )
    return _report(args.out, change)


def add(path: Path, args: argparse.Namespace) -> int:
    """Add the clips of a store."""
    from graphvtr.errors import DataError
    from graphvtr.search.items import read_metadata
    from graphvtr.search.opening import open_index

    if len(args.words) != 3:
        raise DataError("graphvtr index add", "needs INDEX STORE", USAGE.splitlines()[2].strip())
    metadata = None if args.metadata is None else read_metadata(args.metadata)
    change = open_index(path, parser=args.parser).add(
        args.words[2], metadata=metadata, media=args.clips, progress=sys.stderr.isatty(), mismatch=args.mismatch
    )
    return _report(path, change)


def delete(path: Path, args: argparse.Namespace) -> int:
    """Delete clips; 0 if all were there, else 1."""
    from graphvtr.errors import DataError
    from graphvtr.search.opening import open_index
    from graphvtr.terminal import complain

    if len(args.words) < 3:
        raise DataError("graphvtr index delete", "needs INDEX NAME [NAME ...]", "name clips")
    change = open_index(path).delete(args.words[2:])
    for name in change.missing:
        complain(f"{name}: is not in the index")
    _report(path, change)
    return 1 if change.missing else 0


def info(path: Path, args: argparse.Namespace) -> int:
    """Print what an index is."""
    from graphvtr.search.opening import describe_index

    print(json.dumps(describe_index(path), indent=2, ensure_ascii=False))
    return 0


def verify(path: Path, args: argparse.Namespace) -> int:
    """Check every file; 0 if all is well, else 1."""
    from graphvtr.search.index.verify import verify as check

    wrong = check(path, progress=sys.stderr.isatty())
    for name, problem in wrong.items():
        print(f"{name}: {problem}")
    print(f"{path}: {len(wrong)} problems")
    return 1 if wrong else 0


def compact(path: Path, args: argparse.Namespace) -> int:
    """Merge the segments."""
    from graphvtr.search.opening import open_index

    index = open_index(path)
    index.compact(kind=args.kind, progress=sys.stderr.isatty())
    print(f"{path}: {len(index)} clips")
    return 0


def _report(path: Path, change: Change) -> int:
    parts = [
        f"{len(names)} {what}"
        for what, names in (
            ("added", change.added),
            ("replaced", change.replaced),
            ("there already", change.skipped),
            ("deleted", change.deleted),
        )
        if names
    ]
    print(f"{path}: {', '.join(parts) or 'nothing to do'}")
    return 0
