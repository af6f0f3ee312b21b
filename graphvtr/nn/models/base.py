"""The contract that every retrieval model keeps, so that one trainer, evaluator, index and plot serve all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.registry import Registry

MODELS: Registry[type[RetrievalModel]] = Registry("model")


class RetrievalModel(nn.Module, ABC):
    """A model that embeds videos and captions level by level and scores all pairs.

    A subclass is one file in ``graphvtr/nn/models``, registers itself with ``@MODELS.register(name)`` and takes
    only plain values (numbers, strings, booleans, lists of them) in its constructor, so that :attr:`config`
    rebuilds it: ``MODELS[name](**model.config)``. It sets :attr:`matchers`, one a level.

    Attributes:
        levels: the names of the levels, in the order of ``level_scores``.
        config: the constructor's arguments; a subclass sets it first thing, before any submodule.
        matchers: level -> module ``(video: Level, text: Level) -> scores [Nv, Nt]``.
    """

    levels: ClassVar[tuple[str, ...]]
    config: dict[str, Any]
    matchers: nn.ModuleDict

    @abstractmethod
    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """Embed a video graph or a packed batch of them."""

    @abstractmethod
    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """Embed a role graph or a packed batch of them (``word.id`` set)."""

    @abstractmethod
    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """Losses of a batch, ``'loss'`` being the total.

        Args:
            video: Nv videos.
            text: Nt captions.
            video_of_text: [Nt], the position in ``video`` of each caption's video.
        """

    def level_scores(self, video: LevelEmbeddings, text: LevelEmbeddings) -> Tensor:
        """Scores of all pairs on each level, ``[levels, Nv, Nt]``."""
        return torch.stack([self.matchers[level](video[level], text[level]) for level in self.levels])

    def fuse(self, level_scores: Tensor) -> Tensor:
        """``[levels, ...]`` -> ``[...]``: the mean of the levels unless a model says otherwise."""
        return level_scores.mean(0)

    def similarity(self, video: LevelEmbeddings, text: LevelEmbeddings) -> Tensor:
        """Scores of all pairs, ``[Nv, Nt]``."""
        return self.fuse(self.level_scores(video, text))

    def transform_text(self, graph: RoleGraph) -> RoleGraph:
        """What the model does to a caption graph before packing (cut long captions, for instance)."""
        return graph

    def transform_video(self, graph: VideoGraph) -> VideoGraph:
        """What the model does to a video graph before packing (sample frames, for instance)."""
        return graph
