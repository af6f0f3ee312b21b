"""Videos with captions for segments of time: ActivityNet Captions and YouCook2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.captioned import Listing, captioned_dataset, check_options
from graphvtr.datasets.files import need_file, one_line, read_json
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import GraphStore, VideoGraph, between
from graphvtr.video import FeatureStore

UNITS = ("video", "segment", "sentence")
ACTIVITYNET = {"train": "train.json", "val": "val_1.json", "val_1": "val_1.json", "val_2": "val_2.json"}
ACTIVITYNET_VIDEOS = {"train": (10_009,), "val": (4917,), "val_1": (4917,), "val_2": (4885,)}
YOUCOOK2 = {"train": "training", "val": "validation"}
YOUCOOK2_SEGMENTS = {"train": (10_337,), "val": (3492,)}


@dataclass(frozen=True)
class Segment:
    """Seconds ``begin`` to ``end`` of a video and what happens in them."""

    begin: float
    end: float
    sentence: str


@DATASETS.register("activitynet")
def activitynet(split: str, source: DataSource) -> RetrievalDataset:
    """ActivityNet Captions (Krishna et al. 2017): by default whole videos with all their sentences as one caption.

    Expected below ``source.root``: ``train.json``, ``val_1.json``, ``val_2.json``, each
    ``{video: {duration, timestamps: [[begin, end]], sentences: [...]}}``.

    ======  ======  =========  ===============================================
    split   videos  sentences
    ======  ======  =========  ===============================================
    train   10,009  37,421
    val     4,917   17,505     also ``val_1``: what retrieval papers test on
    val_2   4,885   17,031     other captions of (nearly) the same videos
    ======  ======  =========  ===============================================

    Args:
        split: ``"train"``, ``"val"``, ``"val_1"`` or ``"val_2"``.
        source: ``root``, ``store`` and the options ``unit`` (``"video"``; ``"segment"``: one clip and caption a
            segment; or ``"sentence"``: whole videos, each sentence a caption, for partially relevant retrieval),
            ``max_captions`` and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where).
    """
    check_split("activitynet", split, tuple(ACTIVITYNET))
    check_options("activitynet", source, ("unit",))
    root = source.need_root("activitynet")
    name = ACTIVITYNET[split]
    path = need_file(
        root, name, f"put {name} of https://cs.stanford.edu/people/ranjaykrishna/densevid/captions.zip there"
    )
    return dense_dataset("activitynet", split, source, path, read_activitynet(path), "video", ACTIVITYNET_VIDEOS[split])


@DATASETS.register("youcook2")
def youcook2(split: str, source: DataSource) -> RetrievalDataset:
    """YouCook2 (Zhou et al. 2018): steps of recipes, each a clip with one caption.

    Expected below ``source.root``: ``youcookii_annotations_trainval.json``, ``{"database": {video: {duration, subset,
    annotations: [{segment: [begin, end], id, sentence}]}}}``.

    ======  ======  ========
    split   videos  segments
    ======  ======  ========
    train   1,333   10,337
    val     457     3,492
    ======  ======  ========

    Papers test on ``val`` (3,350 of its segments where videos could no longer be downloaded). A segment is named
    ``video/3``, from 0. Where the store has no clip of that name but the whole ``video``, its frames between the two
    times are taken.

    Args:
        split: ``"train"`` or ``"val"``.
        source: ``root``, ``store`` and the options ``unit`` (``"segment"``, or ``"video"``: whole videos with all
            sentences as one caption), ``max_captions`` and ``duplicate_captions``.

    Raises:
        DataError: unknown split, a missing or malformed file (says what to put where).
    """
    check_split("youcook2", split, tuple(YOUCOOK2))
    check_options("youcook2", source, ("unit",))
    root = source.need_root("youcook2")
    name = "youcookii_annotations_trainval.json"
    path = need_file(root, name, f"put {name} of http://youcook2.eecs.umich.edu there")
    segments = read_youcook2(path, YOUCOOK2[split])
    return dense_dataset("youcook2", split, source, path, segments, "segment", YOUCOOK2_SEGMENTS[split])


def read_activitynet(path: Path) -> dict[str, list[Segment]]:
    """A json of ActivityNet Captions as video -> segments.

    Raises:
        DataError: another schema; the message names the video.
    """
    out = {}
    for video, entry in _videos(read_json(path), path).items():
        times, sentences = entry.get("timestamps"), entry.get("sentences")
        if not isinstance(times, list) or not isinstance(sentences, list) or len(times) != len(sentences):
            raise DataError(f"{path}: video '{video}'", "has not as many timestamps as sentences", "download it again")
        out[video] = [
            _segment(time, sentence, f"{path}: video '{video}', segment {number}")
            for number, (time, sentence) in enumerate(zip(times, sentences, strict=True))
        ]
    return out


def read_youcook2(path: Path, subset: str) -> dict[str, list[Segment]]:
    """YouCook2's json as video -> segments, for the videos of ``subset`` (``"training"`` or ``"validation"``).

    Raises:
        DataError: another schema; the message names the video.
    """
    content = read_json(path)
    database = content.get("database") if isinstance(content, dict) else None
    out = {}
    for video, entry in _videos(database, path).items():
        if entry.get("subset") != subset:
            continue
        steps = entry.get("annotations")
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            raise DataError(f"{path}: video '{video}'", "has no list of annotations", "download it again")
        out[video] = [
            _segment(step.get("segment"), step.get("sentence"), f"{path}: video '{video}', segment {number}")
            for number, step in enumerate(steps)
        ]
    if not out:
        raise DataError(path, f"has no video of the subset '{subset}'", "download it again")
    return out


def _videos(content: object, path: Path) -> Mapping[str, Any]:
    if not isinstance(content, dict) or not content:
        raise DataError(path, "holds no object of videos", "download it again")
    for video, entry in content.items():
        if not isinstance(entry, dict):
            raise DataError(f"{path}: video '{video}'", f"is a {type(entry).__name__}", "download it again")
    return content


def _segment(time: object, sentence: object, where: str) -> Segment:
    if not isinstance(time, list) or len(time) != 2 or not all(isinstance(second, int | float) for second in time):
        raise DataError(where, f"has no two times but {time!r}", "give [begin, end] in seconds")
    return Segment(min(time), max(time), one_line(sentence, where))  # a few of ActivityNet's stand the wrong way round


def dense_dataset(
    name: str,
    split: str,
    source: DataSource,
    path: Path,
    segments: Mapping[str, Sequence[Segment]],
    unit: str,
    official: tuple[int, ...],
) -> RetrievalDataset:
    """Videos with joined captions or with one a sentence, or segments as clips of their own. ``official`` counts the
    default ``unit``."""
    chosen = source.options.get("unit", unit)
    check_choice(f"option 'unit' of {name}", chosen, UNITS)
    number = official if chosen == unit else ()
    if chosen == "video":
        captions = {video: [" ".join(step.sentence for step in steps)] for video, steps in segments.items() if steps}
        return captioned_dataset(name, split, source, Listing(list(segments), captions, path, path, number))
    if chosen == "sentence":
        captions = {video: [step.sentence for step in steps] for video, steps in segments.items() if steps}
        number = official if unit == "video" else number  # as many videos
        return captioned_dataset(name, split, source, Listing(list(segments), captions, path, path, number))
    captions = {
        f"{video}/{place}": [step.sentence] for video, steps in segments.items() for place, step in enumerate(steps)
    }
    listing = Listing(list(captions), captions, path, path, number)
    return captioned_dataset(name, split, source, listing, lambda store: SegmentFeatures(store, segments))


class SegmentFeatures:
    """Features of segments ``video/3``: the store's clip of that name, or the frames of the whole video between two
    times."""

    def __init__(self, store: FeatureStore, segments: Mapping[str, Sequence[Segment]]) -> None:
        self.store, self.segments = store, segments

    def __contains__(self, name: object) -> bool:
        return name in self.store or str(name).rpartition("/")[0] in self.store

    def video_graphs(self, names: Sequence[str]) -> GraphStore[VideoGraph]:
        """The graphs of segments, in order."""
        return GraphStore.from_graphs(self._graph(name) for name in names)

    def _graph(self, name: str) -> VideoGraph:
        if name in self.store:
            return self.store.video_graph(name)
        video, _, number = name.rpartition("/")
        segment = self.segments[video][int(number)]
        graph = between(self.store.video_graph(video), segment.begin, segment.end)
        graph.name = name
        return graph
