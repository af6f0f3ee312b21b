"""Processes of tests."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any, Self

from graphvtr.ending import handlers_kept


def clean_context() -> ForkServerContext:
    """Starts processes from one that has imported everything and runs no thread.

    A fork of the test process itself hangs now and then: torch's threads, and the locks they hold, are not copied with
    it. A spawned process would import torch for every test.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["graphvtr.search", "graphvtr.tasks.trainer", "graphvtr.video.extract", "graphvtr.cli.main", "pytest"]
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
    os.environ.setdefault("RAY_memory_monitor_refresh_ms", "0")  # it ends workers when others take the memory
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # 30 by default: two cores may be busy
    with handlers_kept():
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


def run_command(arguments: list[str]) -> None:
    """``graphvtr ARGUMENTS``, to be the target of a process."""
    from graphvtr.cli.main import main

    raise SystemExit(main(arguments))


class Child:
    """A call in a process of :func:`clean_context`, used as a :class:`subprocess.Popen`: it has the environment and the
    folder of this one, and is killed at the end of the ``with``."""

    def __init__(self, target: Callable[..., Any], *args: Any) -> None:
        context = clean_context()
        (out, its_out), (err, its_err) = context.Pipe(duplex=False), context.Pipe(duplex=False)
        self.process = context.Process(
            target=_redirected, args=(its_out, its_err, dict(os.environ), os.getcwd(), target, args)
        )
        self.process.start()
        its_out.close()
        its_err.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(end.fileno()), encoding="utf-8") for end in (out, err))
        out.close()
        err.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.process.kill()
        self.process.join()
        self.stdout.close()
        self.stderr.close()

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self.process.exitcode

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """All it still writes to stdout and stderr; killed after ``timeout`` seconds."""
        late = threading.Timer(timeout, self.process.kill)
        late.start()
        try:
            with ThreadPoolExecutor(1) as beside:
                errors = beside.submit(self.stderr.read)
                return self.stdout.read(), errors.result()
        finally:
            self.process.join()
            late.cancel()


class Command(Child):
    """``graphvtr ARGUMENTS``."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(run_command, [str(one) for one in arguments])


def _redirected(
    out: Connection, err: Connection, environment: dict[str, str], folder: str, target: Callable[..., Any], args: Any
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    out.close()  # or whoever reads waits for the other end's end
    err.close()
    target(*args)
