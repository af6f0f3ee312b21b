"""Run by test_distributed.py: ``python -m tests.tasks.train_ranks OUT DEVICES`` trains HGR on a small collection."""

from __future__ import annotations

import sys

from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import Vocabulary
from tests.every_model import collection, small

if __name__ == "__main__":
    train, val = collection(), collection(7, seed=1)
    vocabulary = Vocabulary.from_captions(train.words())
    options = TrainOptions(epochs=2, batch_size=6, lr=1e-2, device="cpu", devices=int(sys.argv[2]))
    result = fit(small("hgr", vocabulary), vocabulary, train, val, sys.argv[1], options, config="it: is written")
    print("scores", result.scores)
