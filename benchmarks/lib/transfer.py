"""Models on clips of another dataset than the one they were trained on (HGR, Table 2), on real video.

Trained on the MSR-VTT subset, measured on all 98 MSVD clips at hand, or trained on 57 of these and measured on
MSR-VTT's test videos; none of what is measured was trained on or chose anything. The frames are described by the same
network; words that training did not know stay unknown.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping

import torch
from torch import Tensor

from benchmarks.lib import msrvtt
from benchmarks.lib.paths import CACHE, DATA
from benchmarks.lib.runs import Runs, chance_runs, line_of_ranks
from benchmarks.lib.trial import Trial
from benchmarks.lib.trials import Measure, Trials
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.nn import RetrievalModel
from graphvtr.nn.encoders import PretrainedWords
from graphvtr.tasks.baselines import ridge_scores
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import prepare

MSVD = "msvd98"
LISTS = ("train", "val", "test")


def msvd_clips(detector: str | None = None) -> RetrievalDataset:
    """The clips of all three splits as one.

    Args:
        detector: of regions, see :data:`benchmarks.lib.msrvtt.DETECTORS`; None for frames alone.
    """
    root = CACHE / "msvd98_whole"
    if not (root / "test_list.txt").is_file():
        root.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DATA / MSVD / "captions_msvd.json", root / "captions_msvd.json")
        lists = ((DATA / MSVD / f"{split}_list.txt").read_text().split() for split in LISTS)
        (root / "test_list.txt").write_text("\n".join(itertools.chain.from_iterable(lists)) + "\n")
    return build_dataset("msvd", "test", DataSource(root=root, store=msrvtt.store(detector, MSVD)))


def measure_on(clips: RetrievalDataset) -> Measure:
    """Ranks of a model on other clips, those of the captions and then those of the clips."""

    def measure(model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
        split = prepare(clips, model, model.require_vocabulary())
        with torch.inference_mode():
            video, text = encode_videos(model, split.video_graphs), encode_texts(model, split.role_graphs)
            return line_of_ranks(model.similarity(video, text), split.video_of_caption)

    return measure


def baselines_on(clips: RetrievalDataset, trials: Trials, name: str, repeats: int = 20) -> dict[str, Runs]:
    """Chance, and ridge regression from what a study trains on, on other clips.

    Args:
        clips: the others.
        trials: of the study.
        name: of the others, in the record.
        repeats: of chance.
    """
    train, val, owner = trials.splits["train"], trials.splits["val"], clips.video_of_caption
    ridge = trials.closed_form(
        f"ridge, MiniLM, on {name}",
        lambda: ridge_scores(train, val, clips, text=PretrainedWords("minilm")).scores,
        owner,
    )
    return {"chance": chance_runs(owner, len(clips.videos), repeats), "ridge, MiniLM": ridge}


def runs_on(clips: RetrievalDataset, trials: Trials, trial: Trial, seeds: list[int], name: str = MSVD) -> Runs | None:
    """The seeds of a row that were measured on other clips, None where none was."""
    videos, owner = len(clips.videos), clips.video_of_caption
    made = [Runs.of_line(one, videos, owner) for one in trials.measured(trial, seeds, name)]
    return Runs.joined(made) if made else None
