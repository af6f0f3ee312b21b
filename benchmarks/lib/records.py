"""What the repository keeps of a finished run, with which a study goes on on another machine.

A run's checkpoint and scores stay in the cache of the machine that trained it; the ranks of its queries are small, and
every recall, interval and paired difference comes from them. A record is a safetensors file of 40 KB at 20,000
captions: ranks of each scored split, what was measured of the model besides (margins of pairs, gates), and, as its
metadata, what the run was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from graphvtr.atomic import write_tensors

SIDES = ("t2v", "v2t")


@dataclass(frozen=True)
class TrialResult:
    """One finished run, on the machine that trained it.

    Args:
        scores: split -> scores [Nv, Nt] of the epoch with the best validation rsum.
        val_rsum: of every epoch.
        seconds: of training, over all tries.
        checkpoint: of the best epoch.
        commit: the code that trained it.
        diverged: why the run ended before its time, None of one that did not.
    """

    scores: dict[str, Tensor]
    val_rsum: list[float]
    seconds: float
    checkpoint: Path
    commit: str = "unknown"
    diverged: str | None = None


@dataclass(frozen=True)
class Record:
    """What is kept of a finished run.

    Args:
        about: trial, seed, val_rsum of every epoch, seconds, commit, parameters, options.
        ranks: split -> ranks of its captions and of its videos, from 1: of the first right item among all.
        measured: name -> what else was measured of the trained model.
    """

    about: dict[str, Any]
    ranks: dict[str, tuple[Tensor, Tensor]]
    measured: dict[str, Tensor] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        tensors = {f"measured/{name}": value.contiguous() for name, value in self.measured.items()}
        for split, both in self.ranks.items():
            for side, ranks in zip(SIDES, both, strict=True):
                tensors[f"ranks/{split}/{side}"] = ranks.to(torch.int16 if ranks.max() < 2**15 else torch.int32)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(path, tensors, {"about": json.dumps(self.about)})

    @classmethod
    def load(cls, path: Path) -> Record:
        """Read what :meth:`save` wrote."""
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        splits = {name.split("/")[1]: None for name in tensors if name.startswith("ranks/")}
        ranks = {split: tuple(tensors[f"ranks/{split}/{side}"].double() for side in SIDES) for split in splits}
        head = "measured/"
        measured = {name.removeprefix(head): value for name, value in tensors.items() if name.startswith(head)}
        return cls(about, ranks, measured)  # type: ignore[arg-type]
