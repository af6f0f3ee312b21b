"""Datasets that yield the two graphs."""

from graphvtr.datasets import (
    cad120,
    dense,
    folder,
    hgr_tree,
    moving_scenes,
    msrvtt,
    msvd,
    tgif,
    vatex,
    youtube2text,
)
from graphvtr.datasets.base import DATASETS, DataSource, RetrievalDataset, build_dataset

__all__ = [
    "DATASETS",
    "DataSource",
    "RetrievalDataset",
    "build_dataset",
    "cad120",
    "dense",
    "folder",
    "hgr_tree",
    "moving_scenes",
    "msrvtt",
    "msvd",
    "tgif",
    "vatex",
    "youtube2text",
]
