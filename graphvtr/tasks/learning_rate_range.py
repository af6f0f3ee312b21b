"""Which learning rates train: the range test of Smith (2017)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.registered import registered_name
from graphvtr.tasks.checkpoint import CheckpointInfo
from graphvtr.tasks.data import RetrievalData
from graphvtr.tasks.module import RetrievalModule, adam
from graphvtr.tasks.options import TrainOptions
from graphvtr.tasks.prepare import prepare_training
from graphvtr.text import Vocabulary

SMOOTHING = 0.9


@dataclass(frozen=True)
class RateRange:
    """Losses at rising learning rates.

    Args:
        rates: one a step.
        losses: of the batch at that step, smoothed.
        suggestion: the rate about which the smoothed loss fell most in a tenth of the steps; None if it never fell.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float | None

    def __str__(self) -> str:
        every = max(len(self.rates) // 12, 1)
        rows = [
            f"{rate:9.1e}  {loss:.4f}" for rate, loss in zip(self.rates[::every], self.losses[::every], strict=True)
        ]
        last = "no rate made the loss fall" if self.suggestion is None else f"steepest at lr {self.suggestion:.1e}"
        return "\n".join(["       lr  loss", *rows, last])


def learning_rate_range(
    model: RetrievalModel,
    vocabulary: Vocabulary,
    train: RetrievalDataset,
    options: TrainOptions,
    *,
    low: float = 1e-7,
    high: float = 1.0,
    steps: int = 100,
) -> RateRange:
    """Train a copy of the model with a learning rate that rises from step to step, as `"Cyclical Learning Rates for
    Training Neural Networks" <https://arxiv.org/abs/1506.01186>`_ proposes, and look where the loss falls fastest.
    Training well below the rate at which it rises again is safe; nothing is written, the model stays as it is.

    Args:
        model: a fresh model.
        vocabulary: of the captions.
        train: the training split.
        options: batches, chunks, device, weight decay, and whether the first epochs warm up.
        low: rate of the first step.
        high: rate of the last step; the test ends earlier where the loss is four times its least.
        steps: at most.

    Raises:
        DataError: rates that do not rise, or fewer than 10 steps.
    """
    if not 0 < low < high or steps < 10:
        raise DataError(
            "learning rate range", f"is {low} to {high} in {steps} steps", "let it rise, in 10 steps or more"
        )
    device = "cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu"
    model = copy.deepcopy(model).train().to(device)
    info = CheckpointInfo(registered_name(model))
    module = RetrievalModule(
        model, vocabulary, options.rate, info, train.video_of_caption, encode_chunk=options.encode_chunk
    )
    module.mine("mean" if options.warmup_epochs else "hardest")
    prepared = prepare_training(train, model, vocabulary)
    data = RetrievalData(
        prepared,
        prepared,
        batch_size=options.batch_size,
        seed=options.seed,
        distinct_videos=options.distinct_videos,
        captions_per_video=options.captions_per_video,
        bucket=options.bucket,
        model=model,
    )
    optimizer = adam(model, low, options.weight_decay)
    torch.manual_seed(options.seed)
    rates: list[float] = []
    losses: list[float] = []
    average, epoch = 0.0, 0
    while len(rates) < steps:
        data.sampler.set_epoch(epoch)
        epoch += 1
        for batch in (batch.to(device) for batch in data.train_dataloader()):
            rate = low * (high / low) ** (len(rates) / (steps - 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = model.loss(*module.encode(batch), batch.video_of_text)["loss"]
            average = SMOOTHING * average + (1 - SMOOTHING) * float(loss.detach())
            smooth = average / (1 - SMOOTHING ** (len(rates) + 1))
            if not math.isfinite(smooth) or (len(losses) > 10 and smooth > 4 * min(losses)):
                return RateRange(rates, losses, _steepest(rates, losses))
            rates.append(rate)
            losses.append(smooth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if len(rates) == steps:
                break
    return RateRange(rates, losses, _steepest(rates, losses))


def _steepest(rates: list[float], losses: list[float]) -> float | None:
    """The middle of the tenth of all steps over which the loss falls most: from one step to the next, batches that are
    easier or harder than others count for more. The first tenth is left out, whose averages are of few batches."""
    span = max(len(losses) // 10, 1)
    falls = [after - before for before, after in zip(losses[span:], losses[2 * span :], strict=False)]
    return rates[span + falls.index(min(falls)) + span // 2] if falls and min(falls) < 0 else None
