"""Processes of tests."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext


def clean_context() -> ForkServerContext:
    """Starts processes from one that has imported everything and runs no thread.

    A fork of the test process itself hangs now and then: torch's threads, and the locks they hold, are not copied with
    it. A spawned process would import torch for every test.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["graphvtr.search", "graphvtr.tasks.checkpoint", "pytest"])
    return context
