"""A dataset in a file of its own, as ``--data FILE.py:NAME`` takes it."""

import torch

from graphvtr.datasets import DATASETS, DataSource, RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph


@DATASETS.register("two_clips_by_file")
def two_clips(split: str, source: DataSource) -> RetrievalDataset:
    """Two clips of noise."""
    captions = ["dog", "cat"]
    return RetrievalDataset(
        "two_clips_by_file",
        split,
        ["first", "second"],
        captions,
        torch.tensor([0, 1]),
        GraphStore.from_graphs([VideoGraph.build(torch.rand(3, 4)) for _ in captions]),
        GraphStore.from_graphs([RoleGraph.build([word], [], [("NOUN", [0])], []) for word in captions]),
    )
