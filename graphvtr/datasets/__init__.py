"""Datasets that yield the two graphs."""

from graphvtr.datasets import cad120, hgr_tree, moving_scenes, msvd
from graphvtr.datasets.base import DATASETS, DataSource, RetrievalDataset, build_dataset

__all__ = ["DATASETS", "DataSource", "RetrievalDataset", "build_dataset", "cad120", "hgr_tree", "moving_scenes", "msvd"]
