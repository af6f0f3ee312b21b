"""Generated splits on disk: graph stores and JSON lines in a folder named by their settings."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.atomic import sweep, whole
from graphvtr.cache_folder import cache_folder
from graphvtr.datasets.moving_scenes.generate import FRAMES_PER_SECOND, UNSEEN, ClipData, make_clips, write_scripts
from graphvtr.datasets.moving_scenes.world import WORLD_VERSION
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.reading import DATA, need, parse_json, read_json, read_text
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.packing import pack
from graphvtr.values import plain_fields
from graphvtr.video import FEATURIZERS
from graphvtr.video.features import FrameFeaturizer, build_featurizer

PIECE = 2**20
logger = logging.getLogger(__name__)

THUMBNAIL = "thumbnail"
STORES = {"video_graphs": VideoGraph, "role_graphs": RoleGraph, "negative_graphs": RoleGraph}
FILES = ("clips.jsonl", "negatives.jsonl", *(f"{name}.safetensors" for name in STORES))


@dataclass(frozen=True)
class Settings:
    """What the clips depend on; see :class:`~graphvtr.datasets.moving_scenes.MovingScenes`.

    Raises:
        DataError: a value out of range, or unknown features.
    """

    num_clips: int = 2000
    seed: int = 0
    num_frames: int = 16
    distractors: int | None = None
    features: str = THUMBNAIL
    twins: bool = False
    weather: float = 0.0

    def __post_init__(self) -> None:
        plain_fields(self)
        for field, value, low, high in (
            ("num_clips", self.num_clips, 20, 1_000_000),
            ("seed", self.seed, 0, 2**32 - 1),
            ("num_frames", self.num_frames, 12, 256),
            ("distractors", 0 if self.distractors is None else self.distractors, 0, 8),
        ):
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise DataError(f"moving_scenes: {field}", f"is {value!r}", f"give a whole number from {low} to {high}")
        if not 0 <= self.weather <= 1:
            raise DataError("moving_scenes: weather", f"is {self.weather!r}", "give a share from 0 to 1")
        if self.features != THUMBNAIL:
            FEATURIZERS[self.features]  # names the known ones if this is none

    def featurizer(self) -> FrameFeaturizer | None:
        """The frame featurizer, None for thumbnails."""
        return None if self.features == THUMBNAIL else build_featurizer(self.features)

    def features_record(self) -> dict[str, Any]:
        """What made the features, as a feature store tells it."""
        featurizer = self.featurizer()
        made_by = {
            "name": self.features,
            "version": WORLD_VERSION if featurizer is None else featurizer.version,
            "settings": {} if featurizer is None else dict(featurizer.settings),
        }
        return {"features": made_by, "frames": {"num_frames": self.num_frames}}

    def manifest(self, split: str) -> dict[str, Any]:
        """All that the files of a split depend on, as plain values."""
        featurizer = self.featurizer()
        version = None if featurizer is None else f"{featurizer.version} {json.dumps(dict(featurizer.settings))}"
        later = ("twins", "weather")  # came after the first caches: what they leave out is as it was
        own = {name: value for name, value in asdict(self).items() if name not in later or value}
        return {
            "format": "graphvtr.MovingScenes",
            "version": WORLD_VERSION,
            "split": split,
            "featurizer": version,
            **own,
        }


@dataclass(frozen=True)
class SplitFiles:
    """What is on disk for a split.

    Args:
        clips: one dict a clip: its script, and its captions with text and template.
        negatives: one dict a negative: video, positive, negative, kind, and the positive's place among the captions.
        video_graphs: one a clip.
        role_graphs: one a caption.
        negative_graphs: one a negative.
    """

    clips: list[dict[str, Any]]
    negatives: list[dict[str, Any]]
    video_graphs: GraphStore[VideoGraph]
    role_graphs: GraphStore[RoleGraph]
    negative_graphs: GraphStore[RoleGraph]


def load_or_make(
    settings: Settings, split: str, root: str | Path | None, *, workers: int | None, progress: bool
) -> SplitFiles:
    """The files of a split: read where they are whole and of these settings, else made. A default folder that cannot be
    written stops nobody: they are then made in a temporary one, as long as the process lives."""
    manifest = settings.manifest(split)
    key = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
    base = cache_folder() if root is None else Path(root)
    folder = base / "moving_scenes" / f"{split}-{key}"
    if folder.exists():
        try:
            return read_split(folder, manifest)
        except (DataError, OSError, ValueError, KeyError) as error:
            logger.warning("%s cannot be used and is made again: %s", folder, error)
    sweep(folder)
    try:
        with whole(folder) as partial:
            partial.mkdir()
            write_split(partial, settings, manifest, split, workers=workers, progress=progress)
            shutil.rmtree(folder, ignore_errors=True)
    except DataError as error:
        if not folder.exists():  # else another process was quicker, with the same bytes
            if root is not None or not isinstance(error.__cause__, OSError):
                raise
            logger.warning("%s; the clips are made for this run alone", error)
            return load_or_make(settings, split, _temporary().name, workers=workers, progress=progress)
    return read_split(folder, manifest)


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the process."""
    return tempfile.TemporaryDirectory(prefix="graphvtr-")


def write_split(
    folder: Path, settings: Settings, manifest: dict[str, Any], split: str, *, workers: int | None, progress: bool
) -> None:
    """Make the clips of a split and write its files into ``folder``."""
    scripts = write_scripts(settings.num_clips, settings.seed, settings.distractors, settings.twins)[split]
    featurizer = settings.featurizer()
    videos: list[VideoGraph] = []
    captions: list[GraphLists] = []
    wrong: list[GraphLists] = []
    clips: list[dict[str, Any]] = []
    negatives: list[dict[str, Any]] = []
    for clip in make_clips(
        scripts,
        num_frames=settings.num_frames,
        unseen=split == UNSEEN,
        keep_frames=featurizer is not None,
        weather=settings.weather,
        workers=workers,
        progress=progress,
    ):
        videos.append(video_graph(clip, featurizer))
        for kind, position, lists in clip.negatives:
            positive = clip.captions[position][0].caption
            negatives.append(
                {
                    "video": clip.script.name,
                    "positive": positive,
                    "negative": lists.caption,
                    "kind": kind,
                    "caption": len(captions) + position,
                }
            )
            wrong.append(lists)
        captions += [lists for lists, _ in clip.captions]
        told = [{"text": lists.caption, "template": template} for lists, template in clip.captions]
        clips.append({"script": clip.script.to_dict(), "captions": told})
    store = GraphStore.from_graphs(videos)
    for node_type in ("frame", "region"):  # half precision is ample for 8-bit pictures and halves the files
        tensors = store.nodes[node_type].tensors
        tensors["x"] = tensors["x"].half()
    store.save(folder / "video_graphs.safetensors")
    for name, lists_of_all in (("role_graphs", captions), ("negative_graphs", wrong)):
        pack(lists_of_all).save(folder / f"{name}.safetensors")
    _write_lines(folder / "clips.jsonl", clips)
    _write_lines(folder / "negatives.jsonl", negatives)
    content = {**manifest, "crc32": {file.name: _crc32(file) for file in sorted(folder.iterdir())}}
    (folder / "manifest.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def video_graph(clip: ClipData, featurizer: FrameFeaturizer | None = None) -> VideoGraph:
    """The graph of a clip; ``featurizer`` replaces the thumbnails."""
    frame_x: Tensor = torch.from_numpy(clip.frame_x)
    if featurizer is not None:
        assert clip.frames is not None
        frame_x = featurizer(torch.from_numpy(clip.frames))
    regions = clip.regions
    return VideoGraph.build(
        frame_x,
        torch.arange(len(frame_x)) / FRAMES_PER_SECOND,
        region_x=torch.from_numpy(clip.region_x),
        region_box=torch.from_numpy(regions.box),
        region_score=torch.from_numpy(regions.score),
        region_frame=torch.from_numpy(regions.frame),
        region_track=torch.from_numpy(regions.track),
        name=clip.script.name,
    )


def read_split(folder: Path, manifest: dict[str, Any]) -> SplitFiles:
    """Read the files of a split.

    Raises:
        DataError: a file is missing or damaged, or they are of other settings or do not fit each other.
        OSError, ValueError, KeyError: a file cannot be read, is no JSON, lacks a field.
    """
    content = need(read_json(folder / "manifest.json"), folder / "manifest.json", {"crc32": dict})
    sums = content.pop("crc32")
    if content != manifest:
        raise DataError(folder, "is of other settings", "delete it")
    for name in FILES:
        if sums.get(name) != _crc32(folder / name):
            raise DataError(folder / name, "is damaged: its checksum is another", "delete the folder")
    clips, negatives = _read_lines(folder / "clips.jsonl"), _read_lines(folder / "negatives.jsonl")
    stores = {name: GraphStore.load(folder / f"{name}.safetensors") for name in STORES}
    captions = sum(len(clip["captions"]) for clip in clips)
    counts = {"video_graphs": len(clips), "role_graphs": captions, "negative_graphs": len(negatives)}
    for name, store in stores.items():
        if len(store) != counts[name] or store.graph_class is not STORES[name]:
            raise DataError(folder / f"{name}.safetensors", f"does not hold {counts[name]} graphs", "delete the folder")
    for node_type in ("frame", "region"):
        tensors = stores["video_graphs"].nodes[node_type].tensors
        tensors["x"] = tensors["x"].float()
    return SplitFiles(clips, negatives, **stores)


def _crc32(file: Path) -> int:
    crc = 0
    with file.open("rb") as content:
        while piece := content.read(PIECE):
            crc = zlib.crc32(piece, crc)
    return crc


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    lines = read_text(path, limit=DATA).split("\n")
    return [parse_json(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line]
