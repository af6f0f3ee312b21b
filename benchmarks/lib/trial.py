"""A row of a table of accuracy: a model, its options and how it is trained."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Trial:
    """A row of a table.

    Args:
        name: of the row.
        model: registered name.
        options: the model's constructor arguments, but for those that follow from the data.
        train: fields of :class:`graphvtr.tasks.trainer.TrainOptions` but ``seed``.
    """

    name: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)


def small(trial: Trial, width: int = 32) -> Trial:
    """The row of a quick run, which only shows that all works: narrow, one epoch."""
    size = {"hidden": width, **{name: width for name in ("inner", "bag") if trial.options.get(name)}}
    return replace(trial, options={**trial.options, **size}, train={**trial.train, "epochs": 1})


def wanted(rows: Mapping[str, Trial], arguments: argparse.Namespace) -> list[Trial]:
    """The rows that a command is to train, by its ``--rows`` and ``--tables-only``; tables have all that are there."""
    names = [] if arguments.tables_only else list(rows) if arguments.rows is None else arguments.rows
    return [rows[name] for name in names if name in rows]
