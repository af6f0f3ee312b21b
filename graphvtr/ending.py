"""One way to end: a signal stops a command, what it has is kept, and the last line says how to go on.

SIGTERM, Ctrl-C and a terminal that closes raise :class:`Interrupted` where the command happens to be, so that every
``with`` and ``finally`` on the way out does its work; the command exits with 128 + the signal's number, as shells
expect: 143, 130, 129.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
AGAIN = 0.05
leaves_nothing = False
"""Set by a command that has no open file, process or thread to see to when it is done."""


class Interrupted(KeyboardInterrupt):
    """A signal has stopped the command.

    Args:
        signum: the signal.

    Attributes:
        done: what is finished, ``"after epoch 3 of 30"`` for instance; may be empty.
        how: how to go on; may be empty.
    """

    def __init__(self, signum: int = signal.SIGINT, done: str = "", how: str = "") -> None:
        super().__init__(signum)
        self.signum, self.done, self.how = int(signum), done, how

    @property
    def exit_code(self) -> int:
        """128 + the signal's number."""
        return 128 + self.signum

    def __str__(self) -> str:
        stopped = f"stopped {self.done}" if self.done else f"stopped by {signal.Signals(self.signum).name}"
        return stopped + (f"; {self.how}" if self.how else "")


@contextlib.contextmanager
def going_on(how: str, done: Callable[[], str] | None = None) -> Iterator[None]:
    """A long piece of work that tells, when it is interrupted, how far it has come and how to go on.

    Where one stands within another, the inner one knows how far it has come, and the outer one, which is what the user
    has called, how to go on.

    Args:
        how: ``"continue with --resume"``, for instance.
        done: gives what is finished, ``"after epoch 3 of 30"`` for instance.

    Raises:
        Interrupted: instead of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as problem:
        stop = problem if isinstance(problem, Interrupted) else Interrupted()
        stop.done = stop.done or ("" if done is None else done())
        stop.how = how or stop.how
        if stop is problem:
            raise
        raise stop from problem


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within, SIGINT, SIGTERM and SIGHUP raise :class:`Interrupted`; a second one ends the process at once. Where code
    on the way out swallows the exception, it is raised again.

    Only the main thread gets signals; elsewhere, and for signals that somebody ignores (``nohup``) or handles, nothing
    changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    within = True
    on_its_way: weakref.ref[Interrupted] | None = None
    again: threading.Timer | None = None

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal on_its_way
        if on_its_way is not None:
            os._exit(128 + signum)  # who asks twice does not want to wait for anything
        problem = Interrupted(signum)
        on_its_way = weakref.ref(problem, lambda gone: swallowed(signum))
        try:
            raise problem
        finally:
            del problem  # or it lived on in its own traceback

    def swallowed(signum: int) -> None:
        """It is gone and has not arrived here: a finaliser, a bare ``except`` or a library that is being imported has
        taken it."""
        nonlocal on_its_way, again
        on_its_way = None
        if within:
            again = threading.Timer(AGAIN, os.kill, (os.getpid(), signum))
            again.daemon = True
            again.start()

    def unraisable(problem: Any) -> None:
        if not isinstance(problem.exc_value, Interrupted):
            hook(problem)

    mine = [signum for signum in SIGNALS if signal.getsignal(signum) in (signal.SIG_DFL, signal.default_int_handler)]
    before = {signum: signal.signal(signum, stop) for signum in mine}
    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield
    finally:
        within = False
        if again is not None:
            again.cancel()
        sys.unraisablehook = hook
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """For the start of a library that takes SIGTERM over (Ray's driver exits with 15): who handled it still does.

    Example:
        >>> before = signal.getsignal(signal.SIGTERM)
        >>> with handlers_kept():
        ...     _ = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        >>> signal.getsignal(signal.SIGTERM) == before
        True
    """
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            if signal.getsignal(signum) != handler:  # then this is the main thread, which alone can set one
                signal.signal(signum, handler)


def begin_worker() -> None:
    """First thing in a worker process: Ctrl-C reaches the whole group, and the parent says what happens; when the
    parent is gone, however it went, the worker ends too. Else it would wait for work for ever, with the parent's locks.
    """
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL if signum == signal.SIGTERM else signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    import multiprocessing.connection  # no command that only prints its help needs it

    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def ending(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes are ended when something goes wrong, not waited for."""
    try:
        yield pool
    except BaseException:
        end_pool(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def end_pool(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool, whatever they are at."""
    for process in list((pool._processes or {}).values()):
        process.kill()  # what they have half written is swept by the next run
