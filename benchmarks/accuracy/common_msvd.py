"""Every model of the library on the same real clips, frames, regions, captions and training.

    python benchmarks/accuracy/common_msvd.py --root ../shared/data/msvd98 --detector FastestDet.onnx

Written down on 21 November 2026 before any test figure of these runs was seen: 57 of MSVD's clips train with their
first 20 captions, 6 choose the epoch, 35 are ranked for each of their 1,404 captions and the captions for each clip.
Ten frames of EfficientNet-Lite0 features, in each the 16 likeliest boxes of FastestDet described by the same network,
projected onto 256 principal components of the training regions (so that 24 runs fit one core). All word embeddings
start from 50-d GloVe; all models have 128 dimensions, all train with all negatives of the batch (VSE++: the hardest)
for 12 epochs of Adam 5e-4 along a cosine. Three seeds; intervals resample clips with all of their captions. Finished
runs are kept, so that a run that was stopped goes on. The papers' MSVD rows are printed beside, though nothing but
the name of the dataset is common to them.

A model that is added to ``ROWS`` is in the table.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import logging
from pathlib import Path
from typing import Any

import torch

import graphvtr
from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.hgr_setup import printed_to
from benchmarks.lib.paths import CACHE, DATA
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trial, Trials
from benchmarks.published import find, table_text
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.graphs import VideoGraph, keep_nodes, sample_frames
from graphvtr.nn.models import MODELS
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.baselines import ridge_scores
from graphvtr.text.word_vectors import load_word_vectors
from graphvtr.video import FeatureStore, build_detector, build_featurizer, extract

SEEDS, FRAMES, REGIONS, COMPONENTS, CAPTIONS = 3, 10, 16, 256, 20
SETTINGS = {"frames": FRAMES, "regions": REGIONS, "components": COMPONENTS, "max_captions": CAPTIONS}
TRAIN = {"epochs": 12, "batch_size": 64, "lr": 5e-4, "schedule": "cosine", "clip_grad": 2.0}
DUAL = {"hidden": 128, "word_dim": 50, "video_rnn": 64, "text_rnn": 64, "filters": 64, "mining": "all"}
DROP = {"word_dropout": 0.2, "video_dropout": 0.2}
CONCEPTS = {"hidden": 128, "word_dim": 50, "concept_sizes": [128, 64, 64], "mining": "all", **DROP}
ROWS = {
    trial.name: trial
    for trial in (
        Trial("VSE", "vse", {"hidden": 128, "word_dim": 50, "reduction": "mean"}, TRAIN),
        Trial("VSE++", "vse++", {"hidden": 128, "word_dim": 50, "reduction": "mean"}, TRAIN),
        Trial("Dual Encoding", "dual_encoding", DUAL, TRAIN),
        Trial("ViSERN, no_reasoning", "visern", {**DUAL, "normalization": "none"}, TRAIN),
        Trial("ViSERN", "visern", DUAL, TRAIN),
        Trial("HGR", "hgr", {"hidden": 128, "word_dim": 50, "node_reduce": "mean", "mining": "all", **DROP}, TRAIN),
        Trial("HANet", "hanet", CONCEPTS, TRAIN),
        Trial("MCSAN", "mcsan", CONCEPTS, TRAIN),
        Trial("VSR-Net", "vsrnet", {"hidden": 128, "num_layers": 2, "heads": 4, "mlp_ratio": 2.0}, TRAIN),
    )
}
PAIRS = (
    ("ViSERN", "ViSERN, no_reasoning"),
    ("ViSERN", "Dual Encoding"),
    ("HGR", "Dual Encoding"),
    ("HGR", "VSE++"),
    ("VSR-Net", "ViSERN"),
    ("MCSAN", "HANet"),
    ("HANet", "HGR"),
    ("HGR", "ridge, GloVe"),
    ("VSE", "VSE++"),
)


def likeliest_regions(graph: VideoGraph) -> VideoGraph:
    """``FRAMES`` frames of every clip of a batch, and in each the ``REGIONS`` regions of the highest scores."""
    graph = sample_frames(graph, FRAMES)
    region, frame = graph["region"], graph["frame"]
    order = torch.sort(region.score, descending=True, stable=True).indices
    order = order[torch.sort(region.frame[order], stable=True).indices]  # frame by frame, likeliest first
    begin = torch.searchsorted(region.frame[order], torch.arange(int(frame.num_nodes)))
    chosen = torch.zeros(len(order), dtype=torch.bool)
    chosen[order[torch.arange(len(order)) - begin[region.frame[order]] < REGIONS]] = True
    return keep_nodes(graph, {"region": chosen})


def project_regions(splits: dict[str, RetrievalDataset]) -> dict[str, RetrievalDataset]:
    """Region features on the principal components of the training regions, all of the same variance on average."""
    rows = splits["train"].video_graphs.nodes["region"].tensors["x"].float()
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    basis = vectors[:, -COMPONENTS:] / values[-COMPONENTS:].mean().sqrt()

    def project(graph: VideoGraph) -> VideoGraph:
        graph = copy.copy(graph)
        graph["region"].x = (graph["region"].x - mean) @ basis
        return graph

    return {name: split.transformed(project, None) for name, split in splits.items()}


def load(root: Path, store: Path) -> dict[str, RetrievalDataset]:
    """The three splits with their regions; training captions are cut."""
    sources = {
        "train": DataSource(root=root, store=store, options={"max_captions": CAPTIONS}),
        "val": DataSource(root=root, store=store),
        "test": DataSource(root=root, store=store),
    }
    whole = {split: build_dataset("msvd", split, source) for split, source in sources.items()}
    return project_regions({split: found.transformed(likeliest_regions, None) for split, found in whole.items()})


def trials_of(splits: dict[str, RetrievalDataset]) -> Trials:
    """The runs on the splits of :func:`load`; ``binary_selection.py`` asks them too."""
    return Trials(
        "common_msvd",
        splits,
        make_vocabulary(splits["train"]),
        data={"dataset": "msvd98", **SETTINGS},
        vectors=load_word_vectors("glove-package"),
    )


def make_store(arguments: argparse.Namespace) -> Path:
    """The store with regions, extracted where it is not there."""
    store: Path = arguments.store
    if store.is_dir() and len(FeatureStore.open(store)):
        return store
    detector = build_detector(arguments.detector, num_regions=36)
    extract(arguments.root / "video", store, build_featurizer("efficientnet_lite0"), detector=detector, num_frames=20)
    return store


def tables(trials: Trials, names: list[str], seeds: range) -> dict[str, Any]:
    """Everything printed, and as plain values."""
    test = trials.splits["test"]
    owner = test.video_of_caption
    rows: dict[str, Runs] = {"chance": chance_runs(owner, len(test.videos))}
    for name, vectors in (("ridge, GloVe", trials.vectors), ("ridge, bag of words", None)):
        ridge = ridge_scores(trials.splits["train"], trials.splits["val"], test, vectors=vectors)
        rows[name] = Runs.of([ridge.scores], owner)
    rows |= {name: trials.runs(ROWS[name], seeds) for name in names}
    counts = parameters(trials, names)
    print_table(f"MSVD, {len(test.videos)} test clips, {len(owner)} captions, {len(seeds)} seeds", rows)
    print("\ntrained parameters, and seconds to train a seed:")
    seconds = {name: [trials.result(ROWS[name], seed).seconds for seed in seeds] for name in names}
    for name in names:
        print(f"  {name:22} {counts[name]:>10,}   {sum(seconds[name]) / len(seeds):5.0f} s")
    differences = {
        f"{one} less {other}": rows[one].difference(rows[other]) for one, other in PAIRS if {one, other} <= rows.keys()
    }
    print("\npaired differences of rsum:")
    for name, found in differences.items():
        low, high = found["interval"]
        print(f"  {name}: {found['mean']:+.1f} [{low:+.1f}, {high:+.1f}]")
    paper = [number for number in find(dataset="MSVD") if number.split == "test"]
    print(f"\nThe papers', on all of MSVD (670 test clips), other features and far larger models:\n{table_text(paper)}")
    return {
        "rows": {name: runs.summary() for name, runs in rows.items()},
        "differences": differences,
        "parameters": counts,
        "seconds": seconds,
        "paper": [vars(number) for number in paper],
    }


def parameters(trials: Trials, names: list[str]) -> dict[str, int]:
    """Trained parameters of each row; frozen language models do not count."""
    models = {name: graphvtr.load(trials.result(ROWS[name], 0).checkpoint) for name in names}
    return {name: sum(p.numel() for p in model.parameters() if p.requires_grad) for name, model in models.items()}


def draw(rows: dict[str, dict[str, Any]]) -> None:
    """rsum of every row with its interval and its seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for place, (name, row) in enumerate(reversed(rows.items())):
        found = row["rsum"]
        trained = name in ROWS
        ax.plot(found["interval"], [place, place], color="#555555", linewidth=1.5)
        if trained:
            ax.plot(found["seeds"], [place] * len(found["seeds"]), "|", color="#0072B2", markersize=9)
        ax.plot(found["mean"], place, "o", color="#0072B2" if trained else "#8a9099")
    ax.set_yticks(range(len(rows)), list(reversed(rows)))
    ax.set_xlabel("rsum on 35 MSVD clips: mean, seeds (|) and 95 % interval over clips")
    ax.grid(axis="x", alpha=0.3)
    figure.savefig(RESULTS / "common_msvd.png", dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=DATA / "msvd98")
    parser.add_argument("--detector", default=DATA / "detectors" / "fastestdet" / "FastestDet.onnx")
    parser.add_argument("--store", type=Path, default=CACHE / "msvd98_fastestdet")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="+", metavar="ROW", help="leave out other rows that were not trained yet")
    parser.add_argument("--tiny", action="store_true", help="an epoch of a seed, to see that all runs; writes nothing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    names = [name for name, trial in ROWS.items() if trial.model in MODELS]
    names = [name for name in names if not arguments.only or name in arguments.only]
    if arguments.tiny:
        for name in names:
            ROWS[name] = Trial(name, ROWS[name].model, ROWS[name].options, {**TRAIN, "epochs": 1})
    splits = load(arguments.root, make_store(arguments))
    trials = trials_of(splits)
    seeds = range(1 if arguments.tiny else arguments.seeds)
    for seed in seeds:  # a seed of every row before the next: a run that is stopped has all rows
        for name in names:
            trials.result(ROWS[name], seed)
    with contextlib.nullcontext() if arguments.tiny or arguments.only else printed_to("common_msvd"):
        found = tables(trials, names, seeds)
    if arguments.tiny or arguments.only:
        return
    draw(found["rows"])
    write_result(
        "common_msvd",
        found,
        settings={
            **SETTINGS,
            "train": TRAIN,
            "seeds": len(seeds),
            "models": {name: dict(ROWS[name].options) for name in names},
        },
        clips={split: len(dataset.videos) for split, dataset in splits.items()},
        captions={split: len(dataset.captions) for split, dataset in splits.items()},
    )


if __name__ == "__main__":
    main()
