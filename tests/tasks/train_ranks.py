"""Run by test_distributed.py: ``python -m tests.tasks.train_ranks OUT DEVICES`` trains HGR on a small collection,
``... OUT every NUMBER`` so many models in double precision, by as many processes as torchrun has started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import Vocabulary
from tests.every_model import CASES, collection, small
from tests.tiny_bert import tiny_bert


def train_small(out: str | Path, devices: int, epochs: int = 2, resume: bool = False) -> list[float]:
    """HGR for a few epochs; the validation scores."""
    train, val = collection(), collection(7, seed=1)
    vocabulary = Vocabulary.from_captions(train.words())
    options = TrainOptions(epochs=epochs, batch_size=6, lr=1e-2, device="cpu", devices=devices)
    model = small("hgr", vocabulary)
    return fit(model, vocabulary, train, val, out, options, resume=resume, config="it: is written").scores


def train_every(out: str, number: str) -> None:
    """The last ``number`` models with their options, an epoch each. In double precision two processes part from one by
    rounding alone, of which Adam and hardest negatives make nothing that is seen."""
    ranks = {name: os.environ.pop(name) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE") if name in os.environ}
    tiny_bert()  # of a group of processes one alone would write it
    os.environ.update(ranks)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    train, val = collection(), collection(7, seed=1)
    vocabulary = Vocabulary.from_captions(train.words())
    training = TrainOptions(epochs=1, batch_size=6, lr=1e-2, device="cpu", logger="none")
    for name, options in CASES[-int(number) :]:
        model, folder = small(name, vocabulary, **options), Path(out) / f"{name}{options or ''}"
        fit(model, vocabulary, train, val, folder, training, progress=False)


def main(out: str, devices: int) -> None:
    """Train, and print the scores."""
    torch.set_num_threads(1)
    # in one piece: two processes write to one pipe, and those of print's several would meet
    sys.stdout.write(f"scores {train_small(out, devices)}\n")


if __name__ == "__main__":
    if sys.argv[2] == "every":
        train_every(sys.argv[1], sys.argv[3])
    else:
        main(sys.argv[1], int(sys.argv[2]))
