"""VATEX (Wang et al. 2019): ten-second clips, ten English captions each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import Listing, captioned_dataset, check_options
from graphvtr.datasets.files import need_file, one_line, read_json, read_list, read_lists
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError

FILES = {"train": "vatex_training_v1.0.json", "val": "vatex_validation_v1.0.json", "test": "vatex_validation_v1.0.json"}
OFFICIAL = {"train": (25_991,), "val": (1500,), "test": (1500,)}


@DATASETS.register("vatex")
def vatex(split: str, source: DataSource) -> RetrievalDataset:
    """VATEX with English captions.

    Expected below ``source.root``::

        vatex_training_v1.0.json vatex_validation_v1.0.json   [{videoID, enCap: [10], chCap: [10]}]
        val_list.txt test_list.txt                            optional: the two halves of the validation file

    ======  ======  ========
    split   videos  captions
    ======  ======  ========
    train   25,991  259,910
    val     1,500   15,000
    test    1,500   15,000
    ======  ======  ========

    The test captions of VATEX were not released with it, so that retrieval papers halve the 3,000 validation
    videos. Without the two lists the halves are drawn here: videos in the order of a hash of ``seed`` and their id,
    the first half is ``val``.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        source: ``root``, ``store`` and the options ``seed`` (0), ``max_captions`` and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where).
    """
    check_split("vatex", split, tuple(FILES))
    check_options("vatex", source, ("seed",))
    root = source.need_root("vatex")
    path = need_file(root, FILES[split], f"put {FILES[split]} of https://eric-xw.github.io/vatex-website there")
    captions = read_vatex(path)
    videos, listed_in, others = list(captions), path, None
    if split != "train":
        given = [root / "val_list.txt", root / "test_list.txt"]
        if all(file.is_file() for file in given):
            listed_in = root / f"{split}_list.txt"
            videos = read_list(listed_in)
            others = read_lists(file for file in given if file != listed_in)
        else:
            val, test = halves(videos, int(source.options.get("seed", 0)))
            videos, others = (val, frozenset(test)) if split == "val" else (test, frozenset(val))
    return captioned_dataset(
        "vatex", split, source, Listing(videos, captions, path, listed_in, OFFICIAL[split], others)
    )


def halves(videos: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Two halves of ``videos``, drawn by ``seed``; the first one is the larger where the number is odd.

    Example:
        >>> one, other = halves(["a", "b", "c", "d"], 0)
        >>> len(one), sorted(one + other), halves(["d", "c", "b", "a"], 0) == (one, other)
        (2, ['a', 'b', 'c', 'd'], True)
    """
    order = sorted(videos, key=lambda video: hashlib.sha256(f"{seed}/{video}".encode()).digest())
    middle = (len(order) + 1) // 2
    return order[:middle], order[middle:]


def read_vatex(path: Path) -> dict[str, list[str]]:
    """VATEX's json as video -> English captions.

    Raises:
        DataError: another schema, a video listed twice, a caption without words.
    """
    content = read_json(path)
    if not isinstance(content, list) or not content:
        raise DataError(path, "is not a list of videos", "give [{videoID, enCap: [...]}]")
    out: dict[str, list[str]] = {}
    for position, entry in enumerate(content):
        if not isinstance(entry, dict) or "videoID" not in entry or not isinstance(entry.get("enCap"), list):
            raise DataError(f"{path}: entry {position}", "has no videoID or no list enCap", "download it again")
        video = str(entry["videoID"])
        if video in out:
            raise DataError(f"{path}: video '{video}'", "is listed twice", "download it again")
        out[video] = [one_line(caption, f"{path}: video '{video}'") for caption in entry["enCap"]]
    return out
