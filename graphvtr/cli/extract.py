"""``graphvtr extract FOLDER --out STORE``: features of a folder of clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graphvtr.cli.encode import add_engine

GALLERY_SUFFIXES = (".png", ".pdf", ".svg")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "extract",
        help="features of a folder of clips",
        description="Decode the clips of a folder, sample frames evenly in time and store their features. "
        "Run it again to continue where it stopped: finished clips are skipped. Clips that cannot be read are "
        "listed at the end and in STORE/failures.json. Exit code: 0 if the store has at least one of the clips, "
        "1 if it has none, 2 for wrong arguments or a store made with other settings.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="clips in it and in the folders under it")
    parser.add_argument("--out", type=Path, required=True, metavar="STORE", help="folder of the feature store")
    parser.add_argument(
        "--backbone",
        "--features",
        dest="backbone",
        default="pixels",
        metavar="NAME",
        help="features of frames and regions: pixels (default: colour, edges and motion, no weights), "
        "efficientnet_lite0 (ImageNet network, 1280 wide, needs the extra cnn), an .onnx file, or the local directory "
        "of a Hugging Face vision encoder such as CLIP",
    )
    parser.add_argument(
        "--detector",
        metavar="WHAT",
        help="also extract regions: an .onnx file (FastestDet, or another with its configuration in a .json file "
        "beside it), the local directory of a Hugging Face detector, a store or folder of regions found elsewhere, or "
        "grid (n x n cells); needs the extra detect",
    )
    parser.add_argument(
        "--regions",
        type=int,
        default=36,
        metavar="N",
        help="at most N regions a frame, the most confident ones; N cells of a grid (default: 36)",
    )
    parser.add_argument(
        "--min-score",
        type=float,
        metavar="P",
        help="leave out regions of less confidence, 0..1 (default: 0.05, of regions found elsewhere 0)",
    )
    parser.add_argument(
        "--motion",
        metavar="WHAT",
        help="also features of what happens about each frame: differences (no weights) or a 3D network in an .onnx "
        "file; they follow the frame's own",
    )
    sampling = parser.add_mutually_exclusive_group()
    sampling.add_argument("--frames", type=int, default=20, metavar="N", help="at most N frames a clip (default: 20)")
    sampling.add_argument("--rate", type=float, metavar="R", help="R frames a second instead")
    add_engine(parser)
    parser.add_argument(
        "--names",
        choices=("file", "path"),
        default="file",
        help="what clips are called: their file (default), or their path below FOLDER (cat/000), where files of "
        "several folders have the same names",
    )
    parser.add_argument(
        "--gallery",
        type=Path,
        metavar="FILE",
        help="draw boxes and tracks on six of the clips into this .png, .pdf or .svg",
    )
    parser.add_argument("--device", default="cpu", help="where the features are computed (default: cpu)")
    parser.add_argument("--overwrite", action="store_true", help="empty the store first")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Extract; 0 if the store has at least one of the clips, else 1."""
    from graphvtr.video.extract import extract
    from graphvtr.video.features import build_featurizer
    from graphvtr.video.motion import build_motion
    from graphvtr.video.regions import TrackLinker, build_detector

    _check_gallery(args)
    featurizer = build_featurizer(args.backbone, device=args.device)
    detector = linker = None
    if args.detector is not None:
        detector = build_detector(args.detector, num_regions=args.regions, min_score=args.min_score, device=args.device)
        linker = TrackLinker()
    report = extract(
        args.folder,
        args.out,
        featurizer,
        detector=detector,
        linker=linker,
        motion=None if args.motion is None else build_motion(args.motion),
        num_frames=args.frames,
        rate=args.rate,
        engine=args.engine,
        address=args.address,
        workers=args.workers,
        names=args.names,
        overwrite=args.overwrite,
    )
    print(report.summary())
    if args.gallery is not None and report.ok:
        _draw(args)
    return 0 if report.ok else 1


def _check_gallery(args: argparse.Namespace) -> None:
    """Before hours of work: can the picture be drawn, and into that file?"""
    from graphvtr.errors import DataError

    if args.gallery is None:
        return
    if args.detector is None:
        raise DataError("--gallery", "there are no regions to draw", "give a --detector")
    if args.gallery.suffix.lower() not in GALLERY_SUFFIXES or not args.gallery.parent.is_dir():
        fix = f"give a {', '.join(GALLERY_SUFFIXES)} in a folder that exists"
        raise DataError(args.gallery, "cannot be written", fix)


def _draw(args: argparse.Namespace, count: int = 6) -> None:
    """Boxes and tracks of a few clips, evenly spaced in the order of names."""
    from graphvtr.cli.plots.output import write_figure
    from graphvtr.errors import DataError
    from graphvtr.plot import TrackedClip, plot_tracks
    from graphvtr.video import FeatureStore, uniform_indices

    store = FeatureStore.open(args.out)
    names = [name for name in store if (args.folder / store.entry(name).source.get("file", "?")).is_file()]
    if not names:
        raise DataError("--gallery", f"none of the clips of {args.out} is in {args.folder}", "give their folder")
    chosen = [names[index] for index in uniform_indices(len(names), count).tolist()]
    clips = [
        TrackedClip.from_file(
            args.folder / store.entry(name).source["file"], store.video_graph(name), name=name, labels=store.label_names
        )
        for name in chosen
    ]
    write_figure(plot_tracks(clips), args.gallery, 110)
