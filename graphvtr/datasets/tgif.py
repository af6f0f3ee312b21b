"""TGIF (Li et al. 2016): animated gifs of Tumblr, one or more captions each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import Listing, captioned_dataset, check_options
from graphvtr.datasets.files import need_file, one_line, read_list, read_lists, read_pairs, read_table
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError

RELEASE = "put {} of https://github.com/raingo/TGIF-Release (folder data) there"
OFFICIAL = {"train": (80_000, 79_451), "val": (10_708, 10_651), "test": (11_360, 11_310)}


@DATASETS.register("tgif")
def tgif(split: str, source: DataSource) -> RetrievalDataset:
    """TGIF from its captions and split lists.

    Expected below ``source.root``::

        tgif-v1.0.tsv                                           url<TAB>sentence
        splits/train.txt splits/val.txt splits/test.txt         one url a line

    and in ``source.store`` the features of the gifs, named as their files without ``.gif``.

    ======  ===========  ==================================
    split   released     papers (what could be downloaded)
    ======  ===========  ==================================
    train   80,000 gifs  79,451
    val     10,708 gifs  10,651
    test    11,360 gifs  11,310
    ======  ===========  ==================================

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        source: ``root``, ``store`` and the options ``max_captions`` and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where), two urls of one name.
    """
    check_split("tgif", split, tuple(OFFICIAL))
    check_options("tgif", source)
    root = source.need_root("tgif")
    path = need_file(root, "tgif-v1.0.tsv", RELEASE.format("tgif-v1.0.tsv"))
    by_url = read_pairs(path)
    listed_in = need_file(root, f"splits/{split}.txt", RELEASE.format(f"splits/{split}.txt"))
    listed = read_list(listed_in)
    others = read_lists(root / "splits" / f"{other}.txt" for other in OFFICIAL if other != split)
    names = gif_names({**by_url, **dict.fromkeys(listed), **dict.fromkeys(others or ())}, path)
    captions = {names[url]: sentences for url, sentences in by_url.items()}
    elsewhere = None if others is None else frozenset(names[url] for url in others)
    listing = Listing([names[url] for url in listed], captions, path, listed_in, OFFICIAL[split], elsewhere)
    return captioned_dataset("tgif", split, source, listing)


@DATASETS.register("tgif_qa")
def tgif_qa(split: str, source: DataSource) -> RetrievalDataset:
    """The gifs of TGIF-QA's FrameQA task (Jang et al. 2017) with the descriptions that its questions come from.

    Expected below ``source.root``: ``Train_frameqa_question.csv`` and ``Test_frameqa_question.csv`` (tab-separated
    with columns ``gif_name`` and ``description``). A description stands once for each of its questions; repeats of a
    gif are dropped.

    ======  =====  ============
    split   gifs   descriptions
    ======  =====  ============
    train   not compared
    ------  -------------------
    test    7,132  11,662
    ======  =====  ============

    Raises:
        DataError: unknown split, a missing or malformed file.
    """
    check_split("tgif_qa", split, ("train", "test"))
    check_options("tgif_qa", source)
    root = source.need_root("tgif_qa")
    name = f"{split.title()}_frameqa_question.csv"
    path = need_file(root, name, f"put {name} of https://github.com/YunseokJANG/tgif-qa there")
    captions = read_tgif_qa(path)
    official = (7132,) if split == "test" else ()
    return captioned_dataset("tgif_qa", split, source, Listing(list(captions), captions, path, path, official))


def read_tgif_qa(path: Path) -> dict[str, list[str]]:
    """Gif -> its distinct descriptions, in order of appearance.

    Raises:
        DataError: see :func:`graphvtr.datasets.files.read_table`.
    """
    out: dict[str, dict[str, None]] = {}
    for row in read_table(path, ["gif_name", "description"], delimiter="\t"):
        out.setdefault(row["gif_name"], {})[one_line(row["description"], f"{path}, line {row.line}")] = None
    return {gif: list(sentences) for gif, sentences in out.items()}


def gif_names(urls: Iterable[str], path: Path) -> dict[str, str]:
    """Url -> name of its file without ``.gif``.

    Raises:
        DataError: two urls have the same file name, or one has none.
    """
    out: dict[str, str] = {}
    url_of: dict[str, str] = {}
    for url in urls:
        name = PurePosixPath(unquote(urlsplit(url).path)).name.removesuffix(".gif")
        if not name:
            raise DataError(f"{path}: '{url}'", "has no file name", "give urls of gifs")
        if url_of.setdefault(name, url) != url:
            raise DataError(f"{path}: '{url}'", f"has the same file name as {url_of[name]}", "leave one of them out")
        out[url] = name
    return out
