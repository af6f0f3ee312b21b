"""Files and folders that appear only once they are whole."""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from graphvtr.errors import DataError, system_error

if TYPE_CHECKING:  # commands that print their help need no torch
    from torch import Tensor


@contextlib.contextmanager
def whole(path: str | Path, *, error: type[DataError] = DataError, fix: str = "") -> Iterator[Path]:
    """A place beside ``path`` to write a file or folder to, which becomes ``path`` if nothing goes wrong.

    A reader sees the old content or the new one, never half of it, also when the process is killed or the power
    fails; writers do not meet, since each has a place of its own. Nothing is left behind by an error; what a killed
    process leaves ends in ``.partial``, see :func:`sweep`.

    Args:
        path: what to write; missing folders above it are made.
        error: what to raise.
        fix: what the reader of the error can do; by default what helps against the system's error.

    Raises:
        DataError: it cannot be written; names ``path``.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "words.txt"
        >>> with whole(path) as partial:
        ...     _ = partial.write_text("a dog")
        ...     print(path.exists())
        False
        >>> path.read_text(), [file.name for file in path.parent.iterdir()]
        ('a dog', ['words.txt'])
    """
    path = Path(path)
    partial = place_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        for file in partial.rglob("*") if partial.is_dir() else [partial]:
            if file.is_file():
                _sync(file)
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as problem:
        raise system_error(problem, path, "cannot be written", fix=fix, kind=error) from problem
    finally:
        _remove(partial)


def place_beside(path: Path) -> Path:
    """A name beside ``path`` that no other writer has, and that :func:`sweep` knows."""
    return path.with_name(f"{path.name}.{os.getpid()}-{_here()}{secrets.token_hex(3)}.partial")


def write_whole(path: str | Path, data: bytes | str, *, error: type[DataError] = DataError, fix: str = "") -> None:
    """Write bytes, or text as UTF-8, by way of :func:`whole`.

    Raises:
        DataError: it cannot be written.
    """
    with whole(path, error=error, fix=fix) as partial:
        partial.write_bytes(data.encode() if isinstance(data, str) else data)


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file by way of :func:`whole`, readable by whom the umask lets read.

    Args:
        path: the file.
        tensors: contiguous, none of them sharing memory with another.
        metadata: plain text to keep with them.

    Raises:
        DataError: it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with whole(path) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        try:
            save_file(dict(tensors), partial, dict(metadata or {}))
        except SafetensorError as error:
            raise OSError(str(error)) from error
        partial.chmod(mode)  # safetensors keeps new files to their owner


def sweep(path: str | Path, *, held: bool = False) -> None:
    """Remove what killed processes have left half written of ``path`` and, if it is a folder, in it.

    Args:
        path: what was to be written by way of :func:`whole`.
        held: nobody else writes there now (see :func:`graphvtr.locks.output_lock`), so that what processes of other
            machines have left goes too.
    """
    path = Path(path)
    inside = [found for pattern in ("*.partial", "*/*.partial") for found in path.glob(pattern)]
    for left in (*path.parent.glob(f"{glob.escape(path.name)}.*.partial"), *inside):
        found = re.search(r"\.(\d+)-([0-9a-f]{4})[0-9a-f]{6}\.partial$", left.name)
        if found is None or (int(found.group(1)), found.group(2)) == (os.getpid(), _here()):
            continue
        if held or (found.group(2) == _here() and not _is_alive(int(found.group(1)))):
            _remove(left)


@functools.cache
def _here() -> str:
    """Where process numbers mean something: this machine and, in a container, this container."""
    with contextlib.suppress(OSError):
        return hashlib.sha256(f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}".encode()).hexdigest()[:4]
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:4]


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # nobody knows
    try:
        os.kill(pid, 0)  # sends nothing; an error says that there is no such process
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _sync(path: Path) -> None:
    """Have the content on the disk before its name is."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Have the name on the disk, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
