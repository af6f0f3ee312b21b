"""What a training run has behind it, read from its checkpoint alone: a folder may be moved or copied."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.nn.models import RetrievalModel
from graphvtr.provenance import Provenance, listed
from graphvtr.tasks.checkpoint import CheckpointInfo, read_file, read_header, read_info, write_file
from graphvtr.tasks.options import TrainOptions
from graphvtr.text import Vocabulary
from graphvtr.text.parser import shorten

logger = logging.getLogger(__name__)

TRAINING = "training"  # in a checkpoint's header, beside config, vocabulary and info: how the run trains
STATE_KEYS = ("state_dict", "optimizer_states", "loops")  # of Lightning, without which nothing can be continued
ONLY_STATE = ("trained_weights", "optimizer_states", "lr_schedulers", "callbacks", "loops")
SILENT = ("workers",)  # options that change no number


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

    Args:
        epoch: epochs behind it.
        scores: validation rsum of every one.
        changes: what resumes changed so far, see :class:`graphvtr.tasks.CheckpointInfo`.
        content: of ``last.ckpt``.
    """

    epoch: int = 0
    scores: list[float] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)

    def finished(self, options: TrainOptions) -> str:
        """Why there is nothing left to train, empty if there is."""
        if self.epoch and self.epoch == options.epochs:
            return f"all {self.epoch} epochs are trained; more with --epochs"
        if out_of_patience(self.scores, options.patience, options.warmup_epochs):
            return f"stopped early after epoch {self.epoch}; go on with more than --patience {options.patience}"
        return ""


def is_best(scores: Sequence[float]) -> bool:
    """Whether the last score is better than all before it."""
    return scores[-1] > max(scores[:-1], default=float("-inf"))


def out_of_patience(scores: Sequence[float], patience: int | None, warmup: int = 0) -> bool:
    """Whether the last ``patience`` scores are no better than the best before them.

    Args:
        scores: of all epochs so far.
        patience: None is never out.
        warmup: epochs at the start whose scores do not count: then the loss was easier, and a model first gets worse
            where it gets harder.

    Example:
        >>> out_of_patience([1.0, 3.0, 2.0], 2), out_of_patience([1.0, 3.0, 2.0, 3.0], 2), out_of_patience([], 2)
        (False, True, False)
        >>> out_of_patience([9.0, 1.0, 2.0, 3.0], 2), out_of_patience([9.0, 1.0, 2.0, 3.0], 2, warmup=1)
        (True, False)
    """
    scores = scores[warmup:]
    return bool(scores) and patience is not None and len(scores) - 1 - scores.index(max(scores)) >= patience


def data_record(train: RetrievalDataset, val: RetrievalDataset) -> dict[str, str]:
    """What the splits of a run hold, to tell others from them."""
    return {"train": _describe(train), "val": _describe(val)}


def training_record(options: TrainOptions, data: Mapping[str, str]) -> dict[str, Any]:
    """How a run trains, as plain values for its checkpoints."""
    return {"options": asdict(options), "data": dict(data)}


def check_new(last: Path) -> RunState:
    """The state of a run that begins.

    Raises:
        DataError: there is one already.
    """
    if last.exists():
        raise DataError(last.parent, "holds a run already", "pass --resume to continue it, or another --out")
    return RunState()


def check_resumed(
    last: Path,
    model: RetrievalModel,
    vocabulary: Vocabulary,
    info: CheckpointInfo,
    options: TrainOptions,
    data: Mapping[str, str],
) -> RunState:
    """The state of the run in ``last``; says what the new options change. Nothing is written.

    Raises:
        DataError: no run, one of another model, vocabulary or data, or one that has more epochs behind it than
            ``options`` ask for; a damaged file; its ``best.ckpt`` is not there.
    """
    if not last.exists():
        raise DataError(last, "no such file, so there is nothing to resume", "start without --resume")
    content = read_file(last)
    header = read_header(last, content)
    found_info = read_info(last, header, info.model)
    _check_same_model(last, header, found_info, model, vocabulary, info)
    lacking = [key for key in STATE_KEYS if not content.get(key)]
    if lacking:
        raise DataError(
            last,
            f"has no field '{lacking[0]}', so it cannot be continued",
            "resume with the last.ckpt of graphvtr train",
        )
    if options.epochs < found_info.epoch:
        raise DataError(
            "epochs",
            f"is {options.epochs}, and {found_info.epoch} are behind the run {last.parent}",
            f"give more than {found_info.epoch}",
        )
    changes = _changes(last, header.get(TRAINING) or {}, training_record(options, data), found_info.epoch)
    if changes:
        logger.warning("%s goes on with other options: %s", last.parent, "; ".join(map(in_words, changes)))
    state = RunState(found_info.epoch, list(found_info.scores), [*found_info.changes, *changes], content)
    _check_best(last, state)
    return state


def in_words(change: Mapping[str, Any]) -> str:
    """``lr 0.0001 -> 0.5``."""
    return f"{change['option']} {_value(change['from'])} -> {_value(change['to'])}"


def restore_best(last: Path, state: RunState) -> None:
    """Write ``best.ckpt`` where the last epoch is the best and a kill came between the two files.

    Raises:
        DataError: it cannot be written.
    """
    if state.epoch and not _has_best(last, state):
        write_file(last.with_name("best.ckpt"), {key: state.content[key] for key in state.content.keys() - ONLY_STATE})


def _check_best(last: Path, state: RunState) -> None:
    best = state.scores.index(max(state.scores)) + 1
    if best != state.epoch and not _has_best(last, state):
        raise DataError(
            last.with_name("best.ckpt"),
            f"is not that of epoch {best}, the best of the run",
            f"copy the run's own best.ckpt beside {last.name}",
        )


def _has_best(last: Path, state: RunState) -> bool:
    """Whether ``best.ckpt`` is that of the run's best epoch."""
    path = last.with_name("best.ckpt")
    if not path.is_file():
        return False
    scores = read_info(path, read_header(path, read_file(path))).scores
    return scores == state.scores[: state.scores.index(max(state.scores)) + 1]


def _check_same_model(
    last: Path,
    header: Mapping[str, Any],
    found_info: CheckpointInfo,
    model: RetrievalModel,
    vocabulary: Vocabulary,
    info: CheckpointInfo,
) -> None:
    found, wanted = header["config"], dict(model.config)
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
            last,
            f"was trained on {found_info.dataset} {found_info.featurizer}",
            f"start {info.dataset} {info.featurizer} in another --out",
        )
    trained = Provenance.from_dict(found_info.provenance, f"{last}: provenance")
    if differing := trained.differences(Provenance.from_dict(info.provenance), parser=True):
        raise DataError(
            last,
            f"was trained on other features or graphs: {listed(differing)}",
            "resume with the same, or start in another --out",
        )
    if found_info.epoch != len(found_info.scores) or not found_info.scores:
        raise DataError(last, "does not know the score of each of its epochs", "start in another --out")


def _changes(last: Path, found: Mapping[str, Any], wanted: Mapping[str, Any], epoch: int) -> list[dict[str, Any]]:
    """What a resume changes; a file of an older version, which has no record, says nothing."""
    if not found:
        return []
    if (
        not all(isinstance(found.get(key), dict) for key in ("options", "data"))
        or {"train", "val"} - found["data"].keys()
    ):
        raise DataError(last, f"has a wrong field '{TRAINING}'", "start in another --out")
    if found["data"]["val"] != wanted["data"]["val"]:
        raise DataError(
            last,
            f"was validated on {found['data']['val']}, not on {wanted['data']['val']}: scores do not compare",
            "resume with the same validation split, or start in another --out",
        )
    defaults = {item.name: item.default for item in fields(TrainOptions)}
    before = {**defaults, **found["options"], "training data": found["data"]["train"]}
    after = {**wanted["options"], "training data": wanted["data"]["train"]}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        {"time": now, "epoch": epoch, "option": name, "from": before.get(name), "to": value}
        for name, value in after.items()
        if name not in SILENT and before.get(name) != value
    ]


def _describe(dataset: RetrievalDataset) -> str:
    content = [list(dataset.videos), list(dataset.captions), dataset.video_of_caption.tolist()]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
    return f"{dataset.split} ({len(dataset.videos)} videos, {len(dataset.captions)} captions, {digest})"


def _value(value: Any) -> str:
    return "none" if value is None else str(value)
