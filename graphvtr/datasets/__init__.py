"""Datasets that yield the two graphs; every module of this folder registers what it holds."""

import importlib
import pkgutil

from graphvtr.datasets.base import DATASETS, RetrievalDataset, build_dataset
from graphvtr.datasets.source import DataSource

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["DATASETS", "DataSource", "RetrievalDataset", "build_dataset"]
