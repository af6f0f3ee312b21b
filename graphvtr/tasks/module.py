"""The training step, validation and optimiser of any retrieval model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as computed_again

from graphvtr._optional import optional_import
from graphvtr.errors import DataError, DivergedError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph, num_graphs
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses import TripletRankingLoss
from graphvtr.nn.losses.triplet import Mining
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.shared_batch import gather, ranks, shared, sum_over_ranks
from graphvtr.tasks.averaging import WeightAverage
from graphvtr.tasks.batches import EncodeBatch, PairBatch
from graphvtr.tasks.checkpoint import KEY, CheckpointInfo, header
from graphvtr.tasks.compiled import compiled, compiling
from graphvtr.tasks.ranking import EvalOptions, by_protocol, chance, flat_metrics, rank_all
from graphvtr.tasks.replay import FILE, lengths, save_step
from graphvtr.tasks.schedule import LearningRate
from graphvtr.text import Vocabulary
from graphvtr.text.parser import shorten

TRAINED = "trained_weights"  # of a checkpoint whose weights are averaged ones
MEND = "lower lr, clip gradients with clip_grad, or check the features"
pl: Any = optional_import("pytorch_lightning", "train", "training")


class RetrievalModule(pl.LightningModule):  # type: ignore[misc,name-defined]
    """Trains a :class:`graphvtr.nn.models.RetrievalModel` with Adam.

    Logs ``train/NAME`` for each loss of the model, ``lr``, and after every epoch ``val/rsum``, ``val/t2v_R@1`` and
    the other metrics of both directions on the validation split.

    The random numbers of an epoch (dropout) follow from ``seed`` and the epoch alone, so that a resumed training
    equals an uninterrupted one.

    Warm-up: in the first ``warmup_epochs`` every :class:`graphvtr.nn.TripletRankingLoss` of the model that mines the
    hardest negative takes the mean over all of them. From a cold start the hardest negative of nearly equal scores
    pulls all embeddings together; the mean, unlike the sum, has gradients of the same size, so that Adam's state and
    the weights of other losses stay right when the hardest one takes over.

    Args:
        model: the model.
        vocabulary: of its captions; goes into the checkpoints.
        rate: learning rates.
        info: goes into the checkpoints.
        video_of_caption: [Nc] of the validation split.
        weight_decay: of Adam.
        seed: see above.
        evaluation: how validation scores are ranked.
        training: how it trains, goes into the checkpoints.
        warmup_epochs: see above.
        loss_batch: the learning rate follows the validation loss, the mean over batches of that many pairs in an order
            that is the same every epoch; None lets it follow the validation rsum.
        encode_chunk: videos or captions encoded at a time; None for all of a batch at once.
        ema: decay of the :class:`~graphvtr.tasks.averaging.WeightAverage` that is validated and saved; None for none.
        compile: compile the encoders.
        mixed: computes in half precision, where the gradients of a fused optimizer could not be clipped.
        folder: where a batch is kept whose loss, embeddings or gradient are not finite; None keeps none.

    Raises:
        DataError: ``encode_chunk`` with batch normalisation, whose statistics are of a whole batch; a bad ``ema``.
    """

    def __init__(
        self,
        model: RetrievalModel,
        vocabulary: Vocabulary,
        rate: LearningRate,
        info: CheckpointInfo,
        video_of_caption: Tensor,
        *,
        weight_decay: float = 0.0,
        seed: int = 0,
        evaluation: EvalOptions = EvalOptions(),
        training: Mapping[str, Any] | None = None,
        negative_weight: float = 1.0,
        warmup_epochs: int = 0,
        loss_batch: int | None = None,
        encode_chunk: int | None = None,
        ema: float | None = None,
        compile: bool = False,
        mixed: bool = False,
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        self.model, self.vocabulary, self.rate, self.info = model, vocabulary, rate, info
        self.video_of_caption, self.weight_decay, self.seed = video_of_caption, weight_decay, seed
        self.evaluation, self.record = evaluation, training
        self.negative_weight = negative_weight
        self.warmup_epochs, self.loss_batch = warmup_epochs, loss_batch
        self.scores: list[float] = []  # validation rsum of each epoch
        self.losses: list[float] = []  # validation loss of each epoch, with loss_batch
        rankings = (part for part in model.modules() if isinstance(part, TripletRankingLoss))
        self._hardest = [ranking for ranking in rankings if ranking.mining == "hardest"]
        self._encoded: dict[str, list[LevelEmbeddings]] = {"video": [], "text": []}
        if encode_chunk is not None and any(isinstance(part, nn.BatchNorm1d) for part in model.modules()):
            raise DataError(
                "encode_chunk",
                f"would change the batch normalisation of {type(model).__name__}, whose statistics are "
                "of a whole batch",
                "leave it out; accumulate, or more devices, take larger batches",
            )
        self.encode_chunk, self.fused, self.folder = encode_chunk, not mixed, folder
        self.average = None if ema is None else WeightAverage(model, ema)
        self._encoders: dict[str, Callable[[Any], LevelEmbeddings]] = {
            side: compiled(encode, info.model) if compile else encode
            for side, encode in (("video", model.encode_video), ("text", model.encode_text))
        }
        self._step: tuple[PairBatch, int] | None = None  # for a look at it, should it go wrong
        self._random: dict[str, Any] = {}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """:func:`adam` at the first epoch's rate."""
        return adam(self.model, self.rate.lr, self.weight_decay, fused=self.fused)

    def on_train_batch_start(self, batch: PairBatch, batch_index: int) -> None:
        """Set the epoch's random state and learning rate (Lightning skips its epoch hook after a resume)."""
        if batch_index > 0:
            return
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch + 7_919 * ranks()[0])
        self.mine("mean" if self.current_epoch < self.warmup_epochs else "hardest")
        scores = self.scores if self.loss_batch is None else [-loss for loss in self.losses]
        lr = self.rate.at(self.current_epoch, scores)
        for group in self.optimizers().param_groups:
            group["lr"] = lr
        self.log("lr", lr, on_step=False, on_epoch=True, batch_size=1)

    def training_step(self, batch: PairBatch, batch_index: int) -> Tensor:
        """The model's loss on a batch of pairs."""
        self._step = batch, batch_index
        self._random = {"cpu": torch.get_rng_state(), "negative_weight": self.negative_weight}
        self._random["mining"] = self._hardest[0].mining if self._hardest else ""
        video, text = self.encode(batch)
        losses = self.model.loss(video, text, batch.video_of_text)
        if batch.hard is not None and batch.video_of_hard is not None:
            pairs = self._of("text", batch.hard)
            hard = self.model.pair_loss(video, pairs, batch.video_of_hard)
            losses = {**losses, "loss": losses["loss"] + self.negative_weight * hard, "hard": hard}
        self._check_range(video, text, losses["loss"].detach())
        size = len(batch.video_of_text)
        for name, value in losses.items():
            self.log(f"train/{name}", value.detach(), on_epoch=True, on_step=False, batch_size=size)
        return losses["loss"]

    def encode(self, batch: PairBatch) -> tuple[LevelEmbeddings, LevelEmbeddings]:
        """Embeddings of all videos and captions of a batch; in a distributed run, encoded by all processes together."""
        if batch.shares is None:
            return self._of("video", batch.video), self._of("text", batch.text)
        (videos, captions), rank = batch.shares, ranks()[0]
        with shared(counts=videos[rank] > 0):
            video = gather(self._of("video", batch.video), videos)
        with shared(counts=captions[rank] > 0):
            text = gather(self._of("text", batch.text), captions)
        return video, text

    def _of(self, side: str, graph: VideoGraph | RoleGraph) -> LevelEmbeddings:
        """Embeddings of a packed batch, by chunks where they are asked for."""
        encode, count = self._encoders[side], num_graphs(graph)
        if self.encode_chunk is None or count <= self.encode_chunk:
            return encode(graph)
        whole: GraphStore[Any] = GraphStore.from_batch(graph)
        chunks = torch.arange(count, device=self.device).split(self.encode_chunk)
        parts = [computed_again(lambda part: encode(whole.batch(part)), part, use_reentrant=False) for part in chunks]
        return LevelEmbeddings.cat(parts)

    def _kept(self) -> str:
        """Keep the batch and everything that its step takes, and say how to make the step again; of a batch that
        processes share the first one keeps all of it, and one process makes the step again."""
        if self.folder is None or ranks()[0] > 0 or self._step is None:
            return ""
        batch, number = self._step
        if batch.shares is not None:
            batch = self.trainer.datamodule.whole_batch(number)
        path = self.folder / FILE
        content = {KEY: header(self.model, self.vocabulary, self.info), "state_dict": self.state_dict()}
        save_step(path, content, batch, self.current_epoch, self.global_step, self._random)
        return f"; graphvtr train --replay {path} makes the step again and says where it goes wrong"

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """As Lightning's, with a word where the compiler fails."""
        with compiling(self.info.model):
            super().backward(*args, **kwargs)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """A step, which the averaged weights follow."""
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update(self.global_step)

    def _gathered(self, side: str) -> LevelEmbeddings:
        """Embeddings of all items of the validation split, of all processes."""
        own = LevelEmbeddings.cat(self._encoded.pop(side))
        if ranks()[1] == 1:
            return own
        return gather(own, self.trainer.datamodule.val_counts[side])

    def on_validation_epoch_start(self) -> None:
        """Forget embeddings of a validation that was cut short; its loss is that of the configuration."""
        self._encoded, self._step = {"video": [], "text": []}, None
        self.mine("hardest")
        if self.average is not None:
            self.average.swap()

    def validation_step(self, batch: EncodeBatch, batch_index: int) -> None:
        """Embed videos or captions; they are ranked once all are there."""
        self._encoded[batch.side].append(self._encoders[batch.side](batch.graph))

    def on_validation_epoch_end(self) -> None:
        """Rank all pairs and log the metrics."""
        video, text = (self._gathered(side) for side in ("video", "text"))
        self._encoded = {"video": [], "text": []}
        self._check_range(video, text)
        self.model.calibrate(video, text, self.video_of_caption.to(self.device))
        (ranked,) = rank_all(self.model, video, text, self.video_of_caption, self.evaluation)
        found = ranked.metrics(ks=self.evaluation.ks, median=self.evaluation.median)
        metrics = flat_metrics(by_protocol(found, self.evaluation))
        guessed = flat_metrics(chance(ranked, self.evaluation))
        self.scores.append(metrics["rsum"])
        if self.loss_batch is not None:
            self.losses.append(validation_loss(self.model, video, text, self.video_of_caption, self.loss_batch))
            metrics = {**metrics, "loss": self.losses[-1]}
        self.log_dict({f"val/{name}": value for name, value in metrics.items()})
        self.log_dict({f"chance/{name}": value for name, value in guessed.items()})  # what curves are drawn beside
        if self.average is not None:
            self.average.swap()

    def _check_range(self, video: LevelEmbeddings, text: LevelEmbeddings, loss: Tensor | None = None) -> None:
        """Refuse a loss that is no number, and embeddings without a length (:func:`graphvtr.tasks.replay.lengths`)."""
        found = {"loss": loss} if loss is not None else {}
        found |= lengths(video, text)
        if bool(torch.stack([torch.isfinite(value) for value in found.values()]).all()):
            return
        name, value = next((name, value) for name, value in found.items() if not bool(torch.isfinite(value)))
        epoch = f"in epoch {self.current_epoch + 1}"
        if name == "loss":
            raise DivergedError("training loss", f"is {float(value)} {epoch}", MEND + self._kept())
        raise DivergedError(f"embeddings, {name}", f"leave the range of float32 {epoch}", MEND + self._kept())

    def on_after_backward(self) -> None:
        """Refuse gradients that are not finite, one step before the weights are; those of float16 are GradScaler's."""
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None and weight.numel()]
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None or not gradients:
            return
        # on a CPU PyTorch's maximum norm takes twenty times as long: a fifth of GraphVTR's step
        extremes = [extreme for gradient in gradients for extreme in torch.aminmax(gradient)]
        largest = torch.stack(extremes).abs().max()
        if ranks()[1] > 1:  # accumulated ones are each process's own, and all have to stop
            largest = sum_over_ranks(largest)
        if not bool(torch.isfinite(largest)):
            problem = f"is not finite in epoch {self.current_epoch + 1}"
            raise DivergedError("gradient", problem, MEND + self._kept())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what :func:`graphvtr.load` needs."""
        info = replace(self.info, epoch=self.current_epoch + 1, scores=list(self.scores), losses=list(self.losses))
        checkpoint[KEY] = header(self.model, self.vocabulary, info, self.record)
        if self.average is not None:  # the averaged weights are the model; a resume also needs the others
            averaged = {f"model.{name}": weight for name, weight in self.average.weights.items()}
            if "optimizer_states" in checkpoint:
                checkpoint[TRAINED] = {name: checkpoint["state_dict"][name] for name in averaged}
            checkpoint["state_dict"] = {**checkpoint["state_dict"], **averaged}

    def check_state(self, path: Path, checkpoint: Mapping[str, Any]) -> None:
        """Refuse a checkpoint whose weights or optimiser are not those of this training, before anything is written.

        Raises:
            DataError: it does not fit.
        """
        try:
            torch.nn.Module.load_state_dict(self, checkpoint["state_dict"])
            self.configure_optimizers().load_state_dict(checkpoint["optimizer_states"][0])
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            reason = shorten(" ".join(str(error).split()))
            raise DataError(path, f"cannot be continued: {reason}", "start in another --out") from error

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the validation scores of the epochs so far."""
        info = checkpoint[KEY]["info"]
        self.scores, self.losses = list(info["scores"]), list(info.get("losses", ()))
        if self.average is not None:
            self.average.load({name: checkpoint["state_dict"][f"model.{name}"] for name in self.average.weights})
        checkpoint["state_dict"] = {**checkpoint["state_dict"], **checkpoint.get(TRAINED, {})}

    def mine(self, mining: Mining) -> None:
        """Let losses that mine the hardest negative take it, or the mean over all negatives."""
        for ranking in self._hardest:
            ranking.mining = mining


def adam(model: nn.Module, lr: float, weight_decay: float, *, fused: bool = True) -> torch.optim.Optimizer:
    """Adam over all parameters, fused: one pass over them, where the plain one takes a dozen."""
    return torch.optim.Adam(model.parameters(), lr, weight_decay=weight_decay, fused=fused)


def validation_loss(
    model: RetrievalModel, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor, batch_size: int
) -> float:
    """The mean loss over batches of captions, drawn without replacement in an order that depends on nothing.

    Args:
        model: its :meth:`loss` is taken.
        video: all videos of the split.
        text: all captions.
        video_of_text: [Nt].
        batch_size: captions a batch.
    """
    order = torch.randperm(len(video_of_text), generator=torch.Generator().manual_seed(0))
    total = 0.0
    for part in order.split(batch_size):
        videos, owner = video_of_text[part].unique(return_inverse=True)
        device = video[model.levels[0]].x.device
        found = model.loss(video.select(videos.to(device)), text.select(part.to(device)), owner.to(device))
        total += float(found["loss"]) * len(part)
    return total / len(order)
