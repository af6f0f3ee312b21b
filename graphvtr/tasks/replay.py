"""A step that went wrong, kept as a file, and made again with a look at every module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.graphs.reasoning import ReasoningGraph
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses import TripletRankingLoss
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.precision import widened
from graphvtr.tasks.batches import PAIR, PairBatch
from graphvtr.tasks.checkpoint import load, read_file, write_file

REPLAY = "replay"
FILE = "failed_batch.ckpt"


@dataclass
class Replay:
    """What a step made again has shown.

    Args:
        epoch: from 1 on.
        step: from 1 on, over all epochs.
        losses: of the model.
        inputs: fields of the batch that are not finite.
        weights: parameters that are not finite.
        levels: sides and levels whose embeddings have no finite length.
        modules: modules whose output is not finite, in the order in which they ran.
        gradients: parameters whose gradient is not finite.
    """

    epoch: int
    step: int
    losses: dict[str, float] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    gradients: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        losses = ", ".join(f"{name} {value:.6g}" for name, value in self.losses.items())
        lines = [f"epoch {self.epoch}, step {self.step}: {losses}"]
        for title, names in (
            ("inputs", self.inputs),
            ("weights", self.weights),
            ("lengths of embeddings", self.levels),
            ("outputs of modules", self.modules),
            ("gradients", self.gradients),
        ):
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            lines.append(f"{title} that are not finite: {', '.join(names[:5]) or 'none'}{more}")
        return "\n".join(lines)


def save_step(
    path: Path, content: Mapping[str, Any], batch: PairBatch, epoch: int, step: int, random: Mapping[str, Any]
) -> None:
    """Keep a step: a checkpoint's ``content`` of the weights before it, its batch and random state.

    Raises:
        DataError: it cannot be written.
    """
    parts = {name: getattr(batch, name) for name in PAIR if getattr(batch, name) is not None}
    moved = {name: part.cpu() if isinstance(part, Tensor) else _plain(part.to("cpu")) for name, part in parts.items()}
    kept = {**moved, "epoch": epoch, "step": step, "random": dict(random)}
    write_file(path, {**content, REPLAY: kept})


def replay(path: str | Path) -> Replay:
    """Make a step again that was kept because its loss, embeddings or gradients were not finite, on the CPU in float32.

    Args:
        path: the file that the error of the training names.

    Raises:
        DataError: no such file, or it holds no step.
    """
    path = Path(path)
    kept = read_file(path).get(REPLAY)
    if not isinstance(kept, dict):
        raise DataError(path, "holds no step to make again", f"give the {FILE} that a failed training names")
    model = load(path)
    kinds = {"video": VideoGraph, "text": RoleGraph, "hard": RoleGraph}
    batch = PairBatch(
        **{name: kinds[name].from_dict(kept[name]) if name in kinds else kept[name] for name in PAIR if name in kept}
    )
    found = Replay(kept["epoch"] + 1, kept["step"] + 1)
    found.inputs = [
        f"{side}.{key}.{name}"
        for side, graph in (("video", batch.video), ("text", batch.text))
        for key, values in graph.to_dict().items()
        if isinstance(values, dict)
        for name, value in values.items()
        if not _finite(value)
    ]
    found.weights = [name for name, weight in model.named_parameters() if not _finite(weight)]
    if mining := kept["random"].get("mining"):
        for part in model.modules():
            if isinstance(part, TripletRankingLoss) and part.mining == "hardest":
                part.mining = str(mining)  # type: ignore[assignment]
    _run(model.train(), batch, kept["random"], found)
    return found


def _run(model: RetrievalModel, batch: PairBatch, random: Mapping[str, Any], found: Replay) -> None:
    def look(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if not _finite(output) and name not in found.modules:
                found.modules.append(f"{name} ({type(module).__name__})")

        return hook

    hooks = [module.register_forward_hook(look(name)) for name, module in model.named_modules() if name]
    torch.set_rng_state(random["cpu"])
    try:
        video, text = model.encode_video(batch.video), model.encode_text(batch.text)
        losses = model.loss(video, text, batch.video_of_text)
        if batch.hard is not None and batch.video_of_hard is not None:
            hard = model.pair_loss(video, model.encode_text(batch.hard), batch.video_of_hard)
            losses = {**losses, "loss": losses["loss"] + random["negative_weight"] * hard, "hard": hard}
        losses["loss"].backward()
        found.levels = [name for name, length in lengths(video, text).items() if not _finite(length)]
    finally:
        for hook in hooks:
            hook.remove()
    found.losses = {name: float(value.detach()) for name, value in losses.items()}
    found.gradients = [
        name for name, weight in model.named_parameters() if weight.grad is not None and not _finite(weight.grad)
    ]


def lengths(video: LevelEmbeddings, text: LevelEmbeddings) -> dict[str, Tensor]:
    """Squared length of all embeddings of each level together, by what they are called. Where it is not finite, a
    cosine may be 0, and a loss a number that means nothing."""
    return {
        f"level '{name}' of {side}": widened(level.x.detach()).square().sum()
        for side, embeddings in (("videos", video), ("captions", text))
        for name, level in embeddings.items()
    }


def _finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(torch.isfinite(value).all())
    if isinstance(value, LevelEmbeddings):
        return all(_finite(level.x) for level in value.values())
    if isinstance(value, tuple | list):
        return all(map(_finite, value))
    return True


def _plain(graph: VideoGraph | RoleGraph) -> dict[Any, Any]:
    """A graph as tensors and plain values; its reasoning graph, of a class of its own, follows from them."""
    return {
        key: {name: value for name, value in values.items() if not isinstance(value, ReasoningGraph)}
        if isinstance(values, dict)
        else values
        for key, values in graph.to_dict().items()
    }
