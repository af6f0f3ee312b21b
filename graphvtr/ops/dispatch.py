"""The table that ``backend("auto")`` follows: which backend an op runs on, from how many elements up, and why."""

from __future__ import annotations

import json
import platform
import re
import warnings
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from graphvtr._optional import is_installed
from graphvtr._version import __version__
from graphvtr.cache_folder import cache_folder
from graphvtr.reading import read_json

FORMAT = 1


@dataclass(frozen=True)
class Rule:
    """One line of the table: ``op`` runs on ``backend`` on this kind of device from ``least`` elements up.

    Args:
        op: name of the op.
        device: ``"cpu"`` or ``"cuda"``.
        least: elements of the op's first floating argument.
        backend: a folder of kernels.
        figure: what was measured, in words.
        source: ``"shipped"`` (measured by ``benchmarks/speed/ops.py``), ``"provisional"`` (compiled and tested, not
            timed on such a device yet) or ``"this machine"`` (``graphvtr kernels --measure``).
    """

    op: str
    device: str
    least: int
    backend: str
    figure: str = ""
    source: str = "shipped"


_UNTIMED = "compiles for sm_90 without spills; not timed yet"
#: The first line that fits and whose backend is usable wins, else ``torch``. Ops without a line run on ``torch``.
SHIPPED: tuple[Rule, ...] = (
    Rule("role_attention", "cpu", 0, "native", "1.0 times as quick as torch without roles, to 5.9 with (ops_cpu.csv)"),
    Rule("segment_attention", "cpu", 0, "native", "ragged segments: 1.6 to 4.8 times as quick as torch (ops_cpu.csv)"),
    Rule("local_match", "cpu", 0, "native", "1.6 to 2.1 times as quick as torch (ops_cpu.csv)"),
    Rule("gather_segment_reduce", "cpu", 0, "torch", "1.0 to 1.6 times as quick as native (ops_cpu.csv)"),
    Rule("complete_graph_walk", "cpu", 0, "torch", "0.8 to 4.7 times as quick as dense forms (ops_cpu.csv)"),
    *(
        Rule(op, "cuda", 0, "triton", _UNTIMED, "provisional")
        for op in ("segment_reduce", "segment_softmax", "gather_segment_reduce", "role_attention")
    ),
)


@cache
def device_name(kind: str, index: int = 0) -> str:
    """The device's own name: the GPU's, or the processor's model."""
    if kind == "cuda":
        return str(torch.cuda.get_device_name(index))
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """What a measurement holds for."""
    out = {"graphvtr": __version__, "torch": str(torch.__version__)}
    if is_installed("triton"):
        from importlib.metadata import version

        out["triton"] = version("triton")
    return out


def table_path(kind: str) -> Path:
    """Where the measurements of this machine lie: ``$GRAPHVTR_CACHE`` or ``~/.cache/graphvtr``, a file a device."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", f"{kind} {device_name(kind)}").strip("-").lower()
    return cache_folder() / "measured" / f"{name}.json"


def write_table(kind: str, rules: list[Rule]) -> Path:
    """Keep the measurements of this machine, for ``auto`` to follow from now on."""
    from graphvtr.atomic import whole

    path = table_path(kind)
    document = {"format": FORMAT, "device": device_name(kind), "versions": versions(), "rules": [*map(asdict, rules)]}
    with whole(path) as place:
        place.write_text(json.dumps(document, indent=2) + "\n")
    measured.cache_clear()
    return path


@cache
def measured(kind: str) -> tuple[Rule, ...] | None:
    """The table of this machine; None where it has not been measured, or with other versions."""
    if kind == "cuda" and not torch.cuda.is_available():
        return None
    path = table_path(kind)
    if not path.is_file():
        return None
    try:
        found = read_json(path)
        if found["format"] != FORMAT or found["versions"] != versions() or found["device"] != device_name(kind):
            return None
        return tuple(_rule(row) for row in found["rules"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        warnings.warn(f"{path}: is no table of measurements ({error}); run graphvtr kernels --measure", stacklevel=2)
        return None


def _rule(row: dict[str, Any]) -> Rule:
    rule = Rule(
        str(row["op"]), str(row["device"]), int(row["least"]), str(row["backend"]), str(row["figure"]), "this machine"
    )
    if rule.backend not in ("torch", "native", "triton", "torch_scatter"):
        raise ValueError(f"names the backend '{rule.backend}'")
    return rule
