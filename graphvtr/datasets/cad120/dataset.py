"""CAD120Graphs: region graphs from the annotation of real videos; no pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.cad120.annotations import Annotations, LabelledClip, Recording
from graphvtr.datasets.cad120.captions import captions_of
from graphvtr.datasets.cad120.graphs import build_graph
from graphvtr.datasets.cad120.units import Unit, make_units
from graphvtr.datasets.parsing import parse_with
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore
from graphvtr.text import pack

SPLITS = ("train", "val", "test", "trainval", "all")
DEFAULT_FEATURES = ("category", "geometry", "motion", "state")


class CAD120Graphs(RetrievalDataset):
    """CAD-120 (Koppula et al. 2013) as region graphs: real boxes, tracks, relations and states, frame by frame.

    Four persons arrange, stack and clean objects, have meals, use a microwave. The annotation (Zhuo et al. 2019,
    "Explainable Video Action Reasoning via Prior Knowledge and State Transitions"; ``annotations.zip`` of
    https://github.com/visiontao/evar) holds boxes and tracks of hands, heads and objects in 124 videos, relations of
    pairs (holding, contacting, containing and their opposites), states (open, closed), and 551 labelled clips, of
    which 161 show nothing (``null``) and are left out. Actions of the same things differ only by relation and order:
    *pick* and *place*, *open* and *close*, *microwave* and *take*.

    Graphs have, beside the fields of :class:`~graphvtr.graphs.VideoGraph`:

    =====================================  ===============================================================
    ``region.x`` [R, 13+5+4+2]             the chosen ``features``
    ``region.track`` [R]                   the object, counted within its video
    ``('region','relation','region')``     annotated relations of the frame with ``kind`` [E], ids of
                                           :data:`RELATIONS`
    ``frame.x`` [T, 52]                    for each of 13 categories: number of regions, mean centre, mean speed
    =====================================  ===============================================================

    ``features`` are ``category`` (one-hot, 13), ``geometry`` (centre, width, height, area), ``motion`` (tenfold change
    of centre, width and height since the object was last seen), ``state`` (closed, open: 2) and ``relation`` (which
    of the six relations the region takes part in). Without ``state`` only the hands tell *open* from *close*; with
    ``relation`` little is left to be found.

    Captions come from the labels of actions, objects and activities by templates, with their role graphs: five
    for one or two actions, three for longer videos. Clips of which the same is true have the same captions;
    evaluate with ``duplicates="one"`` so that each of them counts.

    Official splits leave one person out (``fold`` 1 to 4: Subject1, 3, 4, 5 are tested); ``trainval`` is the
    official training list. As it names no validation part, ``val`` is a tenth of it: of every activity the last
    video of one of the three persons in turn; ``train`` is the rest.

    ======  =====  ========  ==========  ====================================
    unit    clips  captions  distinct    train / val / test clips of fold 1
    ======  =====  ========  ==========  ====================================
    action  390    1,950     183         250 / 34 / 106
    pair    292    1,460     335         184 / 26 / 82
    video   98     344       207         66 / 8 / 24
    ======  =====  ========  ==========  ====================================

    Args:
        root: folder with ``annotations.zip``, or with ``annotations/`` unpacked.
        split: ``"train"``, ``"val"``, ``"test"``, ``"trainval"`` or ``"all"``.
        fold: 1 to 4.
        unit: what a clip is: one ``"action"``, a ``"pair"`` of consecutive ones, or a whole ``"video"``.
        num_frames: frames of a graph, at equal distance over the clip (fewer where the clip has fewer); None for
            all.
        features: parts of ``region.x``.
        relations: give the graphs relation edges.
        frames_per_second: of the videos, for ``frame.time`` (30, the rate of the camera; the annotation does not
            say).

    Raises:
        DataError: the annotation is missing or damaged (the message says what to put where), an unknown split,
            fold, unit or feature.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        *,
        fold: int = 1,
        unit: str = "action",
        num_frames: int | None = 16,
        features: Sequence[str] = DEFAULT_FEATURES,
        relations: bool = True,
        frames_per_second: float = 30.0,
    ) -> None:
        check_split("cad120", split, SPLITS)
        if fold not in (1, 2, 3, 4):
            raise DataError("fold", f"is {fold}", "choose 1, 2, 3 or 4")
        if num_frames is not None and num_frames < 1:
            raise DataError("num_frames", f"is {num_frames}", "give 1 or more, or None for all")
        annotations, recordings, clips = _load(Path(root).resolve())
        names = _videos_of(annotations, recordings, split, fold)
        self.units: list[Unit] = make_units({name: recordings[name] for name in names}, clips, unit)
        """What each clip is: its recording, frames and actions."""
        sentences = [captions_of(item) for item in self.units]
        owner = [position for position, captions in enumerate(sentences) for _ in captions]
        super().__init__(
            "cad120",
            split,
            [item.name for item in self.units],
            [sentence.caption for captions in sentences for sentence in captions],
            torch.tensor(owner),
            GraphStore.from_graphs(
                build_graph(item, num_frames, features, frames_per_second, relations) for item in self.units
            ),
            pack(sentence for captions in sentences for sentence in captions),
        )
        told = {"features": list(features), "relations": relations, "frames_per_second": frames_per_second}
        self.features = {
            "features": {"name": "cad120", "version": "1", "settings": told},
            "frames": {"num_frames": num_frames},
        }


@lru_cache(maxsize=2)  # 20 MB of JSON; splits and folds of one run share it
def _load(root: Path) -> tuple[Annotations, dict[str, Recording], list[LabelledClip]]:
    annotations = Annotations(root)
    recordings, clips = annotations.recordings(), annotations.clips()
    unknown = sorted({clip.recording for clip in clips} - recordings.keys())
    if unknown:
        raise DataError(
            f"{annotations.path}: video_clips.txt: video '{unknown[0]}'",
            f"has no boxes ({len(unknown)} videos lack them)",
            "download the annotation again",
        )
    return annotations, recordings, clips


def _videos_of(annotations: Annotations, recordings: dict[str, Recording], split: str, fold: int) -> list[str]:
    """Names of the videos of a split, sorted."""
    if split == "all":
        return sorted(recordings)
    subjects = annotations.fold(fold, "test" if split == "test" else "train")
    videos = sorted(name for name, recording in recordings.items() if recording.subject in subjects)
    if split in ("test", "trainval"):
        return videos
    held_out = set()
    for position, activity in enumerate(sorted({recordings[name].activity for name in videos})):
        subject = subjects[position % len(subjects)]
        chosen = [name for name in videos if name.startswith(f"{subject}/{activity}/")]
        held_out.update(chosen[-1:])
    return [name for name in videos if (name in held_out) == (split == "val")]


OPTIONS = ("fold", "unit", "num_frames", "features", "relations", "frames_per_second")


@DATASETS.register("cad120")
def cad120(split: str, source: DataSource) -> RetrievalDataset:
    """CAD120Graphs by name: ``source.root`` holds ``annotations.zip``; ``source.options`` may hold ``fold``,
    ``unit``, ``num_frames``, ``features``, ``relations``. With ``source.parser`` captions are parsed instead of
    taking the role graphs of their templates.

    Raises:
        DataError: an unknown option, or what :class:`CAD120Graphs` raises.
    """
    unknown = sorted(set(source.options) - set(OPTIONS))
    if unknown:
        raise DataError(f"option '{unknown[0]}' of cad120", "unknown", f"known: {', '.join(OPTIONS)}")
    dataset = CAD120Graphs(source.need_root("cad120"), split, **source.options)
    if source.parser is not None:
        dataset.role_graphs, dataset.parser = parse_with(dataset.captions, source)
    return dataset
