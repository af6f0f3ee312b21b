"""Run by test_distributed.py: ``python -m tests.tasks.train_ranks OUT DEVICES`` trains HGR on a small collection."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import Vocabulary
from tests.every_model import collection, small


def train_small(out: str | Path, devices: int, epochs: int = 2, resume: bool = False) -> list[float]:
    """HGR for a few epochs; the validation scores."""
    train, val = collection(), collection(7, seed=1)
    vocabulary = Vocabulary.from_captions(train.words())
    options = TrainOptions(epochs=epochs, batch_size=6, lr=1e-2, device="cpu", devices=devices)
    model = small("hgr", vocabulary)
    return fit(model, vocabulary, train, val, out, options, resume=resume, config="it: is written").scores


def main(out: str, devices: int) -> None:
    """Train, and print the scores."""
    torch.set_num_threads(1)
    print("scores", train_small(out, devices))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
