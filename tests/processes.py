"""Processes of tests."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext

from graphvtr.ending import handlers_kept


def clean_context() -> ForkServerContext:
    """Starts processes from one that has imported everything and runs no thread.

    A fork of the test process itself hangs now and then: torch's threads, and the locks they hold, are not copied with
    it. A spawned process would import torch for every test.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["graphvtr.search", "graphvtr.tasks.checkpoint", "graphvtr.video.extract", "graphvtr.cli.main", "pytest"]
    )
    return context


@contextmanager
def ray_of_two() -> Iterator[None]:
    """A Ray cluster of two workers on this machine, unless the test process is connected already."""
    import ray

    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: its workers starve beside other tests
    with handlers_kept():
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


def run_command(arguments: list[str]) -> None:
    """``graphvtr ARGUMENTS``, to be the target of a process."""
    from graphvtr.cli.main import main

    raise SystemExit(main(arguments))
