"""Speed and memory of ``graphvtr.ops`` against PyG's path, padding, compiled code and the formulas as printed.

    python benchmarks/speed/ops.py                         # CPU or GPU, whichever is there; about 20 minutes on 2 cores
    python benchmarks/speed/ops.py --only local_match      # one op; its rows replace those in the file
    python benchmarks/speed/ops.py --resume                # go on where a run was stopped
    python benchmarks/speed/ops.py --large                 # 65,536 graphs at D 1024 on a CPU too: 30 GB

Every workload computes one result in all ways, checks that they agree, and then times them in turn, so that a busy
machine slows all of them. Written: ``results/ops_<device>.csv`` with a row a way, direction and workload,
``ops_<device>.txt`` and ``ops_<device>_*.png``, both drawn from that file.
Aims on a CPU, forward and backward: ``role_attention`` and ``local_match`` at least 3 times as fast as PyG's path and
the direct einsum form; no row slower than the best alternative by more than 10 %.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.lib.harness import RESULTS, environment, peak_memory
from benchmarks.lib.ops_case import Case
from benchmarks.lib.ops_cases import cases
from benchmarks.lib.ops_report import DOCS, draw, read, workloads, write_tables, write_text
from graphvtr.ops import products

COLUMNS = (
    "op",
    "workload",
    "way",
    "direction",
    "median_ms",
    "p20_ms",
    "p80_ms",
    "calls",
    "peak_mib",
    "bytes",
    "flops",
    "roofline_ms",
    "roofline_share",
    "device",
    "bandwidth_gb_s",
    "gflop_s",
    "threads",
    "load",
    "dtype",
    "torch",
    "torch_geometric",
    "triton",
    "torch_scatter",
    "python",
    "commit",
    "date",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--gpu", action="store_true", help="the sizes of a GPU on one, half a second a way")
    parser.add_argument("--only", nargs="+", help="names of ops")
    parser.add_argument("--resume", action="store_true", help="keep workloads that the file has")
    parser.add_argument("--large", action="store_true", help="workloads of a GPU on a CPU too")
    parser.add_argument("--compile", nargs="+", metavar="OP", help="ops with rivals that are compiled (default: all)")
    parser.add_argument("--no-compile", action="store_true", help="leave out torch.compile, which takes minutes")
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each way and direction")
    parser.add_argument("--out", type=Path, help="the CSV file; its text and plots go beside it")
    arguments = parser.parse_args()
    if arguments.gpu:
        if not torch.cuda.is_available():
            parser.exit(0, "ops --gpu: torch sees no GPU here, nothing is measured\n")
        arguments.device, arguments.seconds = "cuda", min(arguments.seconds, 0.5)
    device = torch.device(arguments.device)
    path = arguments.out or RESULTS / f"ops_{device.type}.csv"
    machine = describe(device)
    planned = cases(device, arguments.large, () if arguments.no_compile else arguments.compile)
    order = list(dict.fromkeys(op for op, _ in planned))
    measured: dict[tuple[str, str], list[dict[str, object]]] = {}
    if path.exists():
        for op, workload, group in workloads(read(path)):
            measured[op, workload] = [dict(row) for row in group]
    for op, build in planned:
        if arguments.only and op not in arguments.only:
            continue
        torch.manual_seed(0)
        case = build()
        key = (case.op, case.workload)
        if not (arguments.resume and key in measured):
            print(f"\n{case.op}: {case.workload}", flush=True)
            measured[key] = run(case, machine, arguments.seconds)
            write(path, [row for key in sorted(measured, key=lambda key: order.index(key[0])) for row in measured[key]])
        del case
        gc.collect()
    write_text(path)
    draw(path)
    if device.type == "cpu" and path.parent == RESULTS:
        write_tables(path, DOCS)


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """The CSV file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_suffix(".partial")
    with partial_file.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial_file.replace(path)


def run(case: Case, machine: dict[str, object], seconds: float) -> list[dict[str, object]]:
    """Check that all ways agree, time both directions, measure memory."""
    leaves = {name: case.own_leaves.get(name, case.leaves) for name in case.ways}
    with torch.no_grad():
        wanted = next(iter(case.ways.values()))(*case.leaves)
        for name, way in case.ways.items():
            torch.testing.assert_close(
                way(*leaves[name]),
                wanted,
                rtol=1e-3,
                atol=1e-3 * float(wanted.abs().max()),
                msg=lambda m, n=name: f"{n}: {m}",
            )
    needs_grad = {name: [x.clone().requires_grad_() for x in values] for name, values in leaves.items()}
    upstream = torch.randn_like(wanted)

    def forward(name: str) -> None:
        with torch.no_grad():
            case.ways[name](*leaves[name])

    def both(name: str) -> None:
        if name in case.own_backward:
            case.own_backward[name](upstream)
        else:
            torch.autograd.grad(case.ways[name](*needs_grad[name]), needs_grad[name], upstream)

    rows: list[dict[str, object]] = []
    for place, (direction, call) in enumerate((("forward", forward), ("forward+backward", both))):
        load = os.getloadavg()[0]
        timings = time_in_turn({name: partial(call, name) for name in case.ways}, seconds)
        moved, flops = case.bytes(wanted)[place], case.flops[place]
        floor = max(moved / float(machine["bandwidth_gb_s"]) / 1e9, flops / float(machine["gflop_s"]) / 1e9)
        for name, times in timings.items():
            cuts = statistics.quantiles(times, n=5) if len(times) > 1 else [times[0]] * 4
            median = statistics.median(times)
            peak = peak_memory(partial(call, name)) / 2**20
            print(f"  {direction:17} {name:36} {median * 1e3:10.2f} ms {peak:9.1f} MiB", flush=True)
            rows.append(
                {
                    "op": case.op,
                    "workload": case.workload,
                    "way": name,
                    "direction": direction,
                    "median_ms": f"{median * 1e3:.4f}",
                    "p20_ms": f"{cuts[0] * 1e3:.4f}",
                    "p80_ms": f"{cuts[3] * 1e3:.4f}",
                    "calls": len(times),
                    "peak_mib": f"{peak:.2f}",
                    "bytes": int(moved),
                    "flops": int(flops),
                    "roofline_ms": f"{floor * 1e3:.4f}",
                    "roofline_share": f"{floor / median:.4f}",
                    "load": f"{load:.2f}",
                    "dtype": str(wanted.dtype).removeprefix("torch."),
                    **machine,
                }
            )
    for name in case.too_large:
        print(f"  {name}: left out, too large for this machine")
    return rows


def time_in_turn(calls: dict[str, Callable[[], object]], seconds: float, least: int = 3) -> dict[str, list[float]]:
    """Seconds of each call, one after the other in every round, until each had its time; slow ones have few rounds."""
    for call in calls.values():
        for _ in range(2):
            begin = time.perf_counter()
            call()
            synchronize()
            if time.perf_counter() - begin > seconds:
                break
    times: dict[str, list[float]] = {name: [] for name in calls}
    waiting = dict(calls)
    while waiting:
        for name, call in list(waiting.items()):
            begin = time.perf_counter()
            call()
            synchronize()
            times[name].append(time.perf_counter() - begin)
            enough = sum(times[name]) > seconds and (len(times[name]) >= least or times[name][-1] > 3 * seconds)
            if enough or len(times[name]) == 200:
                del waiting[name]
    return times


def describe(device: torch.device) -> dict[str, object]:
    """The machine, as columns: name, measured bandwidth and matrix speed in float32, versions."""
    size = 2**28 if device.type == "cuda" else 2**26
    source, target = torch.randn(size, device=device), torch.empty(size, device=device)
    square = torch.randn(
        4096 if device.type == "cuda" else 2048, 4096 if device.type == "cuda" else 2048, device=device
    )
    copy = min(time_in_turn({"copy": lambda: target.copy_(source)}, 1.0)["copy"])
    product = min(time_in_turn({"product": lambda: products.times(square, square)}, 1.0)["product"])
    name = torch.cuda.get_device_name() if device.type == "cuda" else cpu_name()
    return {
        "device": name,
        "bandwidth_gb_s": f"{8 * size / copy / 1e9:.1f}",
        "gflop_s": f"{2 * square.size(0) ** 3 / product / 1e9:.1f}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "torch_geometric": installed("torch-geometric"),
        "triton": installed("triton"),
        "torch_scatter": installed("torch-scatter"),
        "python": platform.python_version(),
        "commit": environment()["commit"],
        "date": time.strftime("%Y-%m-%d"),
    }


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
