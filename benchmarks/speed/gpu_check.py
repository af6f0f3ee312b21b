"""Everything that waits for an NVIDIA GPU, in one run of a few minutes: tests, the dispatch table, benchmarks, steps.

    make gpu-check                                  # or: python -m benchmarks.speed.gpu_check
    python -m benchmarks.speed.gpu_check --quick    # what runs anywhere: Triton's interpreter

On a machine with a GPU: the op and layer tests on CUDA (float32, bfloat16, float64) and a step of every model there,
``graphvtr kernels --measure``, ``benchmarks/speed/ops.py --gpu`` (PyG's path compiled too for ``role_attention``), and
training steps of HGR and ViSERN at batch 128 with the share of matrix products. Each part has its time, is ended when
that is over, and is left out when less than a third of it is left of the 8 minutes: the plan is printed first. Written:
``results/gpu_check.json`` and what the parts write. Without a GPU it says so, runs the kernels in the interpreter (5
minutes at most), and ends with 0 unless one of them fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.lib.harness import write_result
from benchmarks.lib.paths import ROOT

CHOSEN = "cuda and not 300 and not gradcheck"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly"]
#: Seconds of the whole, compiles included, and of the interpreter's part.
BUDGET, INTERPRETER = 480.0, 300.0
#: Commands and seconds of each part.
PARTS = {
    "tests": ([*PYTEST, "-x", "-k", CHOSEN, "tests/ops", "tests/nn/test_on_cuda.py"], 150),
    "measure": ([sys.executable, "-m", "graphvtr", "kernels", "--measure", "--device", "cuda"], 90),
    "ops": ([sys.executable, "benchmarks/speed/ops.py", "--gpu", "--compile", "role_attention"], 180),
    "steps": ([sys.executable, "-m", "benchmarks.speed.gpu_check", "--steps"], 60),
}
#: Parts of the names of kernels that multiply matrices.
PRODUCTS = ("gemm", "cutlass", "xmma", "mm")
INTERPRETED = [*PYTEST, "tests/ops/test_triton_interpreter.py"]


def run(name: str, command: list[str], seconds: float) -> dict[str, Any]:
    """One part: its exit code (124 when its time was over), seconds and last lines."""
    print(f"== {name}, {seconds:.0f} s at most: {' '.join(command)}", flush=True)
    begin = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
        code, out = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as error:
        code, out = 124, (error.stdout or b"").decode() if isinstance(error.stdout, bytes) else (error.stdout or "")
        out += f"\n{name}: ended after its {seconds:.0f} s"
    tail = out.strip().splitlines()[-12:]
    print("\n".join(tail), flush=True)
    return {"name": name, "exit code": code, "seconds": time.perf_counter() - begin, "end": tail}


def run_all(parts: dict[str, tuple[list[str], float]], budget: float = BUDGET) -> list[dict[str, Any]]:
    """The parts in turn, within the budget: one that would begin with less than a third of its time is left out."""
    begin, rows = time.perf_counter(), []
    for name, (command, seconds) in parts.items():
        left = budget - (time.perf_counter() - begin)
        if left < seconds / 3:
            print(f"== {name}: left out, {max(0.0, left):.0f} s of {budget:.0f} are left and it needs {seconds:.0f}")
            rows.append({"name": name, "exit code": None, "seconds": 0.0, "end": ["left out: over the budget"]})
        else:
            rows.append(run(name, command, min(seconds, left)))
    return rows


def steps(device: str = "cuda", batch: int = 128, repeats: int = 20, width: int = 2048) -> list[dict[str, Any]]:
    """Training steps: seconds, and how much of the device's time matrix products take."""
    from graphvtr.nn import HGR, ViSERN
    from graphvtr.tasks.complexity import PairSize

    rows = []
    size = PairSize(frames=20, regions=36, video_dim=width, region_dim=width, vocab_size=10_000)
    for name, model, count in (("hgr", HGR(10_000, width), batch), ("visern", ViSERN(10_000, width), batch // 4)):
        model = model.to(device)
        graphs = [_batch(graph, count, device) for graph in (size.video(), size.caption())]
        step = partial(_step, model, *graphs, torch.optim.Adam(model.parameters()))
        for _ in range(2):
            step()
        seconds = _seconds(step, device, repeats)
        with profile(
            activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
        ) as found:
            step()
        field = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
        kernels = {event.key.lower(): getattr(event, field) for event in found.key_averages()}
        products = sum(value for key, value in kernels.items() if any(part in key for part in PRODUCTS))
        share = products / max(sum(kernels.values()), 1e-9)
        rows.append({"model": name, "batch": count, "seconds a step": seconds, "share of matrix products": share})
        print(f"{name}: {1e3 * seconds:.2f} ms a step of {count}, {share:.0%} of the device's time in matrix products")
    return rows


def _step(model: Any, video: Any, text: Any, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    owner = torch.arange(video.num_graphs, device=next(model.parameters()).device)
    model.loss(model.encode_video(video), model.encode_text(text), owner)["loss"].backward()
    optimizer.step()


def _seconds(step: Callable[[], None], device: str, repeats: int) -> float:
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    wait()
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    wait()
    return (time.perf_counter() - begin) / repeats


def _batch(graph: Any, count: int, device: str) -> Any:
    from graphvtr.graphs import GraphStore

    return GraphStore.from_graphs([graph] * count).batch(list(range(count))).to(device)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the interpreter's part only")
    parser.add_argument("--steps", action="store_true", help="the training steps only")
    arguments = parser.parse_args()
    if arguments.steps:
        write_result("gpu_steps", steps(), device=torch.cuda.get_device_name())
        return 0
    if arguments.quick or not torch.cuda.is_available():
        if not arguments.quick:
            print("gpu-check: torch sees no NVIDIA GPU here; the kernels run in Triton's interpreter only")
        row = run("interpreter", INTERPRETED, INTERPRETER)
        return 0 if row["exit code"] == 124 else int(row["exit code"])
    plan = ", ".join(f"{name} {seconds:.0f} s" for name, (_, seconds) in PARTS.items())
    print(f"gpu-check on {torch.cuda.get_device_name()}, {BUDGET:.0f} s at most: {plan}")
    rows = run_all(PARTS)
    write_result("gpu_check", rows, device=torch.cuda.get_device_name())
    failed = [row["name"] for row in rows if row["exit code"]]
    print(json.dumps({"failed": failed, "left out": [row["name"] for row in rows if row["exit code"] is None]}))
    return 1 if "tests" in failed else 0


if __name__ == "__main__":
    sys.exit(main())
