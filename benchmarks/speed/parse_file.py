"""Captions per second of ``graphvtr parse --workers``: every parser, one and two processes, real captions.

    python benchmarks/speed/parse_file.py [--captions 2000] [--memory 100000]

Two rates of each: by the clock, from the first graphs to the last (the start of the processes is told apart), and per
second of processor time, which a busy machine does not change; two free cores do twice the second. ``--memory``
writes the resident memory of the rules' process after every tenth of that many captions. Aim: the neural parser does
250 captions a second on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.lib.harness import write_result
from benchmarks.speed.parse_speed import DATA, read_captions
from graphvtr.text.chunk_parsers import pool_of
from graphvtr.text.parse_file import CHUNK

RUNS = (("spacy", 1), ("spacy", 2), ("neural", 1), ("neural", 2), ("neural:precision=bfloat16", 2))


def processor_seconds() -> float:
    """Of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def rates(parser: str, workers: int, captions: list[str]) -> dict[str, Any]:
    """Seconds to start, captions a second by the clock, and captions a second of processor time."""
    chunks = [captions[begin : begin + CHUNK] for begin in range(0, len(captions), CHUNK)]
    before, begin = processor_seconds(), time.perf_counter()
    lines = 0
    warm = captions[: CHUNK // 8]
    with pool_of(workers, parser, 256) as pool:
        for found in pool.run([warm] * workers):
            lines += len(found)
        started = time.perf_counter()
        for found in pool.run(chunks):
            lines += len(found)
        seconds = time.perf_counter() - started
    assert lines == len(captions) + workers * len(warm)
    return {
        "start_seconds": started - begin,
        "captions_per_second": len(captions) / seconds,
        "processor_seconds": processor_seconds() - before,
    }


def start_cost(parser: str, workers: int) -> float:
    """Processor seconds of processes that parse one caption each."""
    before = processor_seconds()
    with pool_of(workers, parser, 256) as pool:
        for _ in pool.run([["a dog barks"]] * workers):
            pass
    return processor_seconds() - before


def resident() -> int:
    """Bytes of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(parser: str, captions: list[str], count: int) -> list[int]:
    """Resident megabytes after each tenth of ``count`` captions."""
    pool, seen = pool_of(1, parser, 256), []
    stream = itertools.islice(itertools.cycle(captions), count)
    with tempfile.TemporaryFile("w") as file:
        for _ in range(10):
            part = list(itertools.islice(stream, count // 10))
            for begin in range(0, len(part), CHUNK):
                for lines in pool.run([part[begin : begin + CHUNK]]):
                    file.writelines(lines)
            seen.append(resident() // 2**20)
    return seen


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--captions", type=int, default=2000)
    options.add_argument("--memory", type=int, default=0, metavar="N")
    options.add_argument("--parsers", nargs="*", help="only these")
    options.add_argument("--data", type=Path, default=DATA / "captions")
    arguments = options.parse_args()
    source, captions = read_captions(arguments.data, arguments.captions)
    rows = []
    print(f"{len(captions)} captions ({source})")
    print(f"{'':<28}{'workers':>8}{'start, s':>10}{'captions/s':>12}{'a core-second':>15}")
    for parser, workers in RUNS:
        if arguments.parsers and parser not in arguments.parsers:
            continue
        if workers == 1:
            start_cost(parser, workers)  # what a process loads once must not be taken off twice
        idle = start_cost(parser, workers)
        row = {"parser": parser, "workers": workers, **rates(parser, workers, captions)}
        working = row["processor_seconds"] - idle
        row["captions_per_processor_second"] = (len(captions) + workers * (CHUNK // 8)) / working
        rows.append(row)
        print(
            f"{parser:<28}{workers:>8}{row['start_seconds']:>10.1f}{row['captions_per_second']:>12.0f}"
            f"{row['captions_per_processor_second']:>15.0f}"
        )
    grown = memory("spacy", captions, arguments.memory) if arguments.memory else []
    if grown:
        print(f"resident MB of the rules' process after each tenth of {arguments.memory} captions: {grown}")
    write_result(
        "parse_file",
        rows,
        source=source,
        captions=len(captions),
        load=os.getloadavg()[0],
        cores=os.cpu_count(),
        resident_megabytes=grown,
        memory_captions=arguments.memory,
        unit="captions a second",
    )


if __name__ == "__main__":
    main()
