"""Many people at one server: 200 at once for a minute on this machine, each asking again as soon as it is answered.

    python benchmarks/search_load.py                          # 5,000 clips of MovingScenes, 200 users, 60 s
    python benchmarks/search_load.py --quick                  # 80 clips, 20 users, 3 s: shows that all works

The model is an HGR that has not been trained. A user waits as long as a person reads, 0 to 4 s by chance, types another
caption, and now and then opens "why this clip". Server and users share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.lib.harness import write_result
from graphvtr.search import Index
from graphvtr.search.index.example import small_index


async def get(port: int, path: str) -> tuple[int, int]:
    """Status and length of an answer, by a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        body = await reader.read()  # to the end
        return int(body.split(b" ", 2)[1]), len(body)
    finally:
        writer.close()


async def user(
    port: int,
    captions: list[str],
    clips: list[str],
    end: float,
    seed: int,
    wait: float,
    log: list[tuple[str, int, float]],
) -> None:
    """Ask until the time is over."""
    chance = random.Random(seed)
    await asyncio.sleep(chance.uniform(0, wait))
    while time.perf_counter() < end:
        query = urllib.parse.quote(chance.choice(captions))
        kind, path = "search", f"/api/search?q={query}&top=12"
        if chance.random() < 0.2:
            kind, path = "why", f"/api/why?q={query}&clip={urllib.parse.quote(chance.choice(clips))}"
        elif chance.random() < 0.2:
            kind, path = "graph", f"/api/graph?q={query}"
        begin = time.perf_counter()
        try:
            status, _ = await asyncio.wait_for(get(port, path), 60)
        except (OSError, TimeoutError, ValueError, IndexError):
            status = 0
        log.append((kind, status, time.perf_counter() - begin))
        await asyncio.sleep(chance.uniform(0, wait))


async def crowd(port: int, index: Index, users: int, seconds: float, wait: float) -> list[tuple[str, int, float]]:
    """All users side by side: what each request was, its status, its seconds."""
    captions = [caption for name in index.names[:500] for caption in index.item(name).captions]
    log: list[tuple[str, int, float]] = []
    end = time.perf_counter() + seconds
    await asyncio.gather(*(user(port, captions, index.names, end, seed, wait, log) for seed in range(users)))
    return log


def main() -> None:
    """Serve, ask, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--wait", type=float, default=4.0, help="longest pause of a user between two requests")
    args = parser.parse_args()
    if args.quick:
        args.users, args.seconds = 20, 3.0
    with tempfile.TemporaryDirectory() as folder:
        clips, split = (80, "val") if args.quick else (5000, "train")
        index = small_index(folder, clips, split)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "graphvtr", "serve", str(Path(folder) / "index"), "--port", str(port)]
        server = subprocess.Popen([*command, "--rate", "0"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            server.stdout.readline()  # it listens
            for _ in range(100):
                try:
                    asyncio.run(get(port, "/healthz"))
                    break
                except OSError:
                    time.sleep(0.1)
            log = asyncio.run(crowd(port, index, args.users, args.seconds, args.wait))
            memory = psutil.Process(server.pid).memory_info().rss / 2**20
            alive = server.poll() is None and asyncio.run(get(port, "/healthz"))[0] == 200
        finally:
            server.terminate()
            server.wait()
        rows: list[dict[str, Any]] = []
        for kind in ("search", "why", "graph"):
            seconds = np.array([took for what, _, took in log if what == kind])
            rows.append(
                {
                    "request": kind,
                    "count": len(seconds),
                    "errors": sum(s != 200 for w, s, _ in log if w == kind),
                    **{f"p{q}_ms": float(np.quantile(seconds, q / 100)) * 1000 for q in (50, 95, 99) if len(seconds)},
                }
            )
            print({key: round(v, 1) if isinstance(v, float) else v for key, v in rows[-1].items()}, flush=True)
        told = {
            "clips": len(index),
            "users": args.users,
            "seconds": args.seconds,
            "longest_pause_s": args.wait,
            "requests_a_second": len(log) / args.seconds,
            "server_memory_mb": memory,
            "alive_after": alive,
        }
    print(told)
    write_result("search_load", rows, **told)


if __name__ == "__main__":
    main()
