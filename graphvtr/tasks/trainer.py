"""``fit``: one training run in one folder, resumable."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr._optional import optional_import
from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.models.base import registered_name
from graphvtr.tasks.checkpoint import CheckpointInfo, read_file, read_header, read_info, write_file
from graphvtr.tasks.data import Bucket, RetrievalData
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.prepare import prepare, prepare_training
from graphvtr.tasks.sampler import CaptionsPerVideo
from graphvtr.tasks.schedule import LearningRate, Schedule
from graphvtr.text import Vocabulary
from graphvtr.text.parser import shorten

pl: Any = optional_import("pytorch_lightning", "train", "training")
LIGHTNING_LOGGERS = ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")


@dataclass(frozen=True)
class TrainOptions:
    """How to train. The defaults are those of HGR's paper.

    Args:
        epochs: passes over the training captions.
        batch_size: captions a batch.
        lr: learning rate of Adam.
        schedule: ``none``, ``exponential``, ``cosine``, ``step``, ``plateau`` or ``drop``, see
            :class:`graphvtr.tasks.schedule.LearningRate`.
        factor: of the schedule.
        schedule_patience: epochs without a better validation rsum before ``plateau`` acts; epochs between two
            reductions of ``drop`` or ``step``.
        decay: the rate is multiplied by this every epoch, on top of the schedule.
        weight_decay: of Adam.
        clip_grad: largest norm of the gradient; null does not clip.
        captions_per_video: ``all`` captions of a video every epoch, or ``one`` at random.
        distinct_videos: no two captions of one video meet in a batch.
        bucket: ``words`` or ``frames`` puts captions, or captions of videos, of similar length into a batch.
        patience: stop after that many epochs without a better validation rsum; null trains all epochs.
        seed: of the initial weights, the order of the captions and dropout.
        workers: threads that cut batches.
        device: ``cpu``, ``cuda`` or ``auto``.
        deterministic: use only operations that give the same numbers every time.
    """

    epochs: int = 50
    batch_size: int = 128
    lr: float = 1e-4
    schedule: Schedule = "none"
    factor: float = 0.5
    schedule_patience: int = 3
    decay: float = 1.0
    weight_decay: float = 0.0
    clip_grad: float | None = None
    captions_per_video: CaptionsPerVideo = "all"
    distinct_videos: bool = False
    bucket: Bucket = "none"
    patience: int | None = None
    seed: int = 0
    workers: int = 0
    device: str = "auto"
    deterministic: bool = True

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("workers", 0), ("patience", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise DataError(name, f"is {value}", f"give {least} or more")
        if self.device not in ("auto", "cpu", "cuda"):
            raise DataError(f"device '{self.device}'", "unknown", "known: auto, cpu, cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise DataError("device 'cuda'", "is not there", "use --device cpu")
        _ = self.rate  # checks lr, schedule and factor

    @property
    def rate(self) -> LearningRate:
        """The learning rate of every epoch."""
        return LearningRate(self.lr, self.schedule, self.factor, self.schedule_patience, self.epochs, self.decay)


@dataclass(frozen=True)
class FitResult:
    """Where a run's checkpoints are, and the validation rsum of every epoch."""

    best: Path
    last: Path
    scores: list[float]


def fit(
    model: RetrievalModel,
    vocabulary: Vocabulary,
    train: RetrievalDataset,
    val: RetrievalDataset,
    out: str | Path,
    options: TrainOptions = TrainOptions(),
    *,
    info: CheckpointInfo | None = None,
    resume: bool = False,
    progress: bool = True,
) -> FitResult:
    """Train a model; the folder ``out`` gets

    ::

        best.ckpt       the epoch with the best validation rsum
        last.ckpt       the last epoch, with the state of the optimiser: what resume continues from
        tensorboard/    losses, learning rate and validation metrics

    The same options, data and seed give the same numbers, resumed or not. Build the model after
    ``seed_everything(options.seed)`` for the same initial weights.

    Args:
        model: a fresh model; with ``resume`` its weights are replaced.
        vocabulary: of the captions.
        train: training split, as it comes from :func:`graphvtr.datasets.build_dataset`.
        val: validation split.
        out: folder of the run; made if it is not there.
        options: how to train.
        info: what the checkpoints say about the run.
        resume: continue from ``out/last.ckpt``.
        progress: show a progress bar and a line for every epoch.

    Raises:
        DataError: ``out`` holds a run already (without ``resume``) or none (with it), or its checkpoint is of
            another model; a loss that is not finite; a bad option.
    """
    out = Path(out)
    name = registered_name(model)
    info = info or CheckpointInfo(name, dataset=train.name, video_dim=train.video_dim)
    last = out / "last.ckpt"
    done = check_run(last, model, vocabulary, info, resume)
    out.mkdir(parents=True, exist_ok=True)
    data = RetrievalData(
        prepare_training(train, model, vocabulary),
        prepare(val, model, vocabulary),
        batch_size=options.batch_size,
        seed=options.seed,
        captions_per_video=options.captions_per_video,
        distinct_videos=options.distinct_videos,
        bucket=options.bucket,
        workers=options.workers,
    )
    data.sampler.set_epoch(done)  # Lightning makes the first iterator of a resumed run before it sets the epoch
    module = RetrievalModule(
        model,
        vocabulary,
        options.rate,
        info,
        val.video_of_caption,
        weight_decay=options.weight_decay,
        seed=options.seed,
    )
    with _quiet():
        trainer = _trainer(out, options, progress)
        trainer.fit(module, datamodule=data, ckpt_path=str(last) if resume else None)
    return FitResult(out / "best.ckpt", last, module.scores)


def _trainer(out: Path, options: TrainOptions, progress: bool) -> Any:
    # `best` comes first, so that the state in last.ckpt knows the epoch's best
    best = pl.callbacks.ModelCheckpoint(
        out, "best", monitor="val/rsum", mode="max", save_weights_only=True, save_on_train_epoch_end=True,
        enable_version_counter=False,
    )  # fmt: skip
    last = pl.callbacks.ModelCheckpoint(out, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    callbacks = [best, last]
    if options.patience is not None:
        callbacks.append(pl.callbacks.EarlyStopping("val/rsum", mode="max", patience=options.patience))
    if progress:
        callbacks.append(Progress())
    return pl.Trainer(
        accelerator={"cuda": "gpu"}.get(options.device, options.device),
        devices=1,
        max_epochs=options.epochs,
        callbacks=callbacks,
        logger=pl.loggers.TensorBoardLogger(out, name=None, version="tensorboard"),
        gradient_clip_val=options.clip_grad,
        deterministic=options.deterministic,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        log_every_n_steps=1,
        plugins=[SafeCheckpoints()],
    )


class SafeCheckpoints(pl.plugins.io.TorchCheckpointIO):  # type: ignore[misc,name-defined]
    """Checkpoints are read weights only, and written to a side file first."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint``; it appears at ``path`` only once it is whole."""
        write_file(path, checkpoint)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint of tensors and plain values."""
        return read_file(Path(path))


class Progress(pl.callbacks.Callback):  # type: ignore[misc,name-defined]
    """A progress bar over the batches of each epoch (on a terminal) and a line after it."""

    def __init__(self) -> None:
        self.bar = tqdm(disable=True)

    def on_train_epoch_start(self, trainer: Any, module: RetrievalModule) -> None:
        """Begin the epoch's bar."""
        title = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self.bar = tqdm(total=trainer.num_training_batches, desc=title, leave=False, disable=None)

    def on_train_batch_end(self, trainer: Any, module: RetrievalModule, outputs: dict[str, Tensor], *_: Any) -> None:
        """Move the bar on."""
        self.bar.set_postfix_str(f"loss {float(outputs['loss']):.4f}", refresh=False)
        self.bar.update()

    def on_train_epoch_end(self, trainer: Any, module: RetrievalModule) -> None:
        """Print loss, validation metrics, and whether they are the best so far."""
        self.bar.close()
        logged: dict[str, Tensor] = trainer.callback_metrics
        scores = module.scores
        best = "  best" if scores[-1] > max(scores[:-1], default=float("-inf")) else ""
        recalls = "  ".join(f"{side} R@1 {float(logged[f'val/{side}_R@1']):.1f}" for side in ("t2v", "v2t"))
        tqdm.write(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  loss {float(logged['train/loss']):.4f}  "
            f"val rsum {scores[-1]:.1f}  {recalls}{best}"
        )

    def on_exception(self, trainer: Any, module: RetrievalModule, exception: BaseException) -> None:
        """Leave no half-drawn bar behind."""
        self.bar.close()


def check_run(last: Path, model: RetrievalModel, vocabulary: Vocabulary, info: CheckpointInfo, resume: bool) -> int:
    """Epochs behind a run, 0 for a new one; refuses to overwrite a run, to resume none, or one of another model.

    Raises:
        DataError: as :func:`fit`.
    """
    if not resume:
        if last.exists():
            raise DataError(last.parent, "holds a run already", "pass --resume to continue it, or another --out")
        return 0
    if not last.exists():
        raise DataError(last, "no such file, so there is nothing to resume", "start without --resume")
    header = read_header(last, read_file(last))
    found_info, found, wanted = read_info(last, header, info.model), header["config"], dict(model.config)
    differing = sorted(key for key in found.keys() | wanted if found.get(key) != wanted.get(key))
    if differing:
        values = ", ".join(
            f"{key} {shorten(str(found.get(key)))} instead of {shorten(str(wanted.get(key)))}" for key in differing
        )
        raise DataError(last, f"was trained with other model options: {values}", "resume with the run's config.yaml")
    if header["vocabulary"] != vocabulary.to_dict():
        raise DataError(last, "was trained with another vocabulary", "resume with the same training data")
    if (found_info.dataset, found_info.featurizer) != (info.dataset, info.featurizer):
        raise DataError(
            last, f"was trained on {found_info.dataset} {found_info.featurizer}",
            f"start {info.dataset} {info.featurizer} in another --out",
        )  # fmt: skip
    return found_info.epoch


@contextmanager
def _quiet() -> Iterator[None]:
    """No advice that does not apply here; the global determinism switch is left as it was."""
    loggers = [logging.getLogger(name) for name in LIGHTNING_LOGGERS]
    levels = [logger.level for logger in loggers]
    was = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with warnings.catch_warnings():
        for message in (
            ".*does not have many workers.*", ".*GPU available but not used.*", ".*exists and is not empty.*",
            ".*number of training batches.*", ".*isinstance\\(treespec, LeafSpec\\).*", ".*dirpath has changed.*",
            ".*Attribute 'model' is an instance of `nn.Module`.*",
        ):  # fmt: skip
            warnings.filterwarnings("ignore", message=message)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            torch.use_deterministic_algorithms(was[0], warn_only=was[1])
