"""Every registered model in small, and a collection with frames, regions, roles and concepts that all of them take."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from graphvtr.datasets import RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn.models import MODELS, RetrievalModel
from graphvtr.nn.models.concept_model import ConceptModel
from graphvtr.tasks.prepare import prepare
from graphvtr.text import ConceptVocabulary, Vocabulary
from graphvtr.text.concepts import with_concepts
from tests.tiny_bert import tiny_bert

NAMES = sorted(MODELS)
NOUNS, VERBS = ("dog", "cat", "man", "bird"), ("chases", "sees", "hears")
CONCEPTS = ConceptVocabulary(
    [(noun, 9) for noun in NOUNS], [(verb, 5) for verb in VERBS], [("dog chases cat", 2)]
).to_dict()
SIZES = {
    "video_dim": 6,
    "region_dim": 7,
    "hidden": 8,
    "word_dim": 6,
    "video_rnn": 4,
    "text_rnn": 4,
    "filters": 3,
    "heads": 2,
    "dropout": 0.0,
    "relation_dropout": 0.0,
    "concepts": CONCEPTS,
    "sentence": None,
    "text_cache": False,
    "inner": 16,
    "components": 4,
}
#: Models, and the parts of them that are off by default, each a name and options.
CASES = [*((name, {}) for name in NAMES), ("graphvtr", {"relations": 3})]
#: Options of the language models that have no smaller default.
LANGUAGE = {"graphvtr": "text", "vsrnet": "language_model"}


def collection(videos: int = 10, seed: int = 0) -> RetrievalDataset:
    """Videos of 2 to 5 frames and 1 to 3 regions a frame, with one, two or three captions each."""
    generator = torch.Generator().manual_seed(seed)
    graphs, roles, texts, owner = [], [], [], []
    for video in range(videos):
        frames = 2 + video % 4
        count = torch.randint(1, 4, (frames,), generator=generator)
        graphs.append(
            VideoGraph.build(
                torch.randn(frames, 6, generator=generator),
                region_x=torch.randn(int(count.sum()), 7, generator=generator),
                region_box=torch.rand(int(count.sum()), 2, generator=generator).repeat(1, 2) * 0.5
                + torch.tensor([0.0, 0.0, 0.5, 0.5]),
                region_frame=torch.repeat_interleave(count),
                name=str(video),
            )
        )
        for caption in range(1 + video % 3):
            first, verb, second = NOUNS[video % 4], VERBS[(video + caption) % 3], NOUNS[(video + caption + 1) % 4]
            words = ["a", first, verb, "the", *(["big"] * (caption % 2)), second]
            roles.append(
                RoleGraph.build(
                    words, [[2]], [("ARG0", [0, 1]), ("ARG1", list(range(3, len(words))))], [(0, 0), (1, 0)]
                )
            )
            texts.append(" ".join(words))
            owner.append(video)
    names = [str(video) for video in range(videos)]
    stores = GraphStore.from_graphs(graphs), GraphStore.from_graphs(roles)
    return RetrievalDataset("toy", "train", names, texts, torch.tensor(owner), *stores)


def small(name: str, vocabulary: Vocabulary, seed: int = 0, **options: Any) -> RetrievalModel:
    """A registered model of a few channels, in training mode."""
    accepted = inspect.signature(MODELS[name]).parameters
    language = {LANGUAGE[name]: tiny_bert()} if name in LANGUAGE else {}
    torch.manual_seed(seed)
    values = {"vocab_size": len(vocabulary), **SIZES, **language, **options}
    return MODELS[name](**{key: value for key, value in values.items() if key in accepted})


def small_run(name: str, videos: int = 10, **options: Any) -> tuple[RetrievalModel, RetrievalDataset, Vocabulary]:
    """A model and a collection prepared for its training, concepts and all, without any parser."""
    dataset = collection(videos)
    vocabulary = Vocabulary.from_captions(dataset.words())
    model = small(name, vocabulary, **options)
    prepared = prepare(dataset, model, vocabulary)
    if isinstance(model, ConceptModel):
        numbers = {concept: number for number, concept in enumerate(model.concepts.names)}
        own = [[numbers[word] for word in text.split() if word in numbers] for text in dataset.captions]
        of_video: list[set[int]] = [set() for _ in dataset.videos]
        for video, ids in zip(dataset.video_of_caption.tolist(), own, strict=True):
            of_video[video].update(ids)
        labels = [sorted(of_video[video]) for video in dataset.video_of_caption.tolist()]
        prepared.role_graphs = with_concepts(prepared.role_graphs, own, labels)
    return model, prepared, vocabulary
