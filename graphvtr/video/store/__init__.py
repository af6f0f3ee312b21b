"""Features of clips on disk."""

from graphvtr.video.store.clip_buffer import ClipBuffer
from graphvtr.video.store.disk_graphs import DiskGraphs
from graphvtr.video.store.feature_store import FeatureStore
from graphvtr.video.store.fields import FIELDS
from graphvtr.video.store.files import ClipEntry, StoreWriteError

__all__ = ["FIELDS", "ClipBuffer", "ClipEntry", "DiskGraphs", "FeatureStore", "StoreWriteError"]
