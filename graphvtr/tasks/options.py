"""How to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from graphvtr.errors import DataError, check_choice
from graphvtr.tasks.data import Bucket
from graphvtr.tasks.ranking import Protocol
from graphvtr.tasks.sampler import CaptionsPerVideo
from graphvtr.tasks.schedule import LearningRate, Schedule
from graphvtr.values import plain_fields

Monitor = Literal["rsum", "loss"]
Precision = Literal["float32", "bfloat16", "float16"]
Logger = Literal["tensorboard", "csv", "wandb", "none"]


@dataclass(frozen=True)
class TrainOptions:
    """How to train. The defaults are those of HGR's paper.

    Args:
        epochs: passes over the training captions.
        batch_size: captions a batch, of all devices together: each encodes its share, and every one is a negative.
        lr: learning rate of Adam.
        schedule: ``none``, ``exponential``, ``cosine``, ``step``, ``plateau`` or ``drop``, see
            :class:`graphvtr.tasks.schedule.LearningRate`.
        factor: of the schedule.
        schedule_patience: epochs without a better validation score before ``plateau`` acts; epochs between two
            reductions of ``drop`` or ``step``.
        schedule_monitor: the validation score that ``plateau`` and ``drop`` look at: ``rsum``, or ``loss``, the loss
            over batches of the validation split.
        warmup_epochs: epochs at the start in which a loss that mines the hardest negative takes the mean over all
            negatives, see :class:`graphvtr.tasks.module.RetrievalModule`; neither ``plateau`` and ``drop`` nor
            ``patience`` look at their scores, as a model first gets worse where its loss gets harder.
        decay: the rate is multiplied by this every epoch, on top of the schedule.
        weight_decay: of Adam.
        clip_grad: largest norm of the gradient; null does not clip.
        encode_chunk: videos or captions encoded at a time, the activations of the others computed again in the backward
            pass (gradient caching): a batch of any size in the memory of a chunk, with the same gradients and all
            negatives, for about a third more time. null encodes a batch at once.
        accumulate: batches whose gradients make one step. The negatives of a pair stay those of its own batch, other
            than with ``encode_chunk``.
        precision: ``float32``, or ``bfloat16`` or ``float16`` for the encoders; scores and losses stay float32.
        compile: compile the encoders with ``torch.compile``.
        ema: decay of a moving average of the weights, which is validated and saved; null takes the weights themselves.
        val_every: steps between two validations, which then make an epoch; null validates after every pass over the
            captions.
        overfit: train and validate on the first so many captions alone, to see whether a model can learn them by heart.
        logger: ``tensorboard``, ``csv``, ``wandb`` or ``none``.
        captions_per_video: ``all`` captions of a video every epoch, or ``one`` at random.
        distinct_videos: no two captions of one video meet in a batch.
        bucket: ``words`` or ``frames`` puts captions, or captions of videos, of similar length into a batch.
        protocol: ``both`` directions choose the best epoch by their rsum, or ``partially_relevant``: text to video
            alone, by SumR, see :class:`graphvtr.tasks.EvalOptions`.
        negatives: file of pairs of training captions, a true and a wrong one each (``graphvtr perturb --split train``):
            of every video of a batch one is drawn, see :class:`graphvtr.tasks.negatives.HardNegatives`; null for none.
        twins: clips called ``NAME`` and ``NAME-twin`` meet in a batch, each a negative of the other.
        negative_weight: of their loss, beside the model's own.
        patience: stop after that many epochs without a better validation rsum; null trains all epochs.
        seed: of the initial weights, the order of the captions and dropout.
        workers: threads that cut batches.
        device: ``cpu``, ``cuda`` or ``auto``.
        devices: processes of a machine, each with a GPU of its own or sharing the CPU. Under torchrun or SLURM as many
            as were started.
        num_nodes: machines.
        strategy: of Lightning: ``auto``, ``ddp``, ``ddp_find_unused_parameters_true``.
        deterministic: use only operations that give the same numbers every time.
    """

    epochs: int = 50
    batch_size: int = 128
    lr: float = 1e-4
    schedule: Schedule = "none"
    factor: float = 0.5
    schedule_patience: int = 3
    schedule_monitor: Monitor = "rsum"
    warmup_epochs: int = 0
    decay: float = 1.0
    weight_decay: float = 0.0
    clip_grad: float | None = None
    encode_chunk: int | None = None
    accumulate: int = 1
    precision: Precision = "float32"
    compile: bool = False
    ema: float | None = None
    val_every: int | None = None
    overfit: int | None = None
    logger: Logger = "tensorboard"
    captions_per_video: CaptionsPerVideo = "all"
    distinct_videos: bool = False
    bucket: Bucket = "none"
    protocol: Protocol = "both"
    negatives: str | None = None
    twins: bool = False
    negative_weight: float = 1.0
    patience: int | None = None
    seed: int = 0
    workers: int = 0
    device: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    deterministic: bool = True

    def __post_init__(self) -> None:
        plain_fields(self)
        counts = "epochs batch_size patience devices num_nodes encode_chunk accumulate val_every overfit".split()
        for name, least in (*dict.fromkeys(counts, 1).items(), ("workers", 0), ("warmup_epochs", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise DataError(name, f"is {value}", f"give {least} or more")
        check_choice("device", self.device, ("auto", "cpu", "cuda"))
        if self.device == "cuda" and not torch.cuda.is_available():
            raise DataError("device 'cuda'", "is not there", "use --device cpu")
        check_choice("protocol", self.protocol, Protocol)
        check_choice("schedule_monitor", self.schedule_monitor, Monitor)
        check_choice("precision", self.precision, Precision)
        check_choice("logger", self.logger, Logger)
        if self.precision == "float16" and (self.device == "cpu" or not torch.cuda.is_available()):
            raise DataError("precision 'float16'", "needs a GPU to train", "use bfloat16")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise DataError("ema", f"is {self.ema}", "give a number from 0 to below 1, 0.999 for instance")
        _ = self.rate  # checks lr, schedule and factor

    @property
    def rate(self) -> LearningRate:
        """The learning rate of every epoch."""
        return LearningRate(
            self.lr,
            self.schedule,
            self.factor,
            self.schedule_patience,
            self.epochs,
            self.decay,
            self.warmup_epochs,
        )
