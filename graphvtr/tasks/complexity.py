"""Parameters and floating point operations of a model for one video and one caption (VSR-Net, Table 4)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn.encoders import BertEncoder
from graphvtr.nn.models import MODELS, RetrievalModel
from graphvtr.ops.flops import flop_formulas


@dataclass(frozen=True)
class Complexity:
    """What a model costs.

    Args:
        parameters: of each child module that has some; those that are trained.
        frozen: weights of frozen language models, which are no parameters.
        flops: operations of ``video``, ``text`` and ``match``, an addition and a multiplication counting as two.
    """

    parameters: dict[str, int]
    frozen: int
    flops: dict[str, int]

    @property
    def total_parameters(self) -> int:
        """Trained parameters; what children share counts once."""
        return sum(self.parameters.values())

    @property
    def total_flops(self) -> int:
        """Of a video-text pair."""
        return sum(self.flops.values())


@dataclass(frozen=True)
class PairSize:
    """The video and the caption that are counted. The defaults are VSR-Net's sizes.

    Args:
        frames: how many, T.
        regions: N in every frame; 0 for a video without regions.
        video_dim: width of ``frame.x``.
        region_dim: width of ``region.x``.
        vocab_size: words of the vocabulary.
    """

    frames: int = 26
    regions: int = 36
    video_dim: int = 2560
    region_dim: int = 2048
    vocab_size: int = 10_000

    def __post_init__(self) -> None:
        for name, least in (("frames", 1), ("regions", 0), ("video_dim", 1), ("region_dim", 1), ("vocab_size", 20)):
            if getattr(self, name) < least:
                raise DataError(name, f"is {getattr(self, name)}", f"give {least} or more")

    def video(self) -> VideoGraph:
        """A video of that size."""
        frames, rows = torch.zeros(self.frames, self.video_dim), self.frames * self.regions
        if not self.regions:
            return VideoGraph.build(frames)
        owner = torch.arange(self.frames).repeat_interleave(self.regions)
        return VideoGraph.build(frames, region_x=torch.zeros(rows, self.region_dim), region_frame=owner)

    def caption(self) -> RoleGraph:
        """A caption of ten words, two actions and four entities."""
        words = "a woman breaks the bacon and lays it on tomatoes".split()
        entities: list[tuple[str, list[int]]] = [
            ("ARG0", [0, 1]),
            ("ARG1", [3, 4]),
            ("ARG1", [7]),
            ("ARGM-LOC", [8, 9]),
        ]
        graph = RoleGraph.build(words, [[2], [6]], entities, [(0, 0), (1, 0), (0, 1), (2, 1), (3, 1)])
        graph["word"].id = torch.arange(len(words)) + 3
        return graph


def default_model(name: str, size: PairSize, options: Mapping[str, Any] | None = None) -> RetrievalModel:
    """A registered model with its published sizes (the constructor's defaults) for such videos.

    Args:
        name: registered name.
        size: sets ``vocab_size``, ``video_dim`` and ``region_dim``.
        options: other arguments of the constructor.

    Raises:
        DataError: an unknown model or option.
    """
    model_class = MODELS.find(name)
    accepted = inspect.signature(model_class).parameters
    values = {"vocab_size": size.vocab_size, "video_dim": size.video_dim, "text_cache": False, "sentence_cache": False}
    if size.regions:
        values["region_dim"] = size.region_dim
    for option in options or {}:
        if option not in accepted:
            raise DataError(f"option '{option}' of {name}", "unknown", f"known: {', '.join(accepted)}")
    known = {key: value for key, value in values.items() if key in accepted}
    return model_class(**{**known, **(options or {})}).eval()


def complexity(model: RetrievalModel, video: VideoGraph, text: RoleGraph) -> Complexity:
    """Count what one video and one caption take, encoding both and matching them.

    Args:
        model: any registered model; it is not changed.
        video: one video.
        text: one caption, ``word.id`` set.

    Example:
        >>> from graphvtr.nn import VSE
        >>> size = PairSize(frames=2, regions=0, video_dim=4)
        >>> cost = complexity(default_model("vse", size, {"hidden": 8, "word_dim": 3}), size.video(), size.caption())
        >>> cost.total_flops > 0, cost.frozen
        (True, 0)
    """
    batch_video = GraphStore.from_graphs([video]).mapped(model.transform_video).batch([0])
    batch_text = GraphStore.from_graphs([text]).mapped(model.transform_text).batch([0])
    encoders = [module for module in model.modules() if isinstance(module, BertEncoder) and module.freeze]
    flops: dict[str, int] = {}
    with torch.no_grad():
        for encoder in encoders:
            encoder(batch_text)  # load it: reading weights is no work of a caption
        with FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counter:
            encoded_video = model.encode_video(batch_video)
        flops["video"] = int(counter.get_total_flops())
        with FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counter:
            encoded_text = model.encode_text(batch_text)
        flops["text"] = int(counter.get_total_flops())
        with FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counter:
            model.similarity(encoded_video, encoded_text)
        flops["match"] = int(counter.get_total_flops())
    return Complexity(_parameters(model), sum(encoder.frozen_parameters() for encoder in encoders), flops)


def _parameters(model: RetrievalModel) -> dict[str, int]:
    """Trained parameters by child module, each counted where it first occurs."""
    seen: set[int] = set()
    out: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        if id(parameter) not in seen:
            seen.add(id(parameter))
            child = name.split(".")[0]
            out[child] = out.get(child, 0) + parameter.numel()
    return out
