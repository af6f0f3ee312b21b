"""MSVD (Chen and Dolan 2011), also known as YouTube2Text: short clips, about forty captions each."""

from __future__ import annotations

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import Listing, captioned_dataset, check_options
from graphvtr.datasets.files import need_file, one_line, read_captions, read_list, read_lists
from graphvtr.datasets.source import DataSource

SHARED = "data/MSVD of https://github.com/layer6ai-labs/xpool has all four files"
CAPTIONS = "put MSVD's captions there as {video: [caption, ...]}: " + SHARED
OFFICIAL = {"train": 1200, "val": 100, "test": 670}


@DATASETS.register("msvd")
def msvd(split: str, source: DataSource) -> RetrievalDataset:
    """MSVD from a captions json, the official split lists and a feature store; see also
    :func:`~graphvtr.datasets.youtube2text.youtube2text`.

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

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        source: ``root``, ``store`` and the options ``max_captions`` (5 in some papers) and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where).
    """
    check_split("msvd", split, tuple(OFFICIAL))
    check_options("msvd", source)
    root = source.need_root("msvd")
    path = need_file(root, "captions_msvd.json", CAPTIONS)
    listed_in = need_file(
        root, f"{split}_list.txt", f"put the {OFFICIAL[split]:,} video names of the split there: {SHARED}"
    )
    captions = {
        video: [one_line(caption, f"{path}: video '{video}'") for caption in sentences]
        for video, sentences in read_captions(path).items()
    }
    others = read_lists(root / f"{other}_list.txt" for other in OFFICIAL if other != split)
    listing = Listing(read_list(listed_in), captions, path, listed_in, (OFFICIAL[split],), others)
    return captioned_dataset("msvd", split, source, listing)
