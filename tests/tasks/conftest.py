"""A toy collection in which every video shows one thing doing one thing, and a small model for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from graphvtr.datasets import RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import HGR
from graphvtr.text import Vocabulary

NOUNS = ("dog", "cat", "man", "cow", "bird", "car")
VERBS = ("runs", "sleeps", "jumps", "sings")
WIDTH = len(NOUNS) + len(VERBS)


def toy(split: str = "train", videos: int = 8, captions: int = 2, seed: int = 0) -> RetrievalDataset:
    """``videos`` clips of three or four frames, whose features say noun and verb, with ``captions`` sentences each."""
    generator = torch.Generator().manual_seed(seed)
    names, graphs, texts, roles, owner = [], [], [], [], []
    for index in range(videos):
        noun, verb = index % len(NOUNS), index // len(NOUNS) + index % 3
        x = torch.zeros(3 + index % 2, WIDTH)
        x[:, noun] = x[:, len(NOUNS) + verb % len(VERBS)] = 1
        x += 0.1 * torch.randn(x.shape, generator=generator)
        names.append(f"{split} {index}")
        graphs.append(VideoGraph.build(x, name=names[-1]))
        for article in ("a", "the", "one")[:captions]:
            words = [article, NOUNS[noun], VERBS[verb % len(VERBS)]]
            roles.append(RoleGraph.build(words, [[2]], [("ARG0", [0, 1])], [(0, 0)]))
            texts.append(" ".join(words))
            owner.append(index)
    return RetrievalDataset(
        "toy",
        split,
        names,
        texts,
        torch.tensor(owner),
        GraphStore.from_graphs(graphs),
        GraphStore.from_graphs(roles),
    )


@pytest.fixture
def toy_dataset() -> Callable[..., RetrievalDataset]:
    """``toy_dataset(split, videos, captions, seed)``."""
    return toy


@pytest.fixture
def toy_vocabulary() -> Vocabulary:
    return Vocabulary.from_captions(toy(captions=3, videos=24).words())


@pytest.fixture
def toy_model(toy_vocabulary: Vocabulary) -> Callable[..., HGR]:
    """``toy_model(seed, **options)``: an HGR of 16 channels, with dropout, so that random states matter."""

    def build(seed: int = 0, **options: object) -> HGR:
        torch.manual_seed(seed)
        return HGR(len(toy_vocabulary), WIDTH, hidden=16, word_dim=8, num_layers=1, **{"word_dropout": 0.2, **options})

    return build
