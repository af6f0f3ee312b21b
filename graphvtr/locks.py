"""One lock for everything that is written by a command's ``--out``."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from graphvtr.atomic import sweep
from graphvtr.errors import DataError, system_error

try:
    import fcntl
except ImportError:  # Windows: one writer at a time, as the user arranges it
    fcntl = None  # type: ignore[assignment]

LOCK = ".graphvtr.lock"
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_held = threading.local()


class OutputInUseError(DataError):
    """Another run writes to the same place."""


@contextlib.contextmanager
def output_lock(out: str | Path, *, folder: bool = False, shared: bool = False) -> Iterator[None]:
    """Be the only run that writes to ``out``; a second one is refused, and told who is there.

    The system gives the lock up when its process dies, however it dies, so a dead run's place is simply taken. What
    dead runs have left half written beside a file is swept. Within itself (a command that calls a function with the
    same ``out``) the lock is held once. Nothing is left behind.

    Args:
        out: a file, or a folder.
        folder: ``out`` is a folder, and is made; the lock lies in it. The lock of a file lies beside it.
        shared: several runs that can work together hold it, and nobody else.

    Raises:
        OutputInUseError: another run has it; names process and time.
        DataError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "graphs.jsonl"
        >>> with output_lock(place), output_lock(place):
        ...     sorted(file.name for file in place.parent.iterdir())
        ['.graphs.jsonl.graphvtr.lock']
        >>> list(place.parent.iterdir())
        []
    """
    out = Path(out)
    key = out.resolve()
    held: set[Path] = _held.__dict__.setdefault("paths", set())
    if key in held:
        yield
        return
    home = out if folder else out.parent
    made = not home.exists()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise system_error(problem, home, "cannot be made") from problem
    path = home / (LOCK if folder else f".{out.name}{LOCK}")
    file = _take(path, out, shared)
    held.add(key)
    try:
        sweep(out, held=not shared)
        yield
    finally:
        held.discard(key)
        _give_up(path, file)
        if made and folder:
            with contextlib.suppress(OSError):  # a run that wrote nothing leaves nothing
                home.rmdir()


def _take(path: Path, out: Path, shared: bool) -> IO[bytes] | None:
    if fcntl is None:
        return None
    while True:
        try:
            file = path.open("a+b")
        except OSError as problem:
            raise system_error(problem, path.parent, "cannot be written") from problem
        try:
            if _is_ours(file, path, out, shared):
                return file
        except BaseException as problem:  # also who is interrupted here leaves nothing
            _give_up(path, file)
            if isinstance(problem, OSError) and problem.errno in NO_LOCKS:
                warnings.warn(f"{path.parent}: its file system has no locks; see that one run writes", stacklevel=4)
                return None
            raise
        file.close()


def _is_ours(file: IO[bytes], path: Path, out: Path, shared: bool) -> bool:
    """Lock the file and write who we are; whether it is still the file at ``path``: its last owner removes it."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno in NO_LOCKS:
            raise
        raise OutputInUseError(out, _who(file), "wait for it, or choose another --out") from problem
    if not _is_at(file, path):
        return False
    file.truncate(0)
    file.write(json.dumps(_me()).encode())
    file.flush()
    return True


def _give_up(path: Path, file: IO[bytes] | None) -> None:
    if file is None or fcntl is None:
        return
    with file, contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the last of those that share it removes it
        if _is_at(file, path):
            path.unlink()


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        there, mine = path.stat(), os.fstat(file.fileno())
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _me() -> dict[str, Any]:
    now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now, "command": " ".join(sys.argv)[:200]}


def _who(file: IO[bytes]) -> str:
    for _ in range(20):
        file.seek(0)
        with contextlib.suppress(ValueError, KeyError, TypeError):
            owner = json.loads(file.read())
            host = "" if owner["host"] == socket.gethostname() else f" on {owner['host']}"
            return f"another run writes here (pid {owner['pid']}{host}, since {owner['since']}: {owner['command']})"
        time.sleep(0.01)  # it has just taken the lock and is about to write who it is
    return "another run writes here"
