"""Run by test_distributed.py in two processes: loss and gradients of shares of a batch beside those of all of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from graphvtr.tasks import CheckpointInfo, EvalOptions, evaluate, to_json
from graphvtr.tasks.batches import PairBatch, PairData
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.schedule import LearningRate
from tests.every_model import NAMES, small_run
from tests.tiny_bert import tiny_bert


def gradients(
    module: RetrievalModule, batch: PairBatch
) -> tuple[torch.Tensor, dict[str, torch.Tensor], list[torch.Tensor]]:
    """Loss, gradients of all parameters and running statistics after a step of one batch."""
    module.model.zero_grad()
    loss = module.model.loss(*module.encode(batch), batch.video_of_text)["loss"]
    loss.backward()
    found = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in module.model.named_parameters()}
    buffers = [b.clone() for name, b in module.model.named_buffers() if "running" in name]
    return loss.detach(), {name: gradient.clone() for name, gradient in found.items()}, buffers


def compare(
    name: str, run: tuple[Any, Any, Any], rank: int, captions: torch.Tensor, **options: Any
) -> dict[str, float]:
    """Largest differences, relative to the largest gradient (a batch of one video has next to none)."""
    model, dataset, vocabulary = run
    module = RetrievalModule(
        model, vocabulary, LearningRate(0.1), CheckpointInfo(name), dataset.video_of_caption, **options
    )
    state = {key: value.clone() for key, value in model.state_dict().items()}
    found = []
    for ranks in (1, 2):
        torch.manual_seed(0)
        model.load_state_dict(state)
        found.append(gradients(module, PairData(dataset, rank if ranks > 1 else 0, ranks)[captions]))
    (loss, whole, buffers), (own_loss, own, own_buffers) = found
    for gradient in own.values():
        dist.all_reduce(gradient)
        gradient /= 2
    scale = max(float(gradient.abs().max()) for gradient in whole.values())
    differences = {name: float((whole[name] - own[name]).abs().max()) / max(scale, 0.1) for name in whole}
    statistics = [float((a - b).abs().max()) for a, b in zip(buffers, own_buffers, strict=True)]
    return {
        "loss": float((loss - own_loss).abs() / loss.abs().clamp(min=1e-6)),
        "scale": scale,
        "gradient": max(differences.values()),
        "statistics": max(statistics, default=0.0),
    }


def evaluation(videos: int, batch_size: int) -> dict[str, Any]:
    """All metrics with intervals, levels too, as plain values."""
    model, dataset, _ = small_run("hgr", videos=videos)
    options = EvalOptions(batch_size=batch_size, block=(3, 4), levels=True, mean_rank="all", samples=50)
    return to_json(evaluate(model, dataset, options))


def main(folder: Path, rank: int) -> None:
    tempfile.tempdir = str(folder)  # nobody cleans up behind a process that multiprocessing has started
    tiny_bert()  # of a group of processes one alone would write it
    evaluations = [(11, 3), (2, 8)]  # of the second, one process has no batch
    alone = [evaluation(*sizes) for sizes in evaluations]
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2)
    results = {}
    for name in NAMES:
        run = small_run(name)
        for what, captions in (("batch", torch.arange(3, 16)), ("one pair", torch.tensor([4]))):
            results[f"{name}, {what}"] = compare(name, run, rank, captions)
    for name, what, options in (
        ("hgr", "info_nce", {"loss": "info_nce", "level_fusion": "learned"}),
        ("visern", "batch norm", {"batch_norm": True}),
        ("graphvtr", "relations", {"relations": 3}),
    ):
        results[f"{name}, {what}"] = compare(name, small_run(name, **options), rank, torch.arange(9))
    run, captions = small_run("graphvtr", relations=3), torch.arange(3, 16)
    results["graphvtr, chunks"] = compare("graphvtr", run, rank, captions, encode_chunk=2)
    together = [evaluation(*sizes) for sizes in evaluations]
    results["evaluations equal"] = {"yes": float(together == alone)}
    (folder / f"equal{rank}.json").write_text(json.dumps(results))
    dist.destroy_process_group()
