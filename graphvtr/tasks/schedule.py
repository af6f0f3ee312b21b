"""Learning rates as a function of the epoch and of the validation scores so far.

Nothing is stepped: the rate of an epoch follows from numbers that a checkpoint carries, so that a resumed run takes
the same rates as an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from graphvtr.errors import DataError, check_choice
from graphvtr.values import plain_fields

Schedule = Literal["none", "exponential", "cosine", "step", "plateau", "drop"]


@dataclass(frozen=True)
class LearningRate:
    """The learning rate of every epoch, after the validation scores so far (rsum, or the loss with its sign turned).

    ===============  ====================================================================================
    ``none``         ``lr`` throughout
    ``exponential``  ``lr * factor ** epoch``
    ``cosine``       from ``lr`` along half a cosine to ``lr * factor`` in the last epoch
    ``step``         multiplied by ``factor`` every ``patience`` epochs
    ``plateau``      multiplied by ``factor`` each time ``patience`` epochs in a row brought no better
                     validation score
    ``drop``         multiplied by ``factor`` after every epoch without a better validation score, but each
                     rate is kept for ``patience`` epochs at least (Dual Encoding's released code)
    ===============  ====================================================================================

    Args:
        lr: rate of the first epoch.
        schedule: see above.
        factor: see above, over 0 and at most 1.
        patience: see above.
        epochs: length of the training.
        warmup: epochs at the start after which the loss is another one: ``plateau`` and ``drop`` wait for better scores
            than those that came after them, as a model first gets worse where its loss gets harder.
        decay: on top of any schedule the rate is multiplied by this every epoch.

    Raises:
        DataError: an unknown schedule, or a value out of range.

    Example:
        >>> LearningRate(0.1, "plateau", factor=0.5, patience=1).at(4, [10.0, 12.0, 11.0, 13.0])
        0.05
    """

    lr: float
    schedule: Schedule = "none"
    factor: float = 0.5
    patience: int = 3
    epochs: int = 50
    decay: float = 1.0
    warmup: int = 0

    def __post_init__(self) -> None:
        plain_fields(self)
        check_choice("schedule", self.schedule, Schedule)
        for name, ok, wanted in (
            ("lr", self.lr > 0, "a number over 0"),
            ("factor", 0 < self.factor <= 1, "a number over 0 and at most 1"),
            ("decay", 0 < self.decay <= 1, "a number over 0 and at most 1"),
            ("patience", self.patience >= 1, "1 or more"),
            ("warmup", self.warmup >= 0, "0 or more"),
        ):
            if not ok:
                raise DataError(name, f"is {getattr(self, name)}", f"give {wanted}")

    def at(self, epoch: int, scores: Sequence[float] = ()) -> float:
        """The rate of ``epoch`` (from 0 on), after the validation ``scores`` of the epochs before it."""
        rate = self.lr * self.decay**epoch
        if self.schedule == "exponential":
            return rate * self.factor**epoch
        if self.schedule == "cosine":
            share = min(epoch / max(1, self.epochs - 1), 1.0)
            return rate * (self.factor + (1 - self.factor) * (1 + math.cos(math.pi * share)) / 2)
        if self.schedule == "step":
            return rate * self.factor ** (epoch // self.patience)
        if self.schedule in ("plateau", "drop"):
            return rate * self.factor ** self._reductions(scores[self.warmup : epoch])
        return rate

    def _reductions(self, scores: Sequence[float]) -> int:
        """How often ``plateau`` or ``drop`` has acted."""
        best, waited, found = -math.inf, 0, 0
        for score in scores:
            better, best = score > best, max(best, score)
            waited = 0 if better and self.schedule == "plateau" else waited + 1
            if not better and waited >= self.patience:
                found, waited = found + 1, 0
        return found
