"""What happens around the epochs of a training: files, early stopping, progress."""

from __future__ import annotations

import csv
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr._optional import optional_import
from graphvtr.ending import Interrupted, going_on
from graphvtr.tasks.batches import PairBatch
from graphvtr.tasks.checkpoint import read_file, write_file
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.run_state import is_best, out_of_patience

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

pl: Any = optional_import("pytorch_lightning", "train", "training")
AfterEpoch = Callable[[Sequence[float]], None]


class RunFiles(pl.callbacks.Checkpoint):  # type: ignore[misc,name-defined]
    """``last.ckpt`` after every epoch, ``best.ckpt`` after one that is better than all before it, and the end of a run
    that has lost its patience. All three follow from the validation scores, which the checkpoint carries: Lightning's
    own callbacks forget them in a folder that was moved.

    Args:
        folder: of the run.
        patience: epochs without a better score before the run ends; None for no such end.
        epochs: that are behind the run already.
        after_epoch: called with all scores so far once an epoch's files are written.
        warmup: epochs at the start that patience does not look at, see :func:`out_of_patience`.
    """

    def __init__(
        self,
        folder: Path,
        patience: int | None = None,
        epochs: int = 0,
        after_epoch: AfterEpoch | None = None,
        warmup: int = 0,
    ) -> None:
        self.folder, self.patience, self.epochs, self.after_epoch = folder, patience, epochs, after_epoch
        self.warmup = warmup
        self._stopped: BaseException | None = None

    def on_train_epoch_end(self, trainer: Any, module: RetrievalModule) -> None:
        """Write, and stop where nothing got better for long enough."""
        # last.ckpt first: a kill between the two is mended on resume, where the last epoch is known to be the best
        trainer.save_checkpoint(self.folder / "last.ckpt")
        self.epochs = trainer.current_epoch + 1
        if is_best(module.scores):
            trainer.save_checkpoint(self.folder / "best.ckpt", weights_only=True)
        if out_of_patience(module.scores, self.patience, self.warmup):
            trainer.should_stop = True
        if self.after_epoch is not None:
            self.after_epoch(module.scores)

    def on_exception(self, trainer: Any, module: RetrievalModule, exception: BaseException) -> None:
        """Remember what stops the run: Lightning makes ``exit(1)`` of Ctrl-C."""
        self._stopped = exception

    @contextmanager
    def telling_how_to_go_on(self, epochs: int) -> Iterator[None]:
        """Around a training of so many epochs.

        Raises:
            Interrupted: Ctrl-C or SIGTERM.
        """
        handler = signal.getsignal(signal.SIGINT)
        main = threading.current_thread() is threading.main_thread()
        with going_on("", lambda: f"after epoch {self.epochs} of {epochs}"):
            try:
                yield
            except SystemExit:
                if isinstance(self._stopped, KeyboardInterrupt):
                    self._how(self._stopped)
                    raise self._stopped from None
                raise
            except KeyboardInterrupt as stop:
                self._how(stop)
                raise
            finally:
                if main and handler is not None:
                    signal.signal(signal.SIGINT, handler)  # which Lightning has set to be ignored

    def _how(self, stop: BaseException) -> None:
        if isinstance(stop, Interrupted):
            stop.how = "continue with --resume" if self.epochs else "start again"


class ResumedRows(pl.loggers.csv_logs.ExperimentWriter):  # type: ignore[misc,name-defined]
    """The rows of ``metrics.csv`` behind those of a run that goes on; Lightning's own writer deletes these."""

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        path = Path(self.metrics_file_path)
        if path.is_file():
            with path.open(newline="") as file:
                self.metrics_keys = next(csv.reader(file), [])

    def _check_log_dir_exists(self) -> None:
        """Nothing is deleted."""


class SafeCheckpoints(pl.plugins.io.TorchCheckpointIO):  # type: ignore[misc,name-defined]
    """Checkpoints are read weights only, and written to a side file first."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint``; it appears at ``path`` only once it is whole."""
        write_file(path, checkpoint)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint of tensors and plain values."""
        return read_file(Path(path))


class Progress(pl.callbacks.Callback):  # type: ignore[misc,name-defined]
    """A progress bar over the batches of each epoch (on a terminal) and a line after it, with captions a second, the
    largest memory so far and the time that is left."""

    def __init__(self) -> None:
        self.bar = tqdm(disable=True)
        self.captions, self.began, self.trained = 0, 0.0, 0.0

    def on_train_epoch_start(self, trainer: Any, module: RetrievalModule) -> None:
        """Begin the epoch's bar."""
        title = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        disable = None if trainer.is_global_zero else True
        self.captions, self.began, self.trained = 0, time.monotonic(), 0.0
        self.bar = tqdm(total=trainer.num_training_batches, desc=title, leave=False, disable=disable)

    def on_train_batch_end(
        self, trainer: Any, module: RetrievalModule, outputs: dict[str, Tensor], batch: PairBatch, *_: Any
    ) -> None:
        """Move the bar on."""
        self.captions += len(batch.video_of_text)
        self.trained = time.monotonic() - self.began  # the validation comes after the last batch
        self.bar.set_postfix_str(f"loss {float(outputs['loss']):.4f}", refresh=False)
        self.bar.update()

    def on_train_epoch_end(self, trainer: Any, module: RetrievalModule) -> None:
        """Print loss, validation metrics, and whether they are the best so far."""
        self.bar.close()
        if not trainer.is_global_zero:
            return
        logged: dict[str, Tensor] = trainer.callback_metrics
        scores = module.scores
        best = "  best" if is_best(scores) else ""
        recalls = "  ".join(f"{side} R@1 {float(logged[f'val/{side}_R@1']):.1f}" for side in ("t2v", "v2t"))
        left = (time.monotonic() - self.began) * (trainer.max_epochs - trainer.current_epoch - 1)
        tqdm.write(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  loss {float(logged['train/loss']):.4f}  "
            f"val rsum {scores[-1]:.1f}  {recalls}  {self.captions / max(self.trained, 1e-9):,.0f} captions/s  "
            f"{_peak_memory(module.device):.1f} GB  {_duration(left)} left{best}"
        )

    def on_exception(self, trainer: Any, module: RetrievalModule, exception: BaseException) -> None:
        """Leave no half-drawn bar behind."""
        self.bar.close()


def _peak_memory(device: Any) -> float:
    """GB that the process has held at most: on its GPU, or in the machine's memory."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 1e9
    if resource is None:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
