"""What two-stage search loses of the ten best clips, every registered model, default settings.

    python benchmarks/search_recall.py                    # MovingScenes (5,000 clips), MSR-VTT (4,427), MSVD (98)
    python benchmarks/search_recall.py --data moving_scenes --models hgr hanet
    python benchmarks/search_recall.py --resume           # go on where a run was stopped
    python benchmarks/search_recall.py --quick            # 700 clips, three models: shows that all works

A row is written as soon as it is there, with its commit; rows of other models and data stay in the file.

The weights are random: nothing was trained, which is the hard case, as scores of all clips then lie close together.
GraphVTR's closed form and gates, which are zero before training, are drawn too. Queries are captions, their role graphs
those of the dataset; the ten best of all clips come from ``model.similarity``. Models that need regions are given those
of YOLOX-nano on MSR-VTT and MSVD (extracted once, half an hour). The 98 clips of the MSVD subset are fewer than the
candidates: all of them are always scored, so that nothing can be lost (``all_scored`` in the row).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.lib import msrvtt
from benchmarks.lib.harness import environment, write_result
from benchmarks.lib.paths import DATA, RESULTS
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.moving_scenes.dataset import SPLITS
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.nn import RetrievalModel
from graphvtr.nn.models import MODELS
from graphvtr.search import Index, Item
from graphvtr.search.index.build import prepare_folder
from graphvtr.search.index.editing import write_segment
from graphvtr.search.index.manifest import Manifest, publish, read_manifest
from graphvtr.search.index.writing import SegmentWriter
from graphvtr.search.projection import Projection
from graphvtr.tasks import build_model, make_vocabulary

DATASETS = ("moving_scenes", "msrvtt", "msvd")
TOP, BLOCK, FOR_CONCEPTS = 10, 256, 1000


def load(name: str, clips: int, regions: bool = False) -> list[RetrievalDataset]:
    """The splits of a dataset; MovingScenes has regions always."""
    detector = "yolox_nano" if regions else None
    if name == "moving_scenes":
        options = {"num_clips": clips, "progress": False}
        return [build_dataset(name, split, DataSource(options=options)) for split in SPLITS]
    if name == "msvd":
        source = DataSource(root=DATA / "msvd98", store=msrvtt.store(detector, "msvd98"))
    else:
        options = {"max_captions": 2}  # of twenty a video: queries and words enough, and few to parse
        source = DataSource(root=msrvtt.root(), store=msrvtt.store(detector), options=options)
    return [build_dataset(name, split, source) for split in ("val", "test", "train")]


def made(name: str, dataset: RetrievalDataset, options: dict[str, Any] | None = None) -> RetrievalModel:
    """A model with random weights whose sizes fit."""
    torch.manual_seed(0)
    few = dataset[list(range(min(FOR_CONCEPTS, len(dataset.captions))))]  # finding concepts takes a parser
    vocabulary = make_vocabulary(dataset)
    model = build_model(name, few, vocabulary, options or {}).eval()
    model.vocabulary = vocabulary
    if name == "graphvtr":
        with torch.no_grad():
            for key in ("text_map", "video_map"):
                getattr(model.start, key).normal_()
            model.gates.uniform_(0.0, 0.1)
    return model


@torch.inference_mode()
def indexed(model: RetrievalModel, splits: Sequence[RetrievalDataset], path: Path) -> Index:
    """An index of all clips."""

    def fill(writer: SegmentWriter) -> None:
        for split in splits:
            for part in torch.arange(len(split.videos)).split(BLOCK):
                batch = model.transform_video(split.video_graphs.batch(part))
                frame: Any = batch["frame"]
                times = [time.numpy() for time in frame.time.split(frame.ptr.diff().tolist())]
                named = [Item(split.videos[place]) for place in part.tolist()]
                writer.add_videos(named, model.encode_video(batch), times, {})

    prepare_folder(path, model, Manifest("", "", list(model.levels)), [], False)
    manifest = read_manifest(path)
    manifest.segments.append(write_segment(path, Projection(model), "auto", fill))
    publish(path, manifest)
    return Index.open(path)


def asked(splits: Sequence[RetrievalDataset], count: int) -> list[RoleGraph]:
    """Captions evenly over all splits."""
    found = []
    for split in splits:
        own = max(1, round(count * len(split.captions) / sum(len(one.captions) for one in splits)))
        found += [split.role_graphs[place] for place in torch.linspace(0, len(split.captions) - 1, own).long().tolist()]
    return found


@torch.inference_mode()
def best_of_all(index: Index, queries: list[RoleGraph]) -> list[set[str]]:
    """Names of the best clips, every clip scored."""
    texts = index.encoder.texts(queries)
    (segment,) = index.segments
    blocks = torch.arange(len(segment)).split(BLOCK)
    scores = torch.cat([index.model.similarity(segment.video.select(block.numpy()), texts) for block in blocks])
    return [{segment.item(place).name for place in row} for row in scores.topk(TOP, dim=0).indices.T.tolist()]


def measure(name: str, splits: Sequence[RetrievalDataset], queries: int) -> dict[str, Any]:
    """Recall of one model on one dataset."""
    begin = time.perf_counter()
    model = made(name, splits[-1] if len(splits) == 3 else splits[0])
    with tempfile.TemporaryDirectory() as folder:
        index = indexed(model, splits, Path(folder) / "index")
        graphs = asked(splits, queries)
        wanted = best_of_all(index, graphs)
        found = index.search(graphs, TOP)
        shares = [len({one.name for one in ours} & best) / TOP for ours, best in zip(found, wanted, strict=True)]
        row = {
            "dataset": splits[0].name,
            "model": name,
            "clips": len(index),
            "queries": len(graphs),
            "keys": "the score" if index.projection.exact else "follow the score",
            "all_scored": found[0].exhaustive,
            "recall_at_10": float(np.mean(shares)),
            "worst_query": float(min(shares)),
            "seconds": time.perf_counter() - begin,
        }
    print({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
    return row


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", nargs="+", default=list(DATASETS), choices=DATASETS)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--resume", action="store_true", help="keep rows that the file has")
    args = parser.parse_args()
    if args.quick:
        args.data, args.models, args.queries = ["moving_scenes"], ["vse", "hgr", "order"], 20
    name = "search_recall_quick" if args.quick else "search_recall"
    file = RESULTS / f"{name}.json"
    told = json.loads(file.read_text()) if file.is_file() else {"rows": []}
    rows = {(row["dataset"], row["model"]): row for row in told["rows"]}
    commit = environment()["commit"]
    for data in args.data:
        todo = [model for model in args.models if not (args.resume and (data, model) in rows)]
        splits = load(data, 700 if args.quick else 5000) if todo else []
        regioned: list[RetrievalDataset] = []
        for model in todo:
            try:
                found = measure(model, splits, args.queries)
            except DataError as error:
                if "region" not in str(error):
                    raise
                regioned = regioned or load(data, 5000, regions=True)
                found = measure(model, regioned, args.queries)
            rows[data, model] = {**found, "dataset": data, "commit": commit}
            order = sorted(rows, key=lambda key: (DATASETS.index(key[0]), list(MODELS).index(key[1])))
            write_result(name, [rows[key] for key in order], weights="random")


if __name__ == "__main__":
    main()
