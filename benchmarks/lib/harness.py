"""What every benchmark needs: medians, peak memory, where the numbers were measured, result files."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib.paths import RESULTS, git, uncommitted, without_places
from graphvtr._version import __version__


@dataclass(frozen=True)
class Timing:
    """Seconds a call: median, 20th and 80th percentile, and how many calls were timed."""

    median: float
    p20: float
    p80: float
    calls: int


def measure(call: Callable[[], object], *, seconds: float = 2.0, min_calls: int = 5, warmup: int = 2) -> Timing:
    """Time ``call`` until ``seconds`` have passed and at least ``min_calls`` were timed."""
    for _ in range(warmup):
        call()
    _synchronize()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < min_calls or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        _synchronize()
        times.append(time.perf_counter() - begin)
    cuts = statistics.quantiles(times, n=5) if len(times) > 1 else [times[0]] * 4
    return Timing(statistics.median(times), cuts[0], cuts[3], len(times))


def peak_memory(call: Callable[[], object]) -> int:
    """Bytes that ``call`` adds at its peak: allocator peak on CUDA, else tensor memory by the profiler."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        base = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - base
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def max_resident() -> int:
    """Largest resident size of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def environment(*packages: str) -> dict[str, Any]:
    """Device, versions and commit, for the head of a result file."""
    names = ("torch", "torch-geometric", "numpy", *packages)
    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else _cpu_name(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        # an editable install keeps the version that it was made with: the code that runs knows its own
        "versions": {**{name: _version(name) for name in names}, "graphvtr": __version__},
        "commit": (git("rev-parse", "--short", "HEAD") or "unknown") + ("+changes" if uncommitted() else ""),
        "date": time.strftime("%Y-%m-%d"),
    }


def write_result(name: str, rows: Any, **head: Any) -> Path:
    """Write ``NAME.json`` with the environment on top; where to, ``benchmarks/lib/paths.py`` says. Folders of this
    machine get names."""
    path = RESULTS / f"{name}.json"
    content = {"environment": environment(), **head, "rows": rows}
    path.write_text(without_places(json.dumps(content, indent=1, default=_plain)) + "\n")
    print(f"wrote {path}")
    return path


@contextlib.contextmanager
def printed_to(name: str) -> Iterator[None]:
    """What is printed inside goes to ``results/NAME.txt`` too."""
    out, screen = io.StringIO(), sys.stdout

    class Both(io.TextIOBase):
        def write(self, text: str) -> int:
            out.write(text)
            return screen.write(text)

        def flush(self) -> None:
            screen.flush()

    with contextlib.redirect_stdout(Both()):
        yield
    path = RESULTS / f"{name}.txt"
    path.write_text("\n".join(line.rstrip() for line in out.getvalue().strip().splitlines()) + "\n")
    print(f"wrote {path}")


def _plain(value: object) -> object:
    return asdict(value) if isinstance(value, Timing) else str(value)


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
