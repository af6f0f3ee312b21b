"""Errors a user can act on: each names the item, what is wrong with it and how to mend it."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

MENDS = {
    errno.ENOSPC: "make room or choose another folder",
    errno.EDQUOT: "make room or choose another folder",
    errno.EFBIG: "make room or choose another folder",
    errno.EROFS: "choose a folder that you may write to",
    errno.EACCES: "choose a place that you may read and write",
    errno.EPERM: "choose a place that you may read and write",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: a file stands where a folder should",
    errno.EISDIR: "give a file, not a folder",
    errno.EEXIST: "choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "let the process open more files: ulimit -n",
    errno.EIO: "check the disk",
}
"""What the reader of a system's error can do about it."""
WRITTEN = "cannot be written"


class GraphVTRError(Exception):
    """Base of every error that graphvtr raises on purpose."""


class DataError(GraphVTRError, ValueError):
    """Bad input: a file, a field or an argument.

    Args:
        item: what is wrong, by name: a path, a field (``"region.box"``), an argument.
        problem: what is wrong with it.
        fix: what the reader can do about it.
    """

    def __init__(self, item: object, problem: str, fix: str = "") -> None:
        self.item, self.problem, self.fix = str(item), problem, fix
        super().__init__(f"{item}: {problem}" + (f" ({fix})" if fix else ""))

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str, str]]:
        """Errors of worker processes come back whole."""
        return type(self), (self.item, self.problem, self.fix)


class DivergedError(DataError):
    """Training left the range of its numbers: a loss, an embedding or a gradient is not finite."""


class MissingExtraError(GraphVTRError, ImportError):
    """An optional package is needed and not installed; the message names the extra to install."""


def check_choice(name: str, value: object, known: Any) -> None:
    """Refuse a value that an option does not have.

    Args:
        name: of the option.
        value: as it was given.
        known: a ``Literal`` or names.

    Raises:
        DataError: names the known values.
    """
    names: Sequence[Any] = get_args(known) or list(known)
    if value not in names:
        raise DataError(name, f"is '{value}'", f"use one of {', '.join(names)}")


E = TypeVar("E", bound=DataError)


def system_error(
    problem: OSError, item: object = None, what: str = "cannot be used", *, fix: str = "", kind: type[E] | None = None
) -> DataError:
    """The one-line error of what the system refuses: a full disk, a folder that is read only, a file that is gone.

    Args:
        problem: what the system says.
        item: the path; by default the one in ``problem``.
        what: what cannot be done, ``"cannot be written"`` for instance.
        fix: what the reader can do; by default what helps against this error of the system.
        kind: class of the error.

    Example:
        >>> print(system_error(OSError(28, "No space left on device"), "run/best.ckpt", "cannot be written"))
        run/best.ckpt: cannot be written (No space left on device) (make room or choose another folder)
    """
    if item is None:
        item = problem.filename if problem.filename is not None else "a file"
    mend = fix or MENDS.get(problem.errno or 0, "make room or choose another folder" if what == WRITTEN else "check it")
    return (kind or DataError)(item, f"{what} ({problem.strerror or problem})", mend)
