"""HGR on the MSR-VTT subset with one and with two processes: the same validation curve?

    python benchmarks/accuracy/ranks.py [--epochs 10] [--quick]

The row in double precision answers: the same batches, no dropout, and two processes that encode halves of each and
gather them over gloo. Its curves have to be equal: rounding, which is all that tells two processes from one, decides
hardly ever there which of two negatives that are nearly as hard is the hardest.

The other rows say why users see two curves all the same. In single precision rounding decides now and then; controls
tell how far it alone takes a curve: one process whose weights are changed by one part in ten million, about their last
bit, at the beginning and after every epoch (``nudged``, three draws). With dropout two processes draw other numbers,
and their curve is to lie within those of other seeds. 300 training videos, one of three captions of each an epoch,
validated on all 244 videos. ``epochs_that_differ`` counts the epochs whose rsum is another one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
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


@dataclass(frozen=True)
class Run:
    """A training. ``nudge`` is the relative change of its weights at the beginning and after every epoch."""

    devices: int = 1
    dropout: float = 0.0
    seed: int = 0
    precision: str = "float32"
    nudge: float = 0.0
    draw: int = 0

    @property
    def name(self) -> str:
        return "-".join(map(str, asdict(self).values()))


def train(folder: Path, run: Run, epochs: int) -> None:
    """One training, in this process and those that Lightning starts beside it; its curve goes to ``scores.json``."""
    torch.set_default_dtype(getattr(torch, run.precision))
    train_set, val_set = kept(folder, "train"), kept(folder, "val")
    vocabulary = make_vocabulary(train_set, 3)
    torch.manual_seed(run.seed)
    sizes = {"hidden": 128, "word_dim": 64, "word_dropout": run.dropout, "video_dropout": run.dropout}
    model = build_model("hgr", train_set, vocabulary, sizes)
    generator = torch.Generator().manual_seed(run.draw)

    @torch.no_grad()
    def nudge(_: object = None) -> None:
        for weight in model.parameters() if run.nudge else ():
            weight.mul_(1 + run.nudge * torch.randn(weight.shape, generator=generator))

    nudge()
    options = TrainOptions(
        epochs=epochs,
        batch_size=BATCH,
        lr=1e-3,
        captions_per_video="one",
        seed=run.seed,
        device="cpu",
        devices=run.devices,
        warmup_epochs=3,
    )
    out = folder / run.name
    result = fit(model, vocabulary, train_set, val_set, out, options, progress=False, after_epoch=nudge)
    if int(os.environ.get("LOCAL_RANK", 0)) == 0:
        (out / "scores.json").write_text(json.dumps(result.scores))


def curve(folder: Path, run: Run, epochs: int) -> list[float]:
    """Validation rsum of every epoch."""
    words = ("--one", str(folder), json.dumps(asdict(run)), "--epochs", str(epochs))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, __file__, *words], cwd=ROOT, env=environment, check=True)
    return list(json.loads((folder / run.name / "scores.json").read_text()))


def main() -> None:
    """Both numbers of processes, without dropout in both precisions and with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="2 epochs without dropout alone")
    parser.add_argument("--kept", type=Path, metavar="DIR", help="the splits as a run before has written them")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        train(Path(args.one[0]), Run(**json.loads(args.one[1])), args.epochs)
        return
    runs = [Run(precision="float64"), Run(), Run(dropout=0.2), Run(dropout=0.2, seed=1)][: 2 if args.quick else None]
    epochs = 2 if args.quick else args.epochs
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.kept is None:
            keep(folder, VIDEOS)
        else:
            shutil.copytree(args.kept, folder, dirs_exist_ok=True)
        for run in runs:
            told = {"one": run, "two": replace(run, devices=2)}
            if run == Run():
                told |= {f"nudged {draw}": replace(run, nudge=1e-7, draw=draw) for draw in range(3)}
            curves = {name: curve(folder, one, epochs) for name, one in told.items()}
            apart = {
                name: max(abs(a - b) for a, b in zip(values, curves["one"], strict=True))
                for name, values in curves.items()
                if name != "one"
            }
            differ = {
                name: sum(a != b for a, b in zip(values, curves["one"], strict=True)) for name, values in curves.items()
            }
            settings = {name: value for name, value in asdict(run).items() if name not in ("devices", "nudge", "draw")}
            rows.append({**settings, **curves, "largest_difference": apart, "epochs_that_differ": differ})
            told_apart = (
                f"{name}: {differ[name]} of {epochs} epochs differ, by {apart[name]:.3f} rsum at most" for name in apart
            )
            print(settings, "; ".join(told_apart))
            for title, values in curves.items():
                print(f"  {title:8} {' '.join(f'{value:6.1f}' for value in values)}", flush=True)
            write_result("ranks", rows, note=msrvtt.NOTE, videos=VIDEOS, batch=BATCH)


if __name__ == "__main__":
    main()
