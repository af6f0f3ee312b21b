"""What the fault list works on, made once: clips, captions, a store, a checkpoint; and digests of what is read."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib.fault_runs import Child, command

RIGHT = ("ok", "refused", "remade", "told")
SHORT = ("lost", "silent", "traceback", "crash", "hang", "memory", "left")
Outcome = tuple[str, str]
"""What became of a trial, and a detail."""
Trial = tuple[str, str, str]
"""A row of the table, outcome, detail. Outcomes that are right: ``ok``, ``refused`` (said in a line), ``remade``,
``told`` (a warning). Outcomes that fall short: ``lost``, ``silent``, ``traceback``, ``crash``, ``hang``, ``memory``,
``left`` (files of dead runs stay)."""
Unit = tuple[str, Callable[[Path], Iterator[Trial]]]
"""Trials that are done, or done again, together: their name, and what tries them in an empty folder."""
CLIPS = 20  # of MovingScenes, the fewest it makes


def shortfall(outcome: str) -> str:
    """How a run fell short that should have ended well."""
    return outcome if outcome in SHORT else "lost"


class Material:
    """Clips, captions, checkpoints and a store, made once in a folder.

    Args:
        folder: where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache, self.clips, self.captions = folder / "cache", folder / "clips", folder / "captions.txt"
        self.store, self.run, self.checkpoint = folder / "store", folder / "run", folder / "run" / "best.ckpt"
        self.for_search, self.home = folder / "search.ckpt", folder / "home"

    def make(self, commit: str) -> None:
        """Make all of it by this commit's code, unless it is there."""
        whole = self.folder / "whole"
        if whole.is_file() and whole.read_text() == commit:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for call in (
            self._write_clips,
            command("extract", self.clips, "--out", self.store, "--frames", "4"),
            command(*self.train(self.run)),
            self._write_for_search,
            self._compile,
        ):
            ended = Child(call).wait()
            if ended.code:
                raise RuntimeError(f"no material: {ended.text}")
        words = random.Random(0)
        subjects, verbs, objects = (
            "a man|a woman|two dogs".split("|"),
            "cuts|throws|plays".split("|"),
            "a ball|it".split("|"),
        )
        lines = [" ".join(map(words.choice, (subjects, verbs, objects))) + f" {number}" for number in range(600)]
        self.captions.write_text("\n".join(lines) + "\n")
        whole.write_text(commit)

    def scenes(self, split: str) -> Any:
        """A split of MovingScenes."""
        from graphvtr.datasets.moving_scenes import MovingScenes

        return MovingScenes(self.cache, split, num_clips=CLIPS, progress=False)

    def _write_clips(self) -> None:
        from graphvtr.datasets.moving_scenes.clips import write_clips

        write_clips(self.clips, [self.scenes("train")], size=64, progress=False)

    def _write_for_search(self) -> None:
        """A checkpoint, not trained, of a model that reads the store's features."""
        from graphvtr.nn import HGR
        from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint
        from graphvtr.text import Vocabulary
        from graphvtr.video import FeatureStore

        store = FeatureStore.open(self.store)
        width = store.widths["frame_x"]
        words = Vocabulary.from_captions([["a", "man", "cuts", "ball"]])
        torch.manual_seed(0)
        info = CheckpointInfo("hgr", video_dim=width, provenance=store.provenance.to_dict())
        model = HGR(len(words), width, hidden=16, word_dim=8, num_layers=1)
        save_checkpoint(self.for_search, model, words, info)

    def _compile(self) -> None:
        """Kernels in a cache folder that every piece begins with: a compilation costs more than most trials."""
        from graphvtr.ops.native_build import library

        self.home.mkdir()
        os.environ["GRAPHVTR_CACHE"] = str(self.home)
        library.cache_clear()
        library()

    def train(self, out: Path, *flags: str) -> list[object]:
        """Arguments of a short training."""
        options = {"num_clips": CLIPS, "progress": False}
        return [
            "train",
            "hgr",
            "--data",
            "moving_scenes",
            "--root",
            self.cache,
            "--options",
            json.dumps(options),
            "--out",
            out,
            "--epochs",
            "6",
            "--batch_size",
            "16",
            "--device",
            "cpu",
            "--progress",
            "false",
            "--model.hidden",
            "16",
            "--model.word_dim",
            "8",
            "--model.num_layers",
            "1",
            *flags,
        ]


def digest(value: object) -> str:
    """Of tensors and plain values, whatever files they were in."""
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(
            value.contiguous().numpy().tobytes() + str((value.dtype, value.shape)).encode()
        ).hexdigest()
    if isinstance(value, dict):
        value = {str(key): digest(item) for key, item in value.items()}
    elif isinstance(value, (list, tuple)):
        value = [digest(item) for item in value]
    elif isinstance(value, bytes):
        value = hashlib.sha256(value).hexdigest()
    return json.dumps(value, sort_keys=True, default=str)
