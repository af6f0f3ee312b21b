"""What is solved and not trained: ridge regressions and canonical correlation, from word vectors to frames."""

from __future__ import annotations

from collections import Counter

import torch

from benchmarks.lib.runs import Runs
from benchmarks.lib.trials import Trials
from graphvtr.datasets import RetrievalDataset
from graphvtr.nn.encoders import PretrainedWords
from graphvtr.tasks.baselines import canonical_scores, ridge_scores
from graphvtr.text.word_vectors import WordVectors, load_word_vectors

BAG = 2000
"""Words of the bag: more would make the regression's matrices too large."""


def ridges(trials: Trials, refit: bool = True) -> dict[str, Runs]:
    """The closed forms on the test split of a study.

    Args:
        trials: of the study.
        refit: ridge regressions are solved again on training and validation videos together, as a baseline would be
            used; in a learning curve these are more than the training videos.
    """
    train, val, test = (trials.splits[name] for name in ("train", "val", "test"))
    minilm = PretrainedWords("minilm")
    made = {
        "canonical correlation, MiniLM": lambda: canonical_scores(train, val, test, text=minilm),
        "ridge, MiniLM": lambda: ridge_scores(train, val, test, text=minilm, refit=refit).scores,
        "ridge, GloVe": lambda: (
            ridge_scores(train, val, test, vectors=load_word_vectors("glove-package"), refit=refit).scores
        ),
        "ridge, bag of words": lambda: ridge_scores(train, val, test, vectors=frequent(train), refit=refit).scores,
    }
    alone = "" if refit else ", training videos alone"  # another record
    return {name: trials.closed_form(f"{name}{alone}", make) for name, make in made.items()}


def frequent(train: RetrievalDataset) -> WordVectors:
    """The most frequent words of the training captions, a direction each."""
    counts = Counter(word.lower() for caption in train.words() for word in caption)
    words = sorted(counts, key=lambda word: (-counts[word], word))[:BAG]
    return WordVectors(words, torch.eye(len(words)))
