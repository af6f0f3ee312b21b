"""HGR on the MSR-VTT subset with one and with two processes: the same validation curve?

    python benchmarks/accuracy/ranks.py [--epochs 10] [--quick]

The same batches in all: two processes encode halves of each and gather them over gloo. Without dropout the curves are
to be equal up to the order of sums; with it two processes draw other numbers, and the curves are to lie within those of
other seeds. 300 training videos, one of three captions of each an epoch, validated on all 244 videos.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib import msrvtt
from benchmarks.lib.harness import write_result
from benchmarks.lib.paths import ROOT
from graphvtr.datasets import RetrievalDataset
from graphvtr.graphs import GraphStore
from graphvtr.tasks import build_model, make_vocabulary
from graphvtr.tasks.trainer import TrainOptions, fit

BATCH, VIDEOS = 64, 300


def keep(folder: Path, videos: int) -> None:
    """Write the splits, which eight processes else read and parse for minutes."""
    splits = msrvtt.splits(msrvtt.CACHE / "msrvtt_efficientnet_lite0", videos=videos, captions=3, test=False)
    for name, split in splits.items():
        split.video_graphs.save(folder / f"{name}_videos")
        split.role_graphs.save(folder / f"{name}_captions")
        (folder / f"{name}.json").write_text(
            json.dumps([list(split.videos), list(split.captions), split.video_of_caption.tolist()])
        )


def kept(folder: Path, name: str) -> RetrievalDataset:
    """A split of :func:`keep`."""
    videos, captions, owner = json.loads((folder / f"{name}.json").read_text())
    graphs = (GraphStore.load(folder / f"{name}_{side}") for side in ("videos", "captions"))
    return RetrievalDataset("msrvtt", name, videos, captions, owner, *graphs)


def train(folder: Path, devices: int, dropout: float, seed: int, epochs: int) -> None:
    """One training, in this process and those that Lightning starts beside it; its curve goes to ``scores.json``."""
    train_set, val_set = kept(folder, "train"), kept(folder, "val")
    vocabulary = make_vocabulary(train_set, 3)
    torch.manual_seed(seed)
    sizes = {"hidden": 128, "word_dim": 64, "word_dropout": dropout, "video_dropout": dropout}
    model = build_model("hgr", train_set, vocabulary, sizes)
    options = TrainOptions(
        epochs=epochs, batch_size=BATCH, lr=1e-3, captions_per_video="one", seed=seed, device="cpu", devices=devices,
        warmup_epochs=3,
    )  # fmt: skip
    out = folder / f"run-{devices}-{dropout}-{seed}"
    result = fit(model, vocabulary, train_set, val_set, out, options, progress=False)
    if int(os.environ.get("LOCAL_RANK", 0)) == 0:
        (out / "scores.json").write_text(json.dumps(result.scores))


def curve(folder: Path, devices: int, dropout: float, seed: int, epochs: int) -> list[float]:
    """Validation rsum of every epoch."""
    words = map(str, ("--one", folder, devices, dropout, seed, "--epochs", epochs))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, __file__, *words], cwd=ROOT, env=environment, check=True)
    return list(json.loads((folder / f"run-{devices}-{dropout}-{seed}" / "scores.json").read_text()))


def main() -> None:
    """Both numbers of processes, without dropout and with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="2 epochs without dropout alone")
    parser.add_argument("--kept", type=Path, metavar="DIR", help="the splits as a run before has written them")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        folder, devices, dropout, seed = args.one
        train(Path(folder), int(devices), float(dropout), int(seed), args.epochs)
        return
    runs = [(0.0, 0)] if args.quick else [(0.0, 0), (0.2, 0), (0.2, 1)]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.kept is None:
            keep(folder, VIDEOS)
        else:
            shutil.copytree(args.kept, folder, dirs_exist_ok=True)
        for dropout, seed in runs:
            epochs = 2 if args.quick else args.epochs
            one, two = (curve(folder, devices, dropout, seed, epochs) for devices in (1, 2))
            apart = max(abs(a - b) for a, b in zip(one, two, strict=True))
            rows.append({"dropout": dropout, "seed": seed, "one": one, "two": two, "largest_difference": apart})
            print(f"dropout {dropout}, seed {seed}: largest difference {apart:.3f} rsum")
            for title, values in (("one", one), ("two", two)):
                print(f"  {title} {' '.join(f'{value:6.1f}' for value in values)}", flush=True)
            write_result("ranks", rows, note=msrvtt.NOTE, videos=VIDEOS, batch=BATCH)


if __name__ == "__main__":
    main()
