"""The MSR-VTT subset: where its files and stores lie, its splits, the runs on them.

A subset: 3,151 / 244 / 1,032 of 6,513 / 497 / 2,990 videos, 2 to 6 still frames each. No figure compares with
published MSR-VTT, and every table says so. No choice is ever made on test videos.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib.paths import CACHE, DATA, RESULTS
from benchmarks.lib.trial import Trial
from benchmarks.lib.trials import Measure, Trials
from benchmarks.lib.tune import Tuned, settled, tuned
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.tasks import make_vocabulary
from graphvtr.text.word_vectors import load_word_vectors
from graphvtr.video import build_detector, build_featurizer, extract

NOTE = "subset of MSR-VTT, 3,151 / 244 / 1,032 videos of 2 to 6 frames: no figure compares with published ones"
DETECTORS = {"yolox_nano": "yolox_nano/yolox_nano.onnx", "fastestdet": "fastestdet/FastestDet.onnx"}
TUNED = "yolox_nano"
"""The detector on whose regions settings are tried, for those of any."""
FEATURES = "efficientnet_lite0"
WORDS = {"minilm": "MiniLM", "glove": "GloVe"}
"""What models read with, and its name in tables."""
REGIONS = 12
QUICK = {"videos": 60, "captions": 2}
"""What a run reads that only shows that all works."""
BUDGET = 4
"""Settings that are tried for each row."""
FEW = 5
"""Captions of a validation video that judge settings and the smaller runs of a curve, in place of twenty: half of such
a run was their encoding."""


def root() -> Path:
    """The annotation, unzipped once."""
    folder = CACHE / "msrvtt_root"
    if not (folder / "test_videodatainfo.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("test_videodatainfo.json.zip", "train_val_annotation.zip"):
            with zipfile.ZipFile(DATA / "msrvtt" / name) as file:
                file.extractall(folder)
    return folder


def store(detector: str | None = None, of: str = "msrvtt") -> Path:
    """The feature store, extracted where it is not whole (of MSR-VTT 10 CPU minutes; with a detector 30).

    Args:
        detector: of regions, see :data:`DETECTORS`; None for frames alone.
        of: a folder of the data, whose ``video`` is read.
    """
    path = CACHE / f"{of}_{detector or FEATURES}"
    boxes = None if detector is None else build_detector(DATA / "detectors" / DETECTORS[detector], num_regions=REGIONS)
    extract(DATA / of / "video", path, build_featurizer(FEATURES), detector=boxes, num_frames=20)
    return path


def splits(
    path: Path,
    *,
    videos: int | None = None,
    captions: int | None = None,
    val_captions: int | None = None,
    test: bool = True,
) -> dict[str, RetrievalDataset]:
    """The splits of the subset.

    Args:
        path: feature store.
        videos: the first n training videos in an order drawn once, and of so few as in a quick run (:data:`QUICK`) no
            more of the other splits; None takes all.
        captions: training captions a video; None takes all twenty.
        val_captions: the same of the validation split.
        test: whether the test split is needed.
    """
    made = {"train": split(path, "train", captions), "val": split(path, "val", val_captions)}
    if test:
        made["test"] = split(path, "test")
    if videos is not None:
        made["train"] = _drawn(made["train"], videos, 0)
        if videos <= QUICK["videos"]:
            made |= {
                name: one.index_select(one.video_of_caption < videos) for name, one in made.items() if name != "train"
            }
    return made


def split(path: Path, name: str, captions: int | None = None) -> RetrievalDataset:
    """One split, with at most so many captions a video."""
    own = {} if captions is None else {"max_captions": captions}
    return build_dataset("msrvtt", name, DataSource(root=root(), store=path, options=own))


def note_of(arguments: argparse.Namespace) -> str:
    """What a reader of a file of results must know."""
    return f"{NOTE}; {arguments.captions} training captions a video, one drawn an epoch"


def size_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the commands' options ``quick`` and ``captions`` say of the training split."""
    return QUICK if arguments.quick else {"videos": None, "captions": arguments.captions}


def tuning(arguments: argparse.Namespace, all_trials: dict[str, Trials]) -> dict[str, Trials]:
    """The runs whose settings are tried: those themselves, or for another detector's regions those on :data:`TUNED`'s.

    Args:
        arguments: of the command.
        all_trials: of the study, by their words.
    """
    if not arguments.regions or arguments.quick or arguments.detector == TUNED:
        return all_trials
    size, path = size_of(arguments), store(TUNED)
    found = splits(path, **size)
    return {words: trials(study(TUNED), found, path, words, **size) for words in all_trials}


def study(detector: str | None = None, quick: bool = False) -> str:
    """Folder of the runs on frames, or on the regions of a detector."""
    if quick:
        return "msrvtt_quick"
    return "msrvtt_real" if detector is None else f"msrvtt_real_{detector}"


def parts(trials: Trials) -> dict[str, RetrievalDataset]:
    """What settings are tried on: a third of the training videos, drawn once, and :data:`FEW` validation captions each.

    The rows of frames and MiniLM words, which were tuned first, were judged on all of them.
    """
    train = trials.splits["train"]
    found = {"train": _drawn(train, len(train.videos) // 3, 1)}
    name = trials.data["store"]
    if trials.vectors is not None or not name.endswith(FEATURES):
        found["val"] = split(CACHE / name, "val", FEW)
    return found


def _drawn(train: RetrievalDataset, count: int, seed: int) -> RetrievalDataset:
    chosen = torch.randperm(len(train.videos), generator=torch.Generator().manual_seed(seed))[:count]
    return train[torch.isin(train.video_of_caption, chosen).nonzero().squeeze(1).tolist()]


def chosen(
    trials: Trials, rows: dict[str, Trial], budget: int = BUDGET, train: Collection[str] = ()
) -> dict[str, Tuned]:
    """The best settings of the rows whose candidates have all been tried, slower ones too if they are there.

    Args:
        trials: of the whole study.
        rows: all of it, as they stand.
        budget: candidates a row.
        train: the rows of which what is missing is trained; nothing else is.
    """
    found = tuned(trials, parts(trials), rows.values(), budget, train)
    return {name: settled(trials, one, name in train) for name, one in found.items()}


def trials(
    study: str,
    found: dict[str, RetrievalDataset],
    path: Path,
    words: str,
    measure: Mapping[str, Measure] | None = None,
    **data: Any,
) -> Trials:
    """The runs of a study on some splits; those of a whole study have records in the repository.

    Args:
        study: folder of the runs.
        found: of :func:`splits`.
        path: the store they are from.
        words: ``"glove"`` starts learned words from GloVe, ``"minilm"`` has none.
        measure: what is measured of each run besides.
        **data: what else decides the splits.
    """
    vectors = load_word_vectors("glove-package") if words == "glove" else None
    about = {"dataset": "msrvtt subset", "store": path.name, **data}
    quick = study.endswith("quick")
    if quick:
        about["val"] = len(found["val"].videos)
    score = [name for name in ("val", "test") if name in found]
    return Trials(
        study,
        found,
        make_vocabulary(found["train"], 3),
        data=about,
        score=score,
        vectors=vectors,
        records=None if quick else RESULTS / "runs" / study,
        measure=measure,
    )
