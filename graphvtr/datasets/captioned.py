"""What the datasets of captioned videos share: split lists, captions, features, and a report of what does not fit."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from graphvtr.datasets.base import RetrievalDataset, as_index, keep_available, some
from graphvtr.datasets.parsing import parse_with
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.names import first_repeat
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

logger = logging.getLogger(__name__)

CAPTION_OPTIONS = ("max_captions", "choose_captions", "caption_seed", "duplicate_captions", "unit", "protocol")
"""Options that decide which captions a split has: evaluation takes those that training took."""
COMMON_OPTIONS = ("max_captions", "choose_captions", "caption_seed", "duplicate_captions", "features")
IN_MEMORY = 2 * 2**30  # bytes in the store up to which features are read into memory (where they take twice as many)


@dataclass(frozen=True)
class Listing:
    """What the files of a dataset say about one split, before features are looked for.

    Args:
        videos: the videos of the split, in order.
        captions: caption lists of videos (of other splits too).
        captions_from: the file of the captions, for messages.
        listed_in: the file of the split, for messages.
        official: how many videos the split has officially; several numbers where papers differ, none where there
            is no official list.
        others: videos on the dataset's other lists; None where there are none to compare with.
    """

    videos: Sequence[str]
    captions: Mapping[str, Sequence[str]]
    captions_from: Path
    listed_in: Path
    official: tuple[int, ...] = ()
    others: frozenset[str] | None = None


@dataclass(frozen=True)
class SplitReport:
    """What was odd about a split; :meth:`lines` tells it.

    Args:
        where: ``dataset/split``.
        listed: number of videos on the list.
        official: the official numbers, if any.
        without_captions: listed videos that have none; they are left out.
        without_features: listed videos that have none; they are left out.
        elsewhere: listed videos that are on another split's list, too.
        unknown: videos with captions that no list knows.
        duplicates: captions that stand more than once for the same video.
    """

    where: str
    listed: int
    official: tuple[int, ...] = ()
    without_captions: list[str] = field(default_factory=list)
    without_features: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    duplicates: int = 0

    def lines(self) -> list[str]:
        """One sentence for each thing that does not fit; none if all does."""
        out = []
        if self.official and self.listed not in self.official:
            numbers = " or ".join(f"{number:,}" for number in self.official)
            out.append(f"lists {self.listed:,} videos, the official split has {numbers}")
        for names, text in (
            (self.without_captions, "listed videos have no captions"),
            (self.without_features, "listed videos have no features"),
            (self.elsewhere, "listed videos are on the list of another split too"),
            (self.unknown, "videos have captions but are on no list"),
        ):
            if names:
                out.append(f"{len(names):,} {text}: {some(names)}")
        if self.duplicates:
            noun = "caption stands" if self.duplicates == 1 else "captions stand"
            repeated = f"{self.duplicates:,} {noun} more than once for their video"
            out.append(f"{repeated} (kept, unless --option duplicate_captions=drop)")
        return out


class Features(Protocol):
    """Where a split's video graphs come from."""

    def __contains__(self, name: object) -> bool: ...

    def video_graphs(self, names: Sequence[str]) -> GraphStore[VideoGraph]:
        """The graphs of ``names``, in order."""


def captioned_dataset(
    name: str,
    split: str,
    source: DataSource,
    listing: Listing,
    features_of: Callable[[FeatureStore], Features] | None = None,
) -> RetrievalDataset:
    """A split from its listing and the feature store of ``source`` (or what ``features_of`` makes of the store).

    ``source.options`` may hold ``max_captions`` (n of each video are taken), ``choose_captions`` (the ``"first"`` n, or
    ``"random"`` ones that follow from the video's name and ``caption_seed``, by default 0), ``duplicate_captions``
    (``"keep"``, or ``"drop"`` those that repeat an earlier one of their video) and ``features`` (read into
    ``"memory"``, or left on ``"disk"`` and read for every batch; by default the latter above 2 GiB). With
    ``source.missing`` ``"error"`` a split that differs from the official one in number, and a listed video without
    captions or features, are errors; else they are left out and reported (:attr:`RetrievalDataset.report`).

    Raises:
        DataError: no store, a video listed twice, nothing left, an unknown option, or as above.
    """
    where = f"{name}/{split}"
    report = compare(where, listing, strict=source.missing == "error")
    captioned = [video for video in listing.videos if listing.captions.get(video)]
    store = open_store(name, source)
    features: Features = store if features_of is None else features_of(store)
    videos = keep_available(
        where, captioned, features.__contains__, source, store.path, "skip", next(iter(store), ""), store
    )
    captions, owner, repeated = _chosen(videos, listing.captions, source)
    for line in replace(report, duplicates=repeated).lines():
        logger.warning("%s: %s", where, line)
    graphs = load(store, videos, source) if features is store else features.video_graphs(videos)
    role_graphs, parsed_by = parse_with(captions, source, [videos[place] for place in owner])
    dataset = RetrievalDataset(name, split, videos, captions, as_index(owner), graphs, role_graphs)
    dataset.features, dataset.parser = dict(store.settings), parsed_by
    held = set(videos)
    lacking = [video for video in captioned if video not in held]  # keep_available has told of those
    dataset.report = replace(report, duplicates=repeated, without_features=lacking)
    return dataset


def compare(where: str, listing: Listing, strict: bool) -> SplitReport:
    """What is odd about a listing, before features are looked for.

    Args:
        where: ``dataset/split``.
        listing: what the files say.
        strict: whether listed videos without captions and another number than the official one are errors.

    Raises:
        DataError: a video is listed twice, no video has captions, or with ``strict`` one has none or their number is
            not the official one.
    """
    listed = set(listing.videos)
    twice = first_repeat(listing.videos)
    if twice is not None:
        raise DataError(f"{listing.listed_in}: video '{twice}'", "is listed twice", "list every video once")
    others = listing.others
    report = SplitReport(
        where,
        len(listing.videos),
        listing.official,
        without_captions=[video for video in listing.videos if not listing.captions.get(video)],
        elsewhere=[] if others is None else [video for video in listing.videos if video in others],
        unknown=[] if others is None else sorted(listing.captions.keys() - listed - others),
    )
    if strict and listing.official and report.listed not in listing.official:
        raise DataError(listing.listed_in, report.lines()[0], "take the official list, or pass --missing skip")
    if report.without_captions and (strict or len(report.without_captions) == report.listed):
        raise DataError(
            f"{listing.captions_from}: video '{report.without_captions[0]}'",
            f"has no captions ({len(report.without_captions)} listed videos have none)",
            f"it is listed in {listing.listed_in}",
        )
    return report


def check_options(name: str, source: DataSource, known: Iterable[str] = ()) -> None:
    """Refuse options that a dataset does not know.

    Raises:
        DataError: an unknown option; the message lists those that are known.
    """
    every = (*known, *COMMON_OPTIONS)
    for option in source.options:
        if option not in every:
            raise DataError(f"option '{option}' of {name}", "unknown", f"known: {', '.join(every)}")


def open_store(name: str, source: DataSource) -> FeatureStore:
    """The feature store of ``source``.

    Raises:
        DataError: there is none; the message says how to make one.
    """
    if source.store is None:
        fix = "run graphvtr extract CLIPS --out STORE (or graphvtr store convert) and pass --store STORE"
        raise DataError(f"dataset '{name}'", "needs a feature store", fix)
    return FeatureStore.open(source.store)


def load(store: FeatureStore, videos: Sequence[str], source: DataSource) -> GraphStore[VideoGraph]:
    """Graphs of ``videos``, in memory or on disk, see :func:`captioned_dataset`.

    Raises:
        DataError: an unknown choice, a damaged file.
    """
    where = source.options.get("features")
    if where not in (None, "memory", "disk"):
        raise DataError(f"option 'features={where}'", "unknown", "use 'memory' or 'disk'")
    if where is None:
        where = "disk" if sum(store.entry(video).num_bytes for video in videos) > IN_MEMORY else "memory"
    if source.regions or "region_x" not in store.widths:
        return DiskGraphs(store, videos) if where == "disk" else store.video_graphs(videos)
    frames = DiskGraphs(store, videos).without("region")
    return frames if where == "disk" else frames.in_memory()


def _chosen(
    videos: Sequence[str], captions_of: Mapping[str, Sequence[str]], source: DataSource
) -> tuple[list[str], list[int], int]:
    """Captions of ``videos`` by the options, the position of each one's video, how many repeat another one."""
    limit, repeats = source.options.get("max_captions"), source.options.get("duplicate_captions", "keep")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise DataError("option 'max_captions'", f"is {limit}", "give a number of 1 or more")
    choice, seed = source.options.get("choose_captions", "first"), source.options.get("caption_seed", 0)
    check_choice("option 'choose_captions'", choice, ("first", "random"))
    if not isinstance(seed, int) or seed < 0:
        raise DataError("option 'caption_seed'", f"is {seed}", "give a whole number of 0 or more")
    check_choice("option 'duplicate_captions'", repeats, ("keep", "drop"))
    captions: list[str] = []
    owner: list[int] = []
    repeated = 0
    for position, video in enumerate(videos):
        every = list(captions_of[video])
        distinct = list(dict.fromkeys(every))
        repeated += len(every) - len(distinct)
        taken = distinct if repeats == "drop" else every
        if limit is not None and choice == "random":
            taken = _drawn(taken, limit, video, seed)
        taken = taken[:limit]
        captions += taken
        owner += [position] * len(taken)
    return captions, owner, repeated


def _drawn(captions: Sequence[str], count: int, video: str, seed: int) -> list[str]:
    """``count`` captions at random, in their order; the draw depends on the video and the seed alone."""
    draw = np.random.default_rng([seed, zlib.crc32(video.encode())])
    return [captions[place] for place in sorted(draw.permutation(len(captions))[:count])]
