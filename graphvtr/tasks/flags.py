"""Flags of ``graphvtr train`` as they are typed, and as the parser of the configuration takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

from graphvtr.datasets.source import parse_options
from graphvtr.errors import DataError
from graphvtr.static_help import SHIPPED, shipped_names


def _config_file(model: str, name: str) -> str:
    """The file that ``--config NAME`` means: one that is there, else a shipped one.

    Raises:
        DataError: neither; the message lists the shipped configurations, those of the model first.
    """
    shipped = SHIPPED / f"{name}.yaml"
    if Path(name).is_file() or shipped.is_file():
        return name if Path(name).is_file() else str(shipped)
    near = get_close_matches(name, shipped_names(), n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    known = sorted(shipped_names(), key=lambda known: (not f"{known}_".startswith(f"{model}_"), known))
    raise DataError(
        f"graphvtr train {model}: --config {name}",
        "no such file and no shipped configuration",
        f"{hint}known: {', '.join(known)}",
    )


def tidy(model: str, arguments: Sequence[str]) -> list[str]:
    """``--batch-size`` is ``--batch_size``, ``--config hgr`` a shipped file unless there is a file of that name, and
    ``--option NAME=VALUE`` an entry of ``--options``, as in the other commands."""
    out: list[str] = []
    options: list[str] = []
    for argument in arguments:
        if out and out[-1] == "--option":
            options.append(argument)
            out.pop()
            continue
        if argument.startswith("--option="):
            options.append(argument.removeprefix("--option="))
            continue
        if argument.startswith("--"):
            name, *value = argument.split("=", 1)
            if name == "--config" and value:
                value = [_config_file(model, value[0])]
            argument = "=".join(["--" + name[2:].replace("-", "_"), *value])
        elif out and out[-1] == "--config":
            argument = _config_file(model, argument)
        out.append(argument)
    return out + [f"--options.{name}={flag(value)}" for name, value in parse_options(options).items()]


def given(flags: Sequence[str], name: str) -> list[str]:
    """The values that a flag has on the command line."""
    values = [flag.removeprefix(f"{name}=") for flag in flags if flag.startswith(f"{name}=")]
    return values + [value for flag, value in pairwise(flags) if flag == name]


def flag(value: Any) -> str:
    """A value as a flag takes it."""
    return str(value) if isinstance(value, str | Path) else json.dumps(value)
