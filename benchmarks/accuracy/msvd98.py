"""HGR against ridge regression and chance on 98 real MSVD clips.

    python benchmarks/accuracy/msvd98.py --root ../shared/data/msvd98

57 clips train, 6 choose the epoch, 35 are ranked for each of their 1,404 captions and the captions for each clip
(official lists, the clips at hand). Five seeds; intervals resample videos with all of their captions. Nothing was
chosen on the test clips: the settings below were written down before the first test figure was looked at.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.lib.harness import write_result
from benchmarks.lib.paths import CACHE, DATA
from benchmarks.lib.runs import Runs, chance_runs, print_table
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.nn import HGR, RetrievalModel
from graphvtr.tasks.baselines import ridge_scores
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import make_vocabulary, prepare
from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import Vocabulary
from graphvtr.text.word_vectors import WordVectors, load_word_vectors
from graphvtr.video import build_featurizer, extract

MODEL = {"hidden": 256, "word_dim": 50, "word_dropout": 0.2, "video_dropout": 0.2, "node_reduce": "mean"}
TRAIN = {"epochs": 15, "batch_size": 64, "lr": 5e-4, "patience": 5}


def scores_of(model: RetrievalModel, dataset: RetrievalDataset) -> torch.Tensor:
    """All scores [Nv, Nt] of a small split."""
    with torch.inference_mode():
        video = encode_videos(model, dataset.video_graphs)
        text = encode_texts(model, dataset.role_graphs)
        return model.similarity(video, text)


def train_hgr(
    splits: dict[str, RetrievalDataset], vocabulary: Vocabulary, vectors: WordVectors, seed: int, released: bool
) -> torch.Tensor:
    """Train one seed; scores of the test split at the epoch with the best validation rsum."""
    torch.manual_seed(seed)
    width = splits["train"].video_dim
    if released:
        model = HGR.released(len(vocabulary), width, hidden=MODEL["hidden"], word_dim=MODEL["word_dim"])
    else:
        model = HGR(len(vocabulary), width, **MODEL)
    model.load_word_vectors(*vectors.matrix_for(vocabulary))
    with tempfile.TemporaryDirectory() as run:
        options = TrainOptions(seed=seed, device="cpu", **TRAIN)
        result = fit(model, vocabulary, splits["train"], splits["val"], run, options, progress=False)
        best = load(result.best)
    return scores_of(best, prepare(splits["test"], best, vocabulary))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=DATA / "msvd98")
    parser.add_argument("--features", default="efficientnet_lite0")
    parser.add_argument("--store", type=Path, help="default: a folder beside the parse cache")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    store = arguments.store or CACHE / f"msvd98_{arguments.features}"
    extract(arguments.root / "video", store, build_featurizer(arguments.features), num_frames=20)
    logging.basicConfig(level=logging.WARNING)
    source = DataSource(root=arguments.root, store=store)
    splits = {split: build_dataset("msvd", split, source) for split in ("train", "val", "test")}
    vocabulary = make_vocabulary(splits["train"])
    vectors = load_word_vectors("glove-package")
    owner = splits["test"].video_of_caption
    models: dict[str, Runs] = {"chance": chance_runs(owner, len(splits["test"].videos))}
    for name, words in (("ridge, GloVe", vectors), ("ridge, bag of words", None)):
        ridge = ridge_scores(splits["train"], splits["val"], splits["test"], vectors=words)
        models[name] = Runs.of([ridge.scores], owner)
    for name, released in (("HGR", False), ("HGR.released", True)):
        scores = []
        for seed in range(arguments.seeds):
            begin = time.perf_counter()
            scores.append(train_hgr(splits, vocabulary, vectors, seed, released))
            print(f"{name}, seed {seed}: {time.perf_counter() - begin:.0f} s")
        models[name] = Runs.of(scores, owner)
        models[f"{name}, mean of {arguments.seeds} scores"] = Runs.of([torch.stack(scores).mean(0)], owner)
    print_table(f"MSVD, 35 test clips, {len(owner)} captions, {arguments.features}", models)
    differences = {
        f"{name} less {other}": models[name].difference(models[other])
        for name in ("HGR", "HGR.released")
        for other in ("ridge, GloVe", "chance")
    }
    for pair, value in differences.items():
        low, high = value["interval"]
        print(f"rsum of {pair}: {value['mean']:+.1f} [{low:+.1f}, {high:+.1f}]")
    write_result(
        f"msvd98_{arguments.features}",
        {name: runs.summary() for name, runs in models.items()},
        settings={"model": MODEL, "train": TRAIN, "seeds": arguments.seeds, "features": arguments.features},
        clips={split: len(dataset.videos) for split, dataset in splits.items()},
        captions={split: len(dataset.captions) for split, dataset in splits.items()},
        rsum_differences=differences,
    )


if __name__ == "__main__":
    main()
