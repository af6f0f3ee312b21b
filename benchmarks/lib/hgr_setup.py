"""Data, model and settings that the benchmarks of HGR's parts share: ablations and explanations.

Written down on 21 November 2026 before any test figure of these runs was seen: MovingScenes (2,000 clips, seed 0), of
which the first 500 training clips (2,500 captions) train, the first 100 validation clips choose the epoch, and all
225 clips of ``test`` and of ``test_unseen`` are ranked. Negatives: all of a batch, as in
``configs/hgr_moving_scenes.yaml``. Nothing is tuned here; ``benchmarks/scenes.py`` tunes every row on all clips.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.lib.harness import RESULTS
from benchmarks.lib.paths import CACHE, DATA
from benchmarks.lib.trials import Trial, Trials
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.tasks import make_vocabulary
from graphvtr.text.word_vectors import load_word_vectors

CLIPS = {"train": 500, "val": 100, "test": 225, "test_unseen": 225}
SEEDS = 3
TRAIN = {"epochs": 10, "batch_size": 64, "lr": 1e-3, "schedule": "cosine", "clip_grad": 2.0}
HGR = {
    "hidden": 160,
    "word_dim": 100,
    "node_reduce": "mean",
    "video_bias": True,
    "mining": "all",
    "word_dropout": 0.2,
    "video_dropout": 0.2,
}
MSVD_TRAIN = {"epochs": 8, "batch_size": 64, "lr": 5e-4, "schedule": "cosine", "clip_grad": 2.0}
MSVD_HGR = {**HGR, "hidden": 128, "word_dim": 50}
CAPTIONS = 20
ABLATIONS = {
    "w/o graph attention": {"attention": False},
    "w/o role awareness": {"role_aware": False},
    "w/o hierarchical video": {"hierarchical_video": False},
    "full HGR model": {},
}
BEYOND = {
    "InfoNCE": {"loss": "info_nce"},
    "learned level weights": {"level_fusion": "learned"},
    "roles on edges": {"roles_on": "edges"},
    "R-GCN": {"roles_on": "relations"},
}
ROWS = {name: Trial(name, "hgr", {**HGR, **options}, TRAIN) for name, options in {**ABLATIONS, **BEYOND}.items()}


def command_line(doc: str | None) -> argparse.ArgumentParser:
    """What the HGR benchmarks on MovingScenes and MSVD's clips are told."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=DATA / "msvd98")
    made = CACHE / "msvd98_efficientnet_lite0"
    parser.add_argument("--store", type=Path, default=made, help="frame features that accuracy/msvd98.py makes")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--tiny", action="store_true", help="a minute's check that everything runs; writes nothing")
    return parser


def first_videos(dataset: RetrievalDataset, count: int) -> RetrievalDataset:
    """The first ``count`` videos of a dataset with their captions."""
    return dataset.index_select(dataset.video_of_caption < count)


def scenes(clips: dict[str, int] = CLIPS, **options: Any) -> dict[str, RetrievalDataset]:
    """MovingScenes' splits, cut to ``clips``; whole splits keep their negatives."""
    splits = {}
    for split, count in clips.items():
        whole = MovingScenes(None, split, progress=False, **options)
        splits[split] = whole if count >= len(whole.videos) else first_videos(whole, count)
    return splits


def scene_trials(splits: dict[str, RetrievalDataset], fresh: bool = False) -> Trials:
    """The runs on MovingScenes; every HGR benchmark shares them."""
    data = {"dataset": "moving_scenes", "clips": {name: len(split.videos) for name, split in splits.items()}}
    score = ("val", "test", "test_unseen")
    return Trials("hgr_scenes", splits, make_vocabulary(splits["train"]), data=data, score=score, fresh=fresh)


@contextlib.contextmanager
def printed_to(name: str) -> Iterator[None]:
    """What is printed inside goes to ``results/NAME.txt`` too."""
    out = io.StringIO()
    write: Callable[[str], int] = sys.stdout.write

    class Both(io.TextIOBase):
        def write(self, text: str) -> int:
            out.write(text)
            return write(text)

        def flush(self) -> None:
            sys.__stdout__.flush()

    with contextlib.redirect_stdout(Both()):
        yield
    path = RESULTS / f"{name}.txt"
    path.write_text("\n".join(line.rstrip() for line in out.getvalue().strip().splitlines()) + "\n")
    print(f"wrote {path}")


def msvd_trials(root: Path, store: Path, captions: int = CAPTIONS) -> Trials:
    """The runs on the MSVD clips at hand of the official splits; training captions are cut."""
    options = {"train": {"max_captions": captions}, "val": {}, "test": {}}
    splits = {
        name: build_dataset("msvd", name, DataSource(root=root, store=store, options=own))
        for name, own in options.items()
    }
    data = {"dataset": "msvd98", "captions": {"max_captions": captions}, "parser": "spacy", "features": store.name}
    vectors = load_word_vectors("glove-package")
    return Trials("hgr_msvd_parsers", splits, make_vocabulary(splits["train"]), data=data, vectors=vectors)
