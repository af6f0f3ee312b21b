"""Your own clips: a folder with ``captions.csv`` and a feature store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import Listing, captioned_dataset, check_options, open_store
from graphvtr.datasets.files import delimiter_of, need_file, one_line, read_table
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError
from graphvtr.names import lookup, spellings
from graphvtr.video import FeatureStore
from graphvtr.video.clip_files import CLIP_SUFFIXES

SPLITS = ("train", "val", "test", "all")
SPELLINGS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
FIX = "give a csv with the columns video and caption, and split (train, val or test) if you have one"


@DATASETS.register("folder")
def folder(split: str, source: DataSource) -> RetrievalDataset:
    """Any clips with captions.

    Expected below ``source.root``: ``captions.csv`` with the columns ``video`` and ``caption``, a row a caption, and
    ``split`` (``train``, ``val`` or ``test``, the same for all captions of a video) if there is one. Without it
    videos are split by a hash of their name: 80, 10 and 10 %, roughly. ``video`` is the clip's name as
    ``graphvtr extract`` has it: its file name without the ending; the ending and the folders below ``source.root``
    may stand there too (``sub/beach.mp4``). Semicolons or tabs may stand between the columns, capitals in their names,
    and ``validation`` or ``training`` in ``split``.

    .. code-block:: text

        video,caption,split
        beach.mp4,"a dog, wet from the sea, runs",train
        beach.mp4,two people watch a dog,train
        kitchen.mp4,a woman slices bread,test

    Args:
        split: ``"train"``, ``"val"``, ``"test"`` or ``"all"``.
        source: ``root``, ``store`` and the options ``max_captions`` and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file, a video in two splits, two of one file name.
    """
    check_split("folder", split, SPLITS)
    check_options("folder", source)
    root = source.need_root("folder")
    path = need_file(root, "captions.csv", FIX)
    captions, part_of = read_captions_csv(path)
    videos = [video for video, part in part_of.items() if split in (part, "all")]
    if not videos:
        found = ", ".join(sorted(set(part_of.values())))
        raise DataError(
            path,
            f"has no video of the split '{split}'",
            f"splits found: {found}; say them in a column split, or choose by --split, --train_split, --val_split",
        )
    name_of = names_in_store(part_of, open_store("folder", source), path)
    captions = {name_of[video]: sentences for video, sentences in captions.items()}
    return captioned_dataset("folder", split, source, Listing([name_of[v] for v in videos], captions, path, path))


def names_in_store(videos: Iterable[str], store: FeatureStore, path: object) -> dict[str, str]:
    """Video of the csv -> clip of the store: of the same name, else of the file's name without its folders, as
    ``graphvtr extract`` names clips; else the one clip whose name differs in case, in composed letters or in the
    sign between folders only.

    Raises:
        DataError: two videos are the same clip.
    """
    out: dict[str, str] = {}
    video_of: dict[str, str] = {}
    known = spellings(store)
    for video in videos:
        last = video.rpartition("/")[2]
        out[video] = next((name for name in (video, last) if name in store), lookup(video, known) or video)
        first = video_of.setdefault(out[video], video)
        if first != video:
            problem = f"and '{first}' are both the clip '{out[video]}' of {store.path}"
            raise DataError(f"{path}: video '{video}'", problem, "rename one of the files and extract it again")
    return out


def read_captions_csv(path: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """``captions.csv`` as video -> captions and video -> split.

    Raises:
        DataError: see :func:`folder`; the message names the line.
    """
    captions: dict[str, list[str]] = {}
    part_of: dict[str, str] = {}
    for row in read_table(path, ["video", "caption"], delimiter_of(path, FIX), FIX, any_case=True):
        where = f"{path}, line {row.line}"
        video = clip_name(row["video"])
        if not video:
            raise DataError(where, "names no video", FIX)
        captions.setdefault(video, []).append(one_line(row["caption"], where))
        given = row.get("split")
        part = _drawn(video) if given is None else SPELLINGS.get(given.lower(), given)
        if part not in SPLITS[:3]:
            raise DataError(where, f"has the split '{part}'", f"known: {', '.join(SPLITS[:3])}")
        if part_of.setdefault(video, part) != part:
            problem = f"is in '{part}' here and in '{part_of[video]}' above"
            raise DataError(f"{where}: video '{video}'", problem, "choose one")
    return captions, part_of


def clip_name(video: str) -> str:
    """A clip's name as the feature store has it: without the ending of a video file.

    Example:
        >>> clip_name("a/b.c.mp4"), clip_name("v1.2")
        ('a/b.c', 'v1.2')
    """
    stem, dot, ending = video.strip().rpartition(".")
    return stem if stem and f"{dot}{ending.lower()}" in CLIP_SUFFIXES else video.strip()


def _drawn(video: str) -> str:
    """A split by a hash of the name: the same on every machine, whatever other videos there are."""
    tenth = int.from_bytes(hashlib.sha256(video.encode()).digest()[:4], "big") % 10
    return {8: "val", 9: "test"}.get(tenth, "train")
