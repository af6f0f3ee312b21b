"""What the fault list works on, made once: clips, captions, a store, a checkpoint; and digests of what is read."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib.fault_runs import Child, command

RIGHT = ("ok", "refused", "remade", "told")
SHORT = ("lost", "silent", "traceback", "crash", "hang", "memory", "left")
Trial = tuple[str, str, str]
"""Name, outcome, detail. Outcomes that are right: ``ok``, ``refused`` (said in a line), ``remade``, ``told`` (a
warning). Outcomes that fall short: ``lost``, ``silent``, ``traceback``, ``crash``, ``hang``, ``memory``, ``left``
(files of dead runs stay)."""
CLIPS = 20  # of MovingScenes, the fewest it makes


class Material:
    """Clips, captions, a checkpoint and a store, made once in a folder.

    Args:
        folder: where; what is there is used again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kind = ""  # only kinds whose name begins so are tried
        self.cache, self.clips, self.captions = folder / "cache", folder / "clips", folder / "captions.txt"
        self.store, self.run, self.checkpoint = folder / "store", folder / "run", folder / "run" / "best.ckpt"
        if (folder / "whole").is_file():
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for call in (
            self._write_clips, command("extract", self.clips, "--out", self.store, "--frames", "4"),
            command(*self.train(self.run)),
        ):  # fmt: skip
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
        (folder / "whole").touch()

    @property
    def for_search(self) -> Path:
        """A checkpoint, not trained, of a model that reads the store's features."""
        path = self.folder / "search.ckpt"
        if not path.is_file():
            from graphvtr.nn import HGR
            from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint
            from graphvtr.text import Vocabulary
            from graphvtr.video import FeatureStore

            store = FeatureStore.open(self.store)
            width = store.widths["frame_x"]
            words = Vocabulary.from_captions([["a", "man", "cuts", "ball"]])
            torch.manual_seed(0)
            info = CheckpointInfo("hgr", video_dim=width, provenance=store.provenance.to_dict())
            save_checkpoint(path, HGR(len(words), width, hidden=16, word_dim=8, num_layers=1), words, info)
        return path

    def scenes(self, split: str) -> Any:
        """A split of MovingScenes."""
        from graphvtr.datasets.moving_scenes import MovingScenes

        return MovingScenes(self.cache, split, num_clips=CLIPS, progress=False)

    def _write_clips(self) -> None:
        from graphvtr.datasets.moving_scenes.clips import write_clips

        write_clips(self.clips, [self.scenes("train")], size=64, progress=False)

    def train(self, out: Path, *flags: str) -> list[object]:
        """Arguments of a short training."""
        options = {"num_clips": CLIPS, "progress": False}
        return [
            "train", "hgr", "--data", "moving_scenes", "--root", self.cache, "--options", json.dumps(options),
            "--out", out, "--epochs", "6", "--batch_size", "16", "--device", "cpu", "--progress", "false",
            "--model.hidden", "16",
            "--model.word_dim", "8", "--model.num_layers", "1", *flags,
        ]  # fmt: skip


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
