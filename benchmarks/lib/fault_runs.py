"""Commands in processes of their own, forked from one that has all imported: to be killed, timed out, compared."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HANG = 60  # seconds of processor time
WALL = 900.0  # of the clock, without any progress: many may share the machine, and workers of Ray give way to all
ALONE = 60.0  # workers whose parent is gone have so many seconds to see it; those of Ray take their time
_alive: set[int] = set()


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Args:
        code: its exit code; minus the signal that killed it.
        text: what it printed, stderr and stdout.
        seconds: by the clock.
        memory: largest resident size beyond that of its parent, bytes.
        hang: it took longer than allowed.
        asked: it was to be killed.
        behind: processes that it has left behind, which have not ended by themselves.
    """

    code: int
    text: str
    seconds: float
    memory: int
    hang: bool = False
    asked: bool = False
    behind: int = 0

    @property
    def outcome(self) -> str:
        """``ok``, ``refused`` (one line, exit 2), ``stopped``, ``killed`` (as it was to be), or a fault: ``traceback``,
        ``crash``, ``hang``, ``left`` (processes)."""
        if self.hang:
            return "hang"
        if "Traceback (most recent call last)" in self.text:
            return "traceback"
        if self.behind:
            return "left"
        if self.asked and self.code == -signal.SIGKILL:
            return "killed"
        if self.code < 0:
            return "crash"
        known = {0: "ok", 1: "ok", 2: "refused", 129: "stopped", 130: "stopped", 143: "stopped"}
        return known.get(self.code, "traceback")

    @property
    def last_line(self) -> str:
        """What it said in the end."""
        lines = [line for line in self.text.replace("\r", "\n").splitlines() if line.strip()]
        return lines[-1][:300] if lines else ""

    @property
    def told(self) -> str:
        """The last line; of what hung, where it was; of what left processes, how many."""
        if self.behind:
            return f"{self.behind} processes are left behind; {self.last_line}"
        stack = [line.strip() for line in self.text.splitlines() if line.startswith("  File ")]
        return " < ".join(stack[:6])[:600] if self.hang and stack else self.last_line


class Child:
    """A forked process. The one it is forked from has to be without threads: locks of theirs would never be given up.

    Args:
        call: what it does; an int that it returns is the exit code.

    Raises:
        RuntimeError: there are threads.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        if threads() > 1:
            raise RuntimeError(f"not forked beside {threads() - 1} threads: let another process do what starts them")
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `wait`
        self.began = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            self._be(call)
        with contextlib.suppress(OSError):  # it does so too: whoever is first
            os.setpgid(self.pid, self.pid)
        _alive.add(self.pid)

    def _be(self, call: Callable[[], object]) -> None:
        code = 1
        try:
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)  # with all that it starts, so that nothing of it stays
            for signum in (signal.SIGINT, signal.SIGTERM):  # as in a shell, whatever the parent does with them
                signal.signal(signum, signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for stream in (1, 2):
                os.dup2(self._file.fileno(), stream)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for signum in (signal.SIGXCPU, signal.SIGUSR1):  # where it hangs
                faulthandler.register(signum, 2, chain=signum == signal.SIGXCPU)
            allow(HANG)
            found = call()
            code = found if isinstance(found, int) else 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)

    def signal(self, signum: int) -> None:
        """Send a signal."""
        os.kill(self.pid, signum)

    def ended(self) -> bool:
        """Whether it has, without waiting; it stays to be waited for."""
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found is not None

    def wait(self, kill_after: float | None = None, progress: Callable[[], object] = lambda: None) -> Ended:
        """Wait for the end; kill -9 so many seconds after its begin, or when ``progress`` has given the same for too
        long."""
        limit = WALL if kill_after is None else kill_after
        since, seen = time.monotonic() if kill_after is None else self.began, progress()
        while not self.ended() and time.monotonic() - since < limit:
            time.sleep(0.002)
            if (now := progress()) != seen:
                since, seen = time.monotonic(), now
        late = not self.ended()
        if late:
            if kill_after is None:
                os.kill(self.pid, signal.SIGUSR1)  # it writes where it is
                time.sleep(1)
            os.kill(self.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        seconds = time.monotonic() - self.began
        behind = _end_group(self.pid)
        self._file.seek(0)
        text = self._file.read().decode("utf-8", "replace")
        self._file.close()
        code = os.waitstatus_to_exitcode(status)
        hang = code == -signal.SIGXCPU or (late and kill_after is None)
        mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory = max(0, usage.ru_maxrss - mine) * 1024
        return Ended(code, text, seconds, memory, hang, late and kill_after is not None, behind)


def _end_group(group: int) -> int:
    """End what a process that has ended has left behind; how many of these had not ended by themselves."""
    _alive.discard(group)
    end = time.monotonic() + ALONE
    while (members := _members(group)) and time.monotonic() < end:
        time.sleep(0.02)
    if members:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    return len(members)


def _members(group: int) -> list[int]:
    """The living processes of a group, where the system tells."""
    try:
        os.killpg(group, 0)
    except OSError:  # none, which is cheap to know
        return []
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def end_all() -> None:
    """Kill what was not waited for."""
    for group in list(_alive):
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(group, 0)
        _alive.discard(group)


def threads() -> int:
    """How many this process has, those of libraries among them where the system tells."""
    try:
        names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    except OSError:
        names = []
    # the one of an allocator gives its locks up before a fork
    return len([name for name in names if name != "jemalloc_bg_thd"]) or threading.active_count()


def answer(call: Callable[[], str]) -> str:
    """What a call gives, made by a process of its own, so that this one stays without threads.

    Raises:
        RuntimeError: it gave nothing.
    """
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        ended = Child(lambda: path.write_text(call()) and 0).wait()
        if ended.code:
            raise RuntimeError(ended.told)
        return path.read_text()


def allow(seconds: int) -> None:
    """So much more processor time for this process; it dies of SIGXCPU after."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def command(*argv: object) -> Callable[[], int]:
    """``graphvtr ARGV`` as a call."""

    def call() -> int:
        from graphvtr.cli.main import main

        return main([str(argument) for argument in argv])

    return call


def run(*argv: object, kill_after: float | None = None) -> Ended:
    """``graphvtr ARGV`` in a process of its own."""
    return Child(command(*argv)).wait(kill_after)


def leftovers(folder: Path) -> list[str]:
    """What no finished run should leave: half-written files and locks. Others may write there meanwhile."""
    found = (Path(place) / name for place, folders, files in os.walk(folder) for name in (*folders, *files))
    names = [path.relative_to(folder).as_posix() for path in found]
    return sorted(name for name in names if ".partial" in name or name.endswith(".graphvtr.lock"))
