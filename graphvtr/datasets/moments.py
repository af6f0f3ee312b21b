"""Untrimmed videos with sentences for moments of them: Charades-STA and TVR."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import check_options
from graphvtr.datasets.dense import Segment, dense_dataset
from graphvtr.datasets.files import need_file, numbered_lines, one_line
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError
from graphvtr.reading import parse_json

SPLITS = ("train", "val", "trainval", "test")
CHARADES_STA = {"train": "charades_sta_train.txt", "test": "charades_sta_test.txt"}
CHARADES_STA_VIDEOS = {"trainval": (5338,), "test": (1334,)}
TVR = {"train": "tvr_train_release.jsonl", "test": "tvr_val_release.jsonl"}
TVR_VIDEOS = {"trainval": (17_435,), "test": (2179,)}
HELD_OUT = 10
"""One training video in so many, by a hash of its name, is kept for validation: neither collection has such a split."""
CHARADES_LINE = re.compile(r"(\S+)\s+(-?[\d.]+)\s+(-?[\d.]+)\s*##(.*)")


@DATASETS.register("charades_sta")
def charades_sta(split: str, source: DataSource) -> RetrievalDataset:
    """Charades-STA (Gao et al. 2017): indoor videos of half a minute, sentences with begin and end.

    Expected below ``source.root``: ``charades_sta_train.txt`` and ``charades_sta_test.txt``, lines
    ``AO8RW 0.0 6.9##a person is putting a book on a shelf.``

    ========  ======  =========
    split     videos  sentences
    ========  ======  =========
    trainval  5,338   12,408     the training list; ``train`` and ``val`` are parts of it, a tenth for ``val``
    test      1,334   3,720
    ========  ======  =========

    Args:
        split: ``"train"``, ``"val"``, ``"trainval"`` or ``"test"``.
        source: ``root``, ``store`` and the options ``unit`` (``"sentence"``, whole videos and each sentence a caption
            of its own, for partially relevant retrieval; ``"segment"`` or ``"video"`` as in :func:`activitynet`),
            ``max_captions`` and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where).
    """
    where = "put {} of https://github.com/jiyanggao/TALL there"
    return _moments("charades_sta", split, source, CHARADES_STA, where, read_charades_sta, CHARADES_STA_VIDEOS)


@DATASETS.register("tvr")
def tvr(split: str, source: DataSource) -> RetrievalDataset:
    """TVR (Lei et al. 2020): clips of television series of a minute and more, sentences with begin and end.

    Expected below ``source.root``: ``tvr_train_release.jsonl`` and ``tvr_val_release.jsonl``, lines
    ``{"vid_name": ..., "duration": 61.5, "ts": [32.0, 38.6], "desc": ..., "desc_id": 90200, "type": "v"}``.

    ========  ======  =========
    split     videos  sentences
    ========  ======  =========
    trainval  17,435  87,175     the training file; ``train`` and ``val`` are parts of it, a tenth for ``val``
    test      2,179   10,895     the validation file: the real test's videos are secret, and papers test on this one
    ========  ======  =========

    Sentences that tell of what is said (``type`` ``"t"``) stay in, as in the papers: there is no reader of subtitles.

    Args:
        split: ``"train"``, ``"val"``, ``"trainval"`` or ``"test"``.
        source: as of :func:`charades_sta`.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where).
    """
    where = "put {} of https://github.com/jayleicn/TVRetrieval (data) there"
    return _moments("tvr", split, source, TVR, where, read_tvr, TVR_VIDEOS)


def read_charades_sta(path: Path) -> dict[str, list[Segment]]:
    """A file of Charades-STA as video -> moments.

    Raises:
        DataError: a line of another form; it is named.
    """
    out: dict[str, list[Segment]] = {}
    for number, line in numbered_lines(path):
        found = CHARADES_LINE.fullmatch(line.strip())
        where = f"{path}, line {number}"
        if found is None:
            raise DataError(where, f"is '{line.strip()[:60]}'", "give: video begin end##sentence")
        video, begin, end, sentence = found.groups()
        out.setdefault(video, []).append(_moment(float(begin), float(end), one_line(sentence, where)))
    if not out:
        raise DataError(path, "is empty", "download it again")
    return out


def read_tvr(path: Path) -> dict[str, list[Segment]]:
    """A file of TVR as video -> moments.

    Raises:
        DataError: a line that is no object with ``vid_name``, ``ts`` and ``desc``; it is named.
    """
    out: dict[str, list[Segment]] = {}
    for number, line in numbered_lines(path):
        where = f"{path}, line {number}"
        entry = parse_json(line, where, fix="download it again")
        times = entry.get("ts") if isinstance(entry, dict) else None
        if not isinstance(times, list) or len(times) != 2 or not all(isinstance(time, int | float) for time in times):
            raise DataError(where, "has no field ts of two times", "give a file of released annotations, not the test")
        if not isinstance(entry.get("vid_name"), str):
            raise DataError(where, "has no field vid_name", "give a file of released annotations, not the test")
        moment = _moment(float(times[0]), float(times[1]), one_line(entry.get("desc"), where))
        out.setdefault(entry["vid_name"], []).append(moment)
    if not out:
        raise DataError(path, "is empty", "download it again")
    return out


def held_out(video: str) -> bool:
    """Whether a training video is kept for validation.

    Example:
        >>> sum(held_out(f"video{number}") for number in range(1000))
        102
    """
    return zlib.crc32(video.encode()) % HELD_OUT == 0


def _moment(begin: float, end: float, sentence: str) -> Segment:
    return Segment(min(begin, end), max(begin, end), sentence)  # a few stand the wrong way round


def _moments(
    name: str,
    split: str,
    source: DataSource,
    files: Mapping[str, str],
    where: str,
    read: Callable[[Path], dict[str, list[Segment]]],
    videos: Mapping[str, tuple[int, ...]],
) -> RetrievalDataset:
    check_split(name, split, SPLITS)
    check_options(name, source, ("unit",))
    file = files["test" if split == "test" else "train"]
    path = need_file(source.need_root(name), file, where.format(file))
    moments: Mapping[str, Sequence[Segment]] = read(path)
    if split in ("train", "val"):
        moments = {video: those for video, those in moments.items() if held_out(video) == (split == "val")}
    return dense_dataset(name, split, source, path, moments, "sentence", videos.get(split, ()))
