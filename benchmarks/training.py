"""Training at published sizes: captions a second, memory and share of the matrix products' floor, of every model.

    python benchmarks/training.py [--models hgr vsrnet] [--minutes 14] [--device cuda] [--resume] [--quick]

A row is one model in one variant: ``plain`` (float32), ``bfloat16`` encoders, ``chunks`` (gradient caching by an
eighth of the batch), ``ranks`` (two processes on the CPU, one thread each, with half of the batch: compare with
``plain`` under OMP_NUM_THREADS=1) and ``compile``. The floor is the time of one float32 matrix product with as many
operations as a step has in its matrix products. 20 frames of 2048, 8 regions of 2048 a frame; a batch is the largest
of 128, 32 and 8 pairs of which three steps fit into ``--seconds``, the same in all variants, and each row says which.
``graphvtr.yaml`` is GraphVTR as it is shipped, with its level of relations, which its published sizes leave out.
HGR and VSE++ are measured in every variant first, then all models plain, then variant by variant. A row that takes
over 40 times ``--seconds`` (ten times where it is plain) is cut, rows that would begin after ``--minutes`` are left
out; both are said. ``--resume`` keeps the rows that the file has, those that were cut too, and measures what was left
out; with ``--again`` also what was cut. The file is written after every row; each names its commit. bfloat16 on a
processor without instructions for it is several times slower than float32.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.lib.harness import environment, measure, peak_memory, write_result
from benchmarks.lib.paths import RESULTS, ROOT
from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore
from graphvtr.nn.models import MODELS
from graphvtr.ops.flops import flop_formulas
from graphvtr.static_help import SHIPPED
from graphvtr.tasks.batches import PairData
from graphvtr.tasks.checkpoint import CheckpointInfo
from graphvtr.tasks.complexity import PairSize, default_model
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.schedule import LearningRate
from graphvtr.text import Vocabulary
from graphvtr.yaml_files import check_yaml

VARIANTS = ("plain", "bfloat16", "chunks", "ranks", "compile")
MAIN = ("hgr", "visern", "vsrnet", "mcsan", "hanet", "graphvtr", "graphvtr.yaml", "dual_encoding", "vse++")
FIRST = ("hgr", "vse++")
BATCHES = (128, 32, 8)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"takes over {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def floor_rate(device: str) -> float:
    """Operations a second of a large float32 product."""
    a, b = torch.randn(2, 2048, 2048, device=device)
    return 2 * 2048**3 / measure(lambda: a @ b, seconds=1.0).median


def step_of(name: str, variant: str, batch: int, device: str, rank: int = 0, ranks: int = 1) -> Any:
    """A function that makes one step of a model at its published sizes."""
    size = PairSize(frames=20, regions=8, video_dim=2048, region_dim=2048)
    torch.manual_seed(0)
    shipped = check_yaml(SHIPPED / name)["model"] if name.endswith(".yaml") else {}
    model = default_model(name.removesuffix(".yaml"), size, shipped).train().to(device)
    videos = GraphStore.from_graphs([model.transform_video(size.video()) for _ in range(batch)])
    texts = GraphStore.from_graphs([model.transform_text(size.caption()) for _ in range(batch)])
    names = [str(number) for number in range(batch)]
    dataset = RetrievalDataset("random", "train", names, names, torch.arange(batch), videos, texts)
    module = RetrievalModule(
        model,
        Vocabulary(),
        LearningRate(1e-4),
        CheckpointInfo(name.removesuffix(".yaml")),
        dataset.video_of_caption,
        encode_chunk=max(batch // 8, 1) if variant == "chunks" else None,
        compile=variant == "compile",
    )
    data = PairData(dataset, rank, ranks, model=model)[torch.arange(batch)].to(device)
    optimizer = module.configure_optimizers()

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=variant == "bfloat16"):
            loss = model.loss(*module.encode(data), data.video_of_text)["loss"]
        loss.backward()
        if ranks > 1:
            for parameter in model.parameters():
                if parameter.grad is not None:
                    dist.all_reduce(parameter.grad)
                    parameter.grad /= ranks
        optimizer.step()

    return step


@cache
def operations(name: str, batch: int, device: str) -> int:
    """Of the matrix products of a step."""
    with FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counter:
        step_of(name, "plain", batch, device)()
    return int(counter.get_total_flops())


@cache
def batch_of(name: str, device: str, seconds: float) -> int:
    """The largest batch of which three steps fit into ``seconds``, by the time of a step of the smallest."""
    step = step_of(name, "plain", BATCHES[-1], device)
    step()
    begin = time.perf_counter()
    step()
    one = (time.perf_counter() - begin) / BATCHES[-1]
    return next((batch for batch in BATCHES if 3 * batch * one <= seconds), BATCHES[-1])


def row(name: str, variant: str, batch: int, device: str, seconds: float) -> dict[str, Any]:
    """One measurement in this process."""
    found: dict[str, Any] = {"model": name, "variant": variant, "batch": batch}
    if variant == "ranks":
        return {**found, "captions_per_second": batch / _two_ranks(name, batch, seconds)}
    step = step_of(name, variant, batch, device)
    timing = measure(step, seconds=seconds, min_calls=2, warmup=1)
    floor = operations(name, batch, device) / floor_rate(device)
    return {
        **found,
        "captions_per_second": batch / timing.median,
        "step": timing,
        "floor_seconds": floor,
        "share_of_floor": floor / timing.median,
        "peak_memory_gb": peak_memory(step) / 1e9,
    }


def _two_ranks(name: str, batch: int, seconds: float) -> float:
    """Seconds a step of two processes with gloo between them."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.training", "--rank-of", name, str(batch), str(seconds), folder]
        processes = [
            subprocess.Popen([*command, str(rank)], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
            for rank in range(2)
        ]
        try:
            codes = [process.wait() for process in processes]
        finally:  # one waits for the other without an end
            for process in processes:
                process.kill()
        if any(codes):
            raise DataError(name, "fails in two processes", "see above")
        return float((Path(folder) / "seconds").read_text())


def _rank(name: str, batch: int, seconds: float, folder: Path, rank: int) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2)
    step = step_of(name, "plain", batch, "cpu", rank, 2)
    step()
    begin = time.perf_counter()
    steps = max(int(seconds), 2)
    for _ in range(steps):
        step()
    if rank == 0:
        (folder / "seconds").write_text(str((time.perf_counter() - begin) / steps))
    dist.destroy_process_group()


def finished(path: Path, again: bool = False) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a result file that were measured, refused or, unless they are to be measured ``again``, cut, by model
    and variant; each names its commit."""
    if not path.exists():
        return {}
    content = json.loads(path.read_text())
    commit = content["environment"]["commit"]
    kept = (row for row in content["rows"] if "left_out" not in row and not (again and "cut" in row))
    return {(row["model"], row["variant"]): {"commit": commit, **row} for row in kept}


def one_row(name: str, variant: str, batch: int | None, device: str, seconds: float) -> dict[str, Any]:
    """A measurement, or why there is none; ``batch`` None finds one."""
    try:
        with within(max((10 if variant == "plain" else 40) * seconds, 60)):
            return row(name, variant, batch or batch_of(name, device, seconds), device, seconds)
    except Exception as error:
        found = {"model": name, "variant": variant}
        late = next((one for one in _causes(error) if isinstance(one, TimeoutError)), None)  # the compiler wraps it
        if isinstance(error, DataError) and late is None:  # chunks of a model with batch normalisation, for instance
            return {**found, "refused": str(error)}
        reason = (str(late or error).strip().splitlines() or [""])[0]
        return {**found, "cut": f"{type(late or error).__name__}: {reason}"}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def main() -> None:
    """All models in all variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", metavar="MODEL", help="default: all")
    parser.add_argument("--seconds", type=float, default=5.0, help="measured a row (default: 5)")
    parser.add_argument("--minutes", type=float, default=14.0, help="no row begins later (default: 14)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--resume", action="store_true", help="keep the rows that the result file has")
    parser.add_argument("--again", action="store_true", help="with --resume: measure rows again that were cut")
    parser.add_argument("--quick", action="store_true", help="one model, 4 pairs, to see that all works")
    parser.add_argument("--rank-of", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rank_of:
        name, batch, seconds, folder, rank = args.rank_of
        _rank(name, int(batch), float(seconds), Path(folder), int(rank))
        return
    seconds = 0.2 if args.quick else args.seconds
    models = args.models or (["vse"] if args.quick else [*MAIN, *(name for name in MODELS if name not in MAIN)])
    wanted = [(variant, name) for variant in VARIANTS for name in models]
    wanted.sort(key=lambda row: row[1] not in FIRST)
    rows = finished(RESULTS / "training.json", args.again) if args.resume else {}
    begin = time.perf_counter()
    for variant, name in wanted:
        if (name, variant) in rows:
            continue
        if time.perf_counter() - begin > args.minutes * 60:
            found: dict[str, Any] = {"model": name, "variant": variant, "left_out": f"after {args.minutes:g} minutes"}
        else:
            batch = 4 if args.quick else rows.get((name, "plain"), {}).get("batch")
            found = one_row(name, variant, batch, args.device, seconds)
            print(json.dumps({key: value for key, value in found.items() if key != "step"}), flush=True)
        rows[name, variant] = {**found, "commit": environment()["commit"]}
        if "left_out" not in found:
            write_result("training", list(rows.values()))
    write_result("training", list(rows.values()))


if __name__ == "__main__":
    main()
