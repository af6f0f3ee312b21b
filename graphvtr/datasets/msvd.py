"""MSVD (Chen and Dolan 2011), also known as YouTube2Text: short clips, about forty captions each."""

from __future__ import annotations

from graphvtr.datasets.base import (
    DATASETS,
    DataSource,
    RetrievalDataset,
    as_index,
    check_split,
    keep_available,
)
from graphvtr.datasets.files import read_captions, read_list
from graphvtr.datasets.parsing import parse_captions
from graphvtr.errors import DataError
from graphvtr.video import FeatureStore

SPLITS = ("train", "val", "test")


@DATASETS.register("msvd")
def msvd(split: str, source: DataSource) -> RetrievalDataset:
    """MSVD from a captions json, the official split lists and a feature store.

    Expected below ``source.root``::

        captions_msvd.json                        {video: [caption, ...]}
        train_list.txt val_list.txt test_list.txt one video name a line

    and in ``source.store`` what ``graphvtr extract`` wrote for the clips.

    ======  ======  ========
    split   videos  captions
    ======  ======  ========
    train   1,200   48,774
    val     100     4,290
    test    670     27,763
    ======  ======  ========

    Raises:
        DataError: unknown split, a missing or malformed file, a listed video without captions or features.
    """
    check_split("msvd", split, SPLITS)
    root = source.need_root("msvd")
    if source.store is None:
        raise DataError("dataset 'msvd'", "needs a feature store", "run graphvtr extract and pass --store STORE")
    store = FeatureStore.open(source.store)
    captions_file = root / "captions_msvd.json"
    captions_of = read_captions(captions_file)
    listed = read_list(root / f"{split}_list.txt")
    videos = keep_available(f"msvd/{split}", listed, store.__contains__, source, source.store, "skip")
    captions: list[str] = []
    owner: list[int] = []
    for position, video in enumerate(videos):
        if not captions_of.get(video):
            raise DataError(f"{captions_file}: video '{video}'", "has no captions", f"it is listed in {split}_list.txt")
        captions += captions_of[video]
        owner += [position] * len(captions_of[video])
    video_graphs = store.video_graphs(videos)
    role_graphs = parse_captions(captions, source)
    return RetrievalDataset("msvd", split, videos, captions, as_index(owner), video_graphs, role_graphs)
