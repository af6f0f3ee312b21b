"""Datasets that yield the two graphs."""

from graphvtr.datasets.base import DATASETS, DataSource, RetrievalDataset, build_dataset

__all__ = ["DATASETS", "DataSource", "RetrievalDataset", "build_dataset"]
