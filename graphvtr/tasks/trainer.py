"""``fit``: one training run in one folder, resumable."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from graphvtr._optional import optional_import
from graphvtr.atomic import write_whole
from graphvtr.datasets import DataSource, RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.registered import registered_name
from graphvtr.tasks.callbacks import AfterEpoch, Progress, ResumedRows, RunFiles, SafeCheckpoints
from graphvtr.tasks.checkpoint import CheckpointInfo, weights_of
from graphvtr.tasks.data import RetrievalData
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.negatives import HardNegatives
from graphvtr.tasks.options import TrainOptions as TrainOptions
from graphvtr.tasks.prepare import prepare, prepare_training
from graphvtr.tasks.ranking import EvalOptions
from graphvtr.tasks.run_state import check_new, check_resumed, data_record, restore_best, training_record
from graphvtr.text import Vocabulary
from graphvtr.text.pairs import read_pairs
from graphvtr.text.parser import shorten

logger = logging.getLogger(__name__)
pl: Any = optional_import("pytorch_lightning", "train", "training")
environments: Any = optional_import("lightning_fabric.plugins.environments", "train", "training")
PRECISION = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # in the order in which Lightning looks
LIGHTNING_LOGGERS = ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")


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
    config: str | None = None,
    after_epoch: AfterEpoch | None = None,
) -> FitResult:
    """Train a model; the folder ``out`` gets

    ::

        best.ckpt       the epoch with the best validation rsum
        last.ckpt       the last epoch, with the state of the optimiser: what resume continues from
        config.yaml     ``config``, where given
        tensorboard/    losses, learning rate and validation metrics

    The same options, data and seed give the same numbers, resumed or not, in the same folder or one that it was moved
    to. Options that a resume changes are told and kept, dated, in the checkpoints' info; nothing is written before
    everything is checked. Build the model after ``seed_everything(options.seed)`` for the same initial weights.

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
        config: the configuration of the run as text.
        after_epoch: called after every epoch with the validation rsum of all so far.

    Raises:
        DataError: ``out`` holds a run already (without ``resume``) or none (with it), or its checkpoint is of
            another model, other data or more epochs; a bad option; another run writes to ``out``.
        DivergedError: a loss, embeddings or a gradient that are not finite; the best epoch's checkpoint stays.
        Interrupted: Ctrl-C or SIGTERM; says how to go on.
    """
    out = Path(out)
    with run_lock(out):
        return _fit(model, vocabulary, train, val, out, started(options), info, resume, progress, config, after_epoch)


def _fit(
    model: RetrievalModel,
    vocabulary: Vocabulary,
    train: RetrievalDataset,
    val: RetrievalDataset,
    out: Path,
    options: TrainOptions,
    info: CheckpointInfo | None,
    resume: bool,
    progress: bool,
    config: str | None,
    after_epoch: AfterEpoch | None,
) -> FitResult:
    last, best = out / "last.ckpt", out / "best.ckpt"
    if options.overfit is not None:
        train = val = train[: options.overfit]
    if options.accumulate > 1 and first_process():
        logger.warning(
            "%d batches of %d make a step; the negatives of a pair are those of its own batch (encode_chunk takes "
            "large batches with all their negatives)",
            options.accumulate,
            options.batch_size,
        )
    name = registered_name(model)
    info = info or CheckpointInfo(name, dataset=train.name, video_dim=train.video_dim)
    if not info.provenance:
        info = replace(info, provenance=train.provenance.with_words(vocabulary.words).to_dict())
    model.vocabulary, model.info = vocabulary, asdict(info)
    record = data_record(train, val)
    state = check_resumed(last, model, vocabulary, info, options, record) if resume else check_new(last)
    if reason := state.finished(options):
        logger.warning("%s: nothing to do, %s", out, reason)
        if first_process():
            restore_best(last, state)
        model.load_state_dict(weights_of(last, state.content))
        return FitResult(best, last, state.scores)
    follows_loss = options.schedule_monitor == "loss"
    data = RetrievalData(
        prepare_training(train, model, vocabulary),
        (prepare_training if follows_loss else prepare)(val, model, vocabulary),
        batch_size=options.batch_size,
        seed=options.seed,
        captions_per_video=options.captions_per_video,
        distinct_videos=options.distinct_videos,
        bucket=options.bucket,
        workers=options.workers,
        negatives=_negatives(options, train, model, vocabulary, info),
        twins=options.twins,
        steps=None if options.val_every is None else options.val_every * options.accumulate,
        model=model,
    )
    if not resume:
        model.begin(data.train, data.val)
    data.sampler.set_epoch(state.epoch)  # Lightning makes the first iterator of a resumed run before it sets the epoch
    module = RetrievalModule(
        model,
        vocabulary,
        options.rate,
        replace(info, changes=state.changes),
        val.video_of_caption,
        weight_decay=options.weight_decay,
        seed=options.seed,
        evaluation=EvalOptions(protocol=options.protocol),
        negative_weight=options.negative_weight,
        warmup_epochs=options.warmup_epochs,
        loss_batch=options.batch_size if follows_loss else None,
        training=training_record(options, record),
        encode_chunk=options.encode_chunk,
        ema=options.ema,
        compile=options.compile,
        mixed=options.precision != "float32",
        folder=out,
    )
    if resume:
        module.check_state(last, state.content)
    files = RunFiles(out, options.patience, state.epoch, after_epoch, options.warmup_epochs)
    with _quiet(), files.telling_how_to_go_on(options.epochs):
        trainer = _trainer(out, options, files, progress, resume)
        if first_process():
            restore_best(last, state)
        if config is not None and first_process():
            write_whole(out / "config.yaml", config)
        trainer.fit(module, datamodule=data, ckpt_path=str(last) if resume else None)
    return FitResult(best, last, module.scores)


def _negatives(
    options: TrainOptions, train: RetrievalDataset, model: RetrievalModel, vocabulary: Vocabulary, info: CheckpointInfo
) -> HardNegatives | None:
    if options.negatives is None:
        return None
    source = DataSource(parser=info.parser or None)
    return HardNegatives(read_pairs(options.negatives), train, model, vocabulary, source)


def _trainer(out: Path, options: TrainOptions, files: RunFiles, progress: bool, resume: bool = False) -> Any:
    """Lightning's trainer.

    Raises:
        DataError: Lightning refuses devices, nodes or strategy.
    """
    callbacks: list[Any] = [files]
    if progress:
        callbacks.append(Progress())
    plugins: list[Any] = [SafeCheckpoints()]
    logger = _logger(out, options.logger, resume)
    try:
        if environments.SLURMEnvironment.detect() and not environments.TorchElasticEnvironment.detect():
            # what a run goes on from is its last.ckpt
            plugins.append(environments.SLURMEnvironment(auto_requeue=False))
        return pl.Trainer(
            accelerator={"cuda": "gpu"}.get(options.device, options.device),
            devices=options.devices,
            num_nodes=options.num_nodes,
            strategy=options.strategy,
            max_epochs=options.epochs,
            callbacks=callbacks,
            logger=logger,
            accumulate_grad_batches=options.accumulate,
            precision=PRECISION[options.precision],
            gradient_clip_val=options.clip_grad,
            deterministic=options.deterministic,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            log_every_n_steps=1,
            plugins=plugins,
        )
    except (pl.utilities.exceptions.MisconfigurationException, ValueError, RuntimeError) as error:
        asked = f"devices {options.devices}, num_nodes {options.num_nodes}, strategy {options.strategy}"
        reason = shorten(" ".join(str(error).split()), 300)
        raise DataError(asked, f"Lightning refuses them: {reason}", "see the guide of several GPUs") from error


def _logger(out: Path, kind: str, resume: bool = False) -> Any:
    if kind == "tensorboard":
        return pl.loggers.TensorBoardLogger(out, name=None, version="tensorboard")
    if kind == "csv":
        logger = pl.loggers.CSVLogger(out, name=None, version="csv")
        if resume and first_process():
            logger._experiment = ResumedRows(logger.log_dir)
        return logger
    if kind == "wandb":
        optional_import("wandb", "wandb", "--logger wandb")
        return pl.loggers.WandbLogger(name=out.name, save_dir=out, project="graphvtr")
    return False


def run_lock(out: Path) -> AbstractContextManager[None]:
    """Be the only run in a folder, which is made; of a distributed run the first process is."""
    return output_lock(out, folder=True) if first_process() else nullcontext()


def started(options: TrainOptions) -> TrainOptions:
    """The options with as many devices and nodes as torchrun or SLURM has started processes for."""
    world, local = (int(os.environ.get(name, 0)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    if world and local:
        return replace(options, devices=local, num_nodes=world // local)
    tasks = os.environ.get("SLURM_NTASKS_PER_NODE")
    if tasks and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive"):  # where Lightning starts them itself
        return replace(options, devices=int(tasks), num_nodes=int(os.environ.get("SLURM_NNODES", options.num_nodes)))
    return options


def first_process() -> bool:
    """Whether this is the process of a distributed run that writes its files, as torchrun, SLURM or Lightning tell."""
    node = 0 if os.environ.get("RANK") else int(os.environ.get("NODE_RANK") or 0)  # of nodes that Lightning joins
    return node == 0 and int(next((os.environ[name] for name in RANKS if os.environ.get(name)), 0)) == 0


@contextmanager
def _quiet() -> Iterator[None]:
    """No advice that does not apply here; the global determinism switch is left as it was."""
    loggers = [logging.getLogger(name) for name in LIGHTNING_LOGGERS]
    levels = [logger.level for logger in loggers]
    was = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with warnings.catch_warnings():
        for message in (
            ".*does not have many workers.*",
            ".*GPU available but not used.*",
            ".*exists and is not empty.*",
            ".*number of training batches.*",
            ".*recommended to use `self.log.*sync_dist.*",
            ".*isinstance\\(treespec, LeafSpec\\).*",
            ".*Attribute 'model' is an instance of `nn.Module`.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            torch.use_deterministic_algorithms(was[0], warn_only=was[1])
