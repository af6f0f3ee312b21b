"""Fine-grained binary selection (HGR, Table 6): of two captions that differ in one thing, which fits, by kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.lib.runs import with_seeds
from benchmarks.lib.tables import print_shares
from graphvtr.metrics import percentiles
from graphvtr.tasks.binary import TIE, BinaryPair
from graphvtr.text.pairs import KINDS


def accuracies(margins: list[Tensor], pairs: list[BinaryPair], samples: int = 1000) -> dict[str, Any]:
    """Mean over seeds of each kind and of their average, with intervals over seeds and clips."""
    clips = {video: row for row, video in enumerate(dict.fromkeys(pair.video for pair in pairs))}
    cell = np.array([clips[pair.video] * len(KINDS) + KINDS.index(pair.kind) for pair in pairs])
    shape, size = (len(clips), len(KINDS)), len(clips) * len(KINDS)
    count = np.bincount(cell, minlength=size).reshape(shape)
    hits = np.stack([np.bincount(cell, (one > TIE).numpy(), size).reshape(shape) for one in margins])
    drawn = np.random.default_rng(0).multinomial(len(clips), np.full(len(clips), 1 / len(clips)), samples)
    shares = 100 * (drawn @ hits) / (drawn @ count)  # [seeds, samples, kinds]
    values = 100 * hits.sum(1) / count.sum(0)  # [seeds, kinds]
    found: dict[str, Any] = {
        kind: {
            "value": float(values[:, place].mean()),
            "interval": percentiles(with_seeds(shares[:, :, place])),
            "pairs": int(count[:, place].sum()),
        }
        for place, kind in enumerate(KINDS)
    }
    found["average"] = {
        "value": float(values.mean()),
        "interval": percentiles(with_seeds(shares.mean(2))),
        "seeds": values.mean(1).tolist(),
    }
    return found


def print_rows(title: str, rows: dict[str, dict[str, Any]]) -> None:
    """A column a kind."""
    print(f"\n{title}")
    print_shares({name: {kind: row[kind] for kind in (*KINDS, "average")} for name, row in rows.items()})
