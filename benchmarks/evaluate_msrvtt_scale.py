"""Evaluation at the size of MSR-VTT's test split: time, memory, growth, beside the released HGR's way of doing it.

    python benchmarks/evaluate_msrvtt_scale.py [--minutes 30] [--device cuda] [--quick]

HGR with random weights (D = 1024) ranks 2,990 videos of 20 frames against 59,800 captions. Embeddings are kept,
scores are not: blocks of the matrix are ranked as they come. ``released`` does what the released code does: the score
matrices of all three levels, of all pairs, in memory, and two sorts of the whole. Sizes are an eighth, a quarter
and all, so that growth shows. Aim: no more than 2 GB beyond the embeddings.

Memory: each row is a process of its own. When its embeddings are there, what their making has left over is given
back to the system (``malloc_trim``), the kernel's peak of resident memory is set back (``/proc/self/clear_refs``), and
at the end the peak is read: beyond the embeddings is the peak less what was resident before the ranking. Where the
kernel cannot set it back, it is the growth of the peak of the whole process, a lower bound.

A row whose time, by the growth of the smaller ones (quadratic), would go over ``--minutes`` in all is left out, and
said.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.lib.harness import max_resident, write_result
from benchmarks.lib.paths import ROOT
from graphvtr.graphs import VideoGraph
from graphvtr.nn import HGR, Level, LevelEmbeddings
from graphvtr.tasks.ranking import EvalOptions, rank_all

VIDEOS, CAPTIONS_A_VIDEO, FRAMES, WIDTH, D = 2990, 20, 20, 2048, 1024
NODES = {"action": 2, "entity": 4}
WAYS = ("streaming", "released")


def embeddings(model: HGR, videos: int, device: str) -> tuple[LevelEmbeddings, LevelEmbeddings]:
    """What the encoders give for random input: videos through the video encoder, captions as random vectors, since
    the time of the text encoder is in speed/hgr_step.py."""
    generator = torch.Generator().manual_seed(0)
    parts = []
    with torch.inference_mode():
        for begin in range(0, videos, 64):
            count = min(64, videos - begin)
            graph = VideoGraph.build(torch.randn(count * FRAMES, WIDTH, generator=generator))
            graph["frame"].ptr = torch.arange(count + 1) * FRAMES
            graph["frame"].batch = torch.arange(count).repeat_interleave(FRAMES)
            graph.num_graphs = count
            parts.append(model.encode_video(graph.to(device)))
    captions = videos * CAPTIONS_A_VIDEO
    text: dict[str, Level] = {"event": Level(torch.randn(captions, D, generator=generator).to(device))}
    for level, count in NODES.items():
        x = torch.randn(captions * count, D, generator=generator).to(device)
        text[level] = Level(x, torch.arange(captions + 1, device=device) * count)
    return LevelEmbeddings.cat(parts), LevelEmbeddings(**text)


def released(model: HGR, video: LevelEmbeddings, text: LevelEmbeddings, owner: Tensor) -> tuple[float, float]:
    """All score matrices of all levels first, then argsort of every row and column, as the released evaluation."""
    columns = []
    for begin in range(0, text.num_items, 1024):
        index = torch.arange(begin, min(begin + 1024, text.num_items), device=owner.device)
        columns.append(model.level_scores(video, text.select(index)).cpu())
    levels = torch.cat(columns, 2)
    scores = model.fuse(levels)
    place = scores.argsort(0, descending=True).argsort(0)
    t2v = place[owner.cpu(), torch.arange(scores.size(1))]
    order = scores.argsort(1, descending=True).argsort(1)
    v2t = torch.stack([order[v, owner.cpu() == v].min() for v in range(scores.size(0))])
    return float((t2v < 10).float().mean() * 100), float((v2t < 10).float().mean() * 100)


def row(way: str, videos: int, device: str) -> dict[str, Any]:
    """One measurement, in this process."""
    torch.manual_seed(0)
    model = HGR(vocab_size=100, video_dim=WIDTH).eval().to(device)
    video, text = embeddings(model, videos, device)
    size = sum(level.x.nbytes for side in (video, text) for level in side.values())
    owner = torch.arange(videos, device=device).repeat_interleave(CAPTIONS_A_VIDEO)
    before = _settle(device)
    begin = time.perf_counter()
    with torch.inference_mode():
        if way == "released":
            t2v, v2t = released(model, video, text, owner)
        else:
            metrics = rank_all(model, video, text, owner.cpu(), EvalOptions())[0].metrics()
            t2v, v2t = metrics["t2v"]["R@10"], metrics["v2t"]["R@10"]
    seconds = time.perf_counter() - begin
    beyond = _peak(device) - before
    return {
        "way": way,
        "videos": videos,
        "captions": videos * CAPTIONS_A_VIDEO,
        "seconds": seconds,
        "embeddings_gb": size / 1e9,
        "beyond_embeddings_gb": beyond / 1e9,
        "t2v_R@10": t2v,
        "v2t_R@10": v2t,
    }


def _settle(device: str) -> int:
    """Give back what is not needed, forget the peak, and say how many bytes are held."""
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    return max_resident()


def _peak(device: str) -> int:
    """Peak bytes since :func:`_settle`."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    with contextlib.suppress(OSError):
        return _status("VmHWM")
    return max_resident()


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    """Every way at every size, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument(
        "--minutes", type=float, default=30, help="rows that would end later are left out (default: 30)"
    )
    parser.add_argument("--quick", action="store_true", help="60 videos, to see that all works")
    parser.add_argument("--row", nargs=2, metavar=("WAY", "VIDEOS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        print(json.dumps(row(args.row[0], int(args.row[1]), args.device)))
        return
    sizes = (30, 60) if args.quick else (VIDEOS // 8, VIDEOS // 4, VIDEOS)
    rows: list[dict[str, Any]] = []
    begin, took = time.perf_counter(), {}
    for videos, way in ((videos, way) for videos in sizes for way in WAYS):
        smaller = took.get(way, (videos, 0.0))
        expected = smaller[1] * (videos / smaller[0]) ** 2
        if time.perf_counter() - begin + expected > args.minutes * 60:
            rows.append({"way": way, "videos": videos, "left_out": f"would take {expected:.0f} s by its growth"})
            print(f"{way:10} {videos:5}: left out, would take {expected:.0f} s by its growth", flush=True)
            continue
        command = [sys.executable, "-m", "benchmarks.evaluate_msrvtt_scale", "--device", args.device]
        done = subprocess.run(
            [*command, "--row", way, str(videos)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:  # out of memory, for instance
            problem = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            rows.append({"way": way, "videos": videos, "failed": problem})
            print(f"{way:10} {videos:5}: {problem}", flush=True)
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        took[way] = videos, found["seconds"]
        rows.append(found)
        print(
            f"{way:10} {videos:5} x {found['captions']:6}  {found['seconds']:8.1f} s  embeddings "
            f"{found['embeddings_gb']:.2f} GB  beyond {found['beyond_embeddings_gb']:.2f} GB  "
            f"t2v R@10 {found['t2v_R@10']:.2f}  v2t {found['v2t_R@10']:.2f}",
            flush=True,
        )
    write_result("evaluate_msrvtt_scale", rows)


if __name__ == "__main__":
    main()
