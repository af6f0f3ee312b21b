"""MSR-VTT (Xu et al. 2016): ten thousand web videos, twenty captions each, and the splits that papers use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import Listing, captioned_dataset, check_options
from graphvtr.datasets.files import need_file, one_line, read_json, read_list, read_lists, read_table
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError
from graphvtr.reading import number_of_digits

SHARED = "https://github.com/ArrowLuo/CLIP4Clip/releases/download/v0.0/msrvtt_data.zip"
ANNOTATION = (
    "put MSRVTT_data.json (or train_val_videodatainfo.json and test_videodatainfo.json) of the MSR-VTT release there, "
    f"for instance of {SHARED}"
)
LISTS_1KA = f"put MSRVTT_train.9k.csv (or .7k.csv) and MSRVTT_JSFUSION_test.csv of the 1k-A split there, of {SHARED}"
LISTS_1KB = (
    "put train_list_miech.txt and test_list_miech.txt of the 1k-B split there, of "
    "https://github.com/albanie/collaborative-experts (misc/datasets/msrvtt)"
)
VALIDATION = tuple(f"video{number}" for number in range(6513, 7010))
FULL = {"train": (6513, 6573), "val": (497,), "test": (2990,)}  # papers that build on HGR say 6,573


def msrvtt(protocol: str, split: str, source: DataSource) -> RetrievalDataset:
    """MSR-VTT, registered as ``msrvtt``, ``msrvtt_1ka``, ``msrvtt_1ka_7k`` and ``msrvtt_1kb``.

    Expected below ``source.root``::

        MSRVTT_data.json             videos and sentences of all splits, or instead of it
        train_val_videodatainfo.json test_videodatainfo.json   (or test_videodatainfo.json alone for full/test)
        MSRVTT_train.9k.csv MSRVTT_train.7k.csv MSRVTT_JSFUSION_test.csv   for 1k-A
        train_list_miech.txt test_list_miech.txt                           for 1k-B

    and in ``source.store`` the features of ``video0`` to ``video9999``.

    =================  ==================  ===============  ================  ==========================
    name               trainval            train            val               test
    =================  ==================  ===============  ================  ==========================
    ``msrvtt``         7,010 (140,200)     6,513 (130,260)  497 (9,940)       2,990 (59,800)
    ``msrvtt_1ka``     9,000 (180,000)     8,503 (170,060)  497 (9,940)       1,000 (1,000)
    ``msrvtt_1ka_7k``  7,010 (140,200)     6,513 (130,260)  497 (9,940)       1,000 (1,000)
    ``msrvtt_1kb``     6,656 (133,120)     less of val      see below         1,000 (1,000)
    =================  ==================  ===============  ================  ==========================

    Videos (captions). The 1k splits name no validation part, and papers pick their epoch on the test list; here
    ``trainval`` is the official training list and ``val`` those of it that are MSR-VTT's own validation videos
    (``video6513`` to ``video7009``), so that ``train`` and ``val`` never meet and the test list is not looked at.
    Test captions of 1k-A are those of the csv; of 1k-B the first caption of each video. Some papers count 6,573
    training videos; both numbers are taken for official.

    A widely shared copy of ``MSRVTT_data.json`` calls the split of every video ``train``; the official one, by number,
    is taken then. Where the annotation is missing, ``MSRVTT_val_fold_1.csv`` to ``_4.csv`` (one caption for each of the
    9k training videos) are used for 1k-A.

    Args:
        protocol: ``"full"``, ``"1k-A"``, ``"1k-A-7k"`` or ``"1k-B"``.
        split: ``"train"``, ``"val"``, ``"trainval"`` or ``"test"``.
        source: ``root``, ``store`` and the options ``max_captions`` and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where), captions without words.
    """
    name = PROTOCOLS[protocol]
    check_split(name, split, ("train", "val", "trainval", "test"))
    check_options(name, source)
    root = source.need_root(name)
    listing = _full(root, split) if protocol == "full" else LISTINGS[protocol](root, split)
    return captioned_dataset(name, split, source, listing)


def _full(root: Path, split: str) -> Listing:
    path, part_of, captions = read_annotation(root, test=split == "test")
    if set(part_of.values()) == {"train"} and not {*VALIDATION, "video7010"}.isdisjoint(part_of):
        part_of = {video: official_part(video, path) for video in part_of}  # a copy that calls every video "train"
    wanted = {"trainval": ("train", "validate"), "val": ("validate",)}.get(split, (split,))
    videos = [video for video, part in part_of.items() if part in wanted]
    if not videos:
        raise DataError(path, f"has no video whose split is {' or '.join(wanted)}", ANNOTATION)
    official = FULL.get(split, tuple(number + 497 for number in FULL["train"]))
    return Listing(videos, captions, path, path, official, frozenset(part_of) - set(videos))


def official_part(video: str, path: Path) -> str:
    """``train``, ``validate`` or ``test``: MSR-VTT's own split goes by the number of the video.

    Raises:
        DataError: its name has none.

    Example:
        >>> [official_part(f"video{number}", Path()) for number in (6512, 6513, 7009, 7010)]
        ['train', 'validate', 'validate', 'test']
    """
    number = number_of_digits(video.removeprefix("video"))
    if number is None:
        raise DataError(f"{path}: video '{video}'", "has no number", "give names as video7010, or the videos' split")
    return "train" if number < 6513 else "validate" if number < 7010 else "test"


def _one_k_a(train_file: str, root: Path, split: str) -> Listing:
    if split == "test":
        path = need_file(root, "MSRVTT_JSFUSION_test.csv", LISTS_1KA)
        captions = read_captions_table(path)
        return Listing(list(captions), captions, path, path, (1000,))
    path = need_file(root, train_file, LISTS_1KA)
    videos = [row["video_id"] for row in read_table(path, ["video_id"])]
    where, captions = _training_captions(root)
    trainval = 9000 if "9k" in train_file else 7010
    official = {"trainval": trainval, "val": 497, "train": trainval - 497}
    chosen = _part(videos, split)
    tests = root / "MSRVTT_JSFUSION_test.csv"
    others = frozenset(read_captions_table(tests)) if tests.is_file() else None
    mine = {video: captions[video] for video in chosen if video in captions}
    return Listing(chosen, mine, where, path, (official[split],), others)


def _one_k_b(root: Path, split: str) -> Listing:
    path = need_file(root, f"{'test' if split == 'test' else 'train'}_list_miech.txt", LISTS_1KB)
    videos = read_list(path)
    where, _, captions = read_annotation(root)
    if split == "test":
        first = {video: captions[video][:1] for video in videos if video in captions}
        return Listing(videos, first, where, path, (1000,))
    official = (6656,) if split == "trainval" else ()
    chosen = _part(videos, split)
    mine = {video: captions[video] for video in chosen if video in captions}
    return Listing(chosen, mine, where, path, official, read_lists([root / "test_list_miech.txt"]))


def _part(videos: list[str], split: str) -> list[str]:
    """Of a training list the official validation videos, the others, or all."""
    if split == "trainval":
        return videos
    held = frozenset(VALIDATION)
    return [video for video in videos if (video in held) == (split == "val")]


LISTINGS: dict[str, Callable[[Path, str], Listing]] = {
    "1k-A": partial(_one_k_a, "MSRVTT_train.9k.csv"),
    "1k-A-7k": partial(_one_k_a, "MSRVTT_train.7k.csv"),
    "1k-B": _one_k_b,
}
PROTOCOLS = {"full": "msrvtt", "1k-A": "msrvtt_1ka", "1k-A-7k": "msrvtt_1ka_7k", "1k-B": "msrvtt_1kb"}
DATASETS.register("msrvtt")(partial(msrvtt, "full"))
DATASETS.register("msrvtt_1ka")(partial(msrvtt, "1k-A"))
DATASETS.register("msrvtt_1ka_7k")(partial(msrvtt, "1k-A-7k"))
DATASETS.register("msrvtt_1kb")(partial(msrvtt, "1k-B"))


def _training_captions(root: Path) -> tuple[Path, dict[str, list[str]]]:
    folds = [root / f"MSRVTT_val_fold_{number}.csv" for number in (1, 2, 3, 4)]
    if (root / "MSRVTT_data.json").exists() or not any(path.is_file() for path in folds):
        path, _, captions = read_annotation(root)
        return path, captions
    captions = {}
    for path in folds:
        captions.update(read_captions_table(need_file(root, path.name, ANNOTATION)))
    return folds[0], captions


def read_captions_table(path: Path) -> dict[str, list[str]]:
    """A csv ``key,vid_key,video_id,sentence`` as video -> captions.

    Raises:
        DataError: see :func:`graphvtr.datasets.files.read_table`; a caption without words.
    """
    out: dict[str, list[str]] = {}
    for row in read_table(path, ["video_id", "sentence"], fix=LISTS_1KA):
        out.setdefault(row["video_id"], []).append(one_line(row["sentence"], f"{path}, line {row.line}"))
    return out


def read_annotation(root: Path, test: bool = True) -> tuple[Path, dict[str, str], dict[str, list[str]]]:
    """MSR-VTT's json: the file (the first one, for messages), split of every video, captions by ``sen_id``.

    Args:
        root: folder of the files.
        test: whether the test videos are needed, where they have a file of their own.

    Raises:
        DataError: no file, another schema, a video listed twice, a sentence of an unknown video.
    """
    whole, halves = root / "MSRVTT_data.json", ("train_val_videodatainfo.json", "test_videodatainfo.json")
    paths = [whole] if whole.is_file() else [root / name for name in halves if (root / name).is_file()]
    if not paths or (test and paths[0].name == halves[0] and len(paths) == 1):
        raise DataError(whole if not paths else root / halves[1], "no such file", ANNOTATION)
    part_of: dict[str, str] = {}
    sentences: list[tuple[int, str, str]] = []
    for path in paths:
        content = _object(read_json(path), path)
        for video in content["videos"]:
            name = str(video["video_id"])
            if name in part_of:
                raise DataError(f"{path}: video '{name}'", "is listed twice", "download it again")
            part_of[name] = str(video["split"])
        for number, entry in enumerate(content["sentences"]):
            where = f"{path}: sentence {entry.get('sen_id', number)}"
            sentences.append((int(entry["sen_id"]), str(entry["video_id"]), one_line(entry["caption"], where)))
    captions: dict[str, list[str]] = {}
    for _, video, caption in sorted(sentences, key=lambda sentence: sentence[0]):
        captions.setdefault(video, []).append(caption)
    return paths[0], part_of, captions


def _object(content: Any, path: Path) -> dict[str, Any]:
    fields = {"videos": {"video_id", "split"}, "sentences": {"video_id", "caption", "sen_id"}}
    for field, needed in fields.items():
        entries = content.get(field) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not entries:
            raise DataError(f"{path}: {field}", "is missing or empty", ANNOTATION)
        for position, entry in enumerate(entries):
            lacking = needed - entry.keys() if isinstance(entry, dict) else needed
            if lacking:
                raise DataError(f"{path}: {field}[{position}]", f"has no {', '.join(sorted(lacking))}", ANNOTATION)
    return content  # type: ignore[no-any-return]
