"""MSVD, also known as YouTube2Text, in the layout ``vid1201<TAB>sentence`` of video captioning."""

from __future__ import annotations

import re
from pathlib import Path

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import Listing, captioned_dataset, check_options
from graphvtr.datasets.files import need_file, numbered_lines, read_pairs
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError

OFFICIAL = {"train": 1200, "val": 100, "test": 670}
RELEASE = "put {} of the YouTube2Text captions of Venugopalan et al. (2015) there"
CAPTIONS = "sents_{}_lc_nopunc.txt"


@DATASETS.register("youtube2text")
def youtube2text(split: str, source: DataSource) -> RetrievalDataset:
    """Youtube2Text: the same videos and splits as MSVD; retrieval papers test models of MSR-VTT on its test part.

    Expected below ``source.root``::

        sents_train_lc_nopunc.txt sents_val_lc_nopunc.txt sents_test_lc_nopunc.txt   vid1201<TAB>sentence
        youtube_mapping.txt                                                          optional: clip name, vid1201

    With the mapping the features are looked for by the names of the clips (``mv89psg6zh4_33_46``), else by ``vid1``
    to ``vid1970``.

    ======  ======  ========  =================
    split   videos  captions  ids
    ======  ======  ========  =================
    train   1,200   48,774    vid1 to 1200
    val     100     4,290     vid1201 to 1300
    test    670     27,763    vid1301 to 1970
    ======  ======  ========  =================

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        source: ``root``, ``store`` and the options ``max_captions`` (5 in some papers) and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where).
    """
    check_split("youtube2text", split, tuple(OFFICIAL))
    check_options("youtube2text", source)
    root = source.need_root("youtube2text")
    name = CAPTIONS.format(split)
    path = need_file(root, name, RELEASE.format(name))
    captions = read_pairs(path)
    others = _others(root, split)
    mapping = root / "youtube_mapping.txt"
    if mapping.is_file():
        clip_of = read_mapping(mapping)
        unknown = next((video for video in captions if video not in clip_of), None)
        if unknown is not None:
            raise DataError(
                f"{mapping}: '{unknown}'", f"is missing, {path.name} has captions of it", "download it again"
            )
        captions = {clip_of[video]: sentences for video, sentences in captions.items()}
        others = None if others is None else frozenset(clip_of.get(video, video) for video in others)
    listing = Listing(list(captions), captions, path, path, (OFFICIAL[split],), others)
    return captioned_dataset("youtube2text", split, source, listing)


def _others(root: Path, split: str) -> frozenset[str] | None:
    """The videos of the other splits; None where a file of them is missing."""
    paths = [root / CAPTIONS.format(other) for other in OFFICIAL if other != split]
    if not all(path.is_file() for path in paths):
        return None
    return frozenset(video for path in paths for video in read_pairs(path))


def read_mapping(path: Path) -> dict[str, str]:
    """``youtube_mapping.txt`` as ``vid1201`` -> name of the clip.

    Raises:
        DataError: a line is not ``name vid<number>``, or an id stands twice.
    """
    out: dict[str, str] = {}
    for number, line in numbered_lines(path):
        fields = line.split()
        if len(fields) != 2 or not re.fullmatch(r"vid\d+", fields[1]):
            raise DataError(f"{path}, line {number}", f"is '{line.strip()[:60]}'", "give: clip name, space, vid number")
        if fields[1] in out:
            raise DataError(f"{path}, line {number}: {fields[1]}", "stands twice", "download it again")
        out[fields[1]] = fields[0]
    if not out:
        raise DataError(path, "is empty", RELEASE.format(path.name))
    return out
