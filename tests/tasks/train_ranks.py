"""Run by test_distributed.py: ``python -m tests.tasks.train_ranks OUT DEVICES`` trains HGR on a small collection."""

from __future__ import annotations

import sys
from pathlib import Path

from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import Vocabulary
from tests.every_model import collection, small


def train_small(out: str | Path, devices: int) -> list[float]:
    """HGR for two epochs; the validation scores."""
    train, val = collection(), collection(7, seed=1)
    vocabulary = Vocabulary.from_captions(train.words())
    options = TrainOptions(epochs=2, batch_size=6, lr=1e-2, device="cpu", devices=devices)
    return fit(small("hgr", vocabulary), vocabulary, train, val, out, options, config="it: is written").scores


if __name__ == "__main__":
    print("scores", train_small(sys.argv[1], int(sys.argv[2])))
