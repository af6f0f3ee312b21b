"""The training step, validation and optimiser of any retrieval model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models import RetrievalModel
from graphvtr.tasks.checkpoint import KEY, CheckpointInfo, header
from graphvtr.tasks.data import EncodeBatch, PairBatch
from graphvtr.tasks.evaluate import EvalOptions, flat_metrics, rank_all
from graphvtr.tasks.schedule import LearningRate
from graphvtr.text import Vocabulary
from graphvtr.text.parser import shorten

pl: Any = optional_import("pytorch_lightning", "train", "training")


class RetrievalModule(pl.LightningModule):  # type: ignore[misc,name-defined]
    """Trains a :class:`graphvtr.nn.models.RetrievalModel` with Adam.

    Logs ``train/NAME`` for each loss of the model, ``lr``, and after every epoch ``val/rsum``, ``val/t2v_R@1`` and
    the other metrics of both directions on the validation split.

    The random numbers of an epoch (dropout) follow from ``seed`` and the epoch alone, so that a resumed training
    equals an uninterrupted one.

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
        evaluation: EvalOptions = EvalOptions(),  # noqa: B008  frozen
        training: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.vocabulary, self.rate, self.info = model, vocabulary, rate, info
        self.video_of_caption, self.weight_decay, self.seed = video_of_caption, weight_decay, seed
        self.evaluation, self.record = evaluation, training
        self.scores: list[float] = []  # validation rsum of each epoch
        self._encoded: dict[str, list[LevelEmbeddings]] = {"video": [], "text": []}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all parameters."""
        return torch.optim.Adam(self.model.parameters(), lr=self.rate.lr, weight_decay=self.weight_decay)

    def on_train_batch_start(self, batch: PairBatch, batch_index: int) -> None:
        """Set the epoch's random state and learning rate (Lightning skips its epoch hook after a resume)."""
        if batch_index > 0:
            return
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        lr = self.rate.at(self.current_epoch, self.scores)
        for group in self.optimizers().param_groups:
            group["lr"] = lr
        self.log("lr", lr, on_step=False, on_epoch=True, batch_size=1)

    def training_step(self, batch: PairBatch, batch_index: int) -> Tensor:
        """The model's loss on a batch of pairs."""
        video, text = self.model.encode_video(batch.video), self.model.encode_text(batch.text)
        losses = self.model.loss(video, text, batch.video_of_text)
        if not bool(torch.isfinite(losses["loss"])):
            raise DataError(
                "training loss", f"is {float(losses['loss'].detach())} in epoch {self.current_epoch + 1}",
                "lower lr, clip gradients with clip_grad, or check the features",
            )  # fmt: skip
        size = len(batch.video_of_text)
        for name, value in losses.items():
            self.log(f"train/{name}", value.detach(), on_epoch=True, on_step=False, batch_size=size)
        return losses["loss"]

    def on_validation_epoch_start(self) -> None:
        """Forget embeddings of a validation that was cut short."""
        self._encoded = {"video": [], "text": []}

    def validation_step(self, batch: EncodeBatch, batch_index: int) -> None:
        """Embed videos or captions; they are ranked once all are there."""
        encode = self.model.encode_video if batch.side == "video" else self.model.encode_text
        self._encoded[batch.side].append(encode(batch.graph))  # type: ignore[arg-type]

    def on_validation_epoch_end(self) -> None:
        """Rank all pairs and log the metrics."""
        video, text = (LevelEmbeddings.cat(self._encoded[side]) for side in ("video", "text"))
        self._encoded = {"video": [], "text": []}
        (ranks,) = rank_all(self.model, video, text, self.video_of_caption, self.evaluation)
        metrics = flat_metrics(ranks.metrics())
        self.scores.append(metrics["rsum"])
        self.log_dict({f"val/{name}": value for name, value in metrics.items()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what :func:`graphvtr.tasks.checkpoint.load_checkpoint` needs."""
        info = replace(self.info, epoch=self.current_epoch + 1, scores=list(self.scores))
        checkpoint[KEY] = header(self.model, self.vocabulary, info, self.record)

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
        self.scores = list(checkpoint[KEY]["info"]["scores"])
