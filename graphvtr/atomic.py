"""Files and folders that appear only once they are whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from graphvtr.errors import DataError


@contextlib.contextmanager
def whole(
    path: str | Path, *, error: type[DataError] = DataError, fix: str = "make room or choose another folder"
) -> Iterator[Path]:
    """A place beside ``path`` to write a file or folder to, which becomes ``path`` if nothing goes wrong.

    A reader sees the old content or the new one, never half of it, also when the process is killed or the power
    fails; writers do not meet, since each has a place of its own. Nothing is left behind by an error; what a killed
    process leaves ends in ``.partial``.

    Args:
        path: what to write; missing folders above it are made.
        error: what to raise.
        fix: what the reader of the error can do.

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
    partial = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if partial.is_file():
            _sync(partial)
        partial.replace(path)
    except OSError as problem:
        raise error(path, f"cannot be written ({problem.strerror or problem})", fix) from problem
    finally:
        _remove(partial)


def write_whole(path: str | Path, data: bytes | str, *, error: type[DataError] = DataError,
                fix: str = "make room or choose another folder") -> None:  # fmt: skip
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
    with whole(path) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        try:
            save_file(dict(tensors), partial, dict(metadata or {}))
        except SafetensorError as error:
            raise OSError(str(error)) from error
        partial.chmod(mode)  # safetensors keeps new files to their owner


def _sync(path: Path) -> None:
    """Have the content on the disk before its name is."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
