"""A name -> class table. Models, datasets, parsers, backbones, motion features and detectors register by decorator.

What others wrote is found in three ways: a module that has been imported has registered its entries; an installed
package names its own by an entry point (``[project.entry-points."graphvtr.models"]``); and on the command line and in
calls ``FILE.py:NAME`` runs a file and takes what it has registered under that name.

A name that stands in a file (a checkpoint, an index) is only ever looked up, never run: :meth:`Registry.find`, which
runs files, is for names that a user gives.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from graphvtr.errors import DataError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
_ran: list[Path] = []


class Registry(Generic[T]):
    """Named entries of one kind.

    Args:
        kind: what the entries are, for messages.
        group: of entry points by which other packages add theirs.

    Example:
        >>> shapes: Registry[type] = Registry("shape")
        >>> @shapes.register("disc")
        ... class Disc: ...
        >>> shapes["disc"].__name__
        'Disc'
    """

    def __init__(self, kind: str, group: str = "") -> None:
        self.kind, self.group = kind, group
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files what it decorates under ``name``; a name is given once."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def find(self, name: str) -> T:
        """The entry that a user names, in a file of theirs if need be.

        Args:
            name: of an entry, or ``FILE.py:NAME``; the file is run, once.

        Raises:
            DataError: no such entry or file, or the file fails.
        """
        return self[self.name_of(name)]

    def name_of(self, name: str) -> str:
        """The bare name of :meth:`find`'s entry; the file, if there is one, has been run."""
        file, name = split_file(name)
        if file is not None:
            run_file(file)
            if name not in self:
                raise DataError(f"{file}:{name}", f"registers no {self.kind} of that name", f"known: {', '.join(self)}")
        return name

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            if name in self:
                return self._entries[name]
            near = get_close_matches(name, self._entries, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            own = "; of your own: FILE.py:NAME" if self.group else ""
            raise DataError(f"{self.kind} '{name}'", "unknown", f"{hint}known: {', '.join(self)}{own}") from None

    def __contains__(self, name: str) -> bool:
        if name not in self._entries:
            self._load_entry_point(name)
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._entries, *(point.name for point in self._offered())}))

    def __len__(self) -> int:
        return len(self._entries)

    def _offered(self) -> tuple[EntryPoint, ...]:
        """What installed packages offer."""
        return _entry_points(self.group, tuple((entry, _changed(entry)) for entry in sys.path)) if self.group else ()

    def _load_entry_point(self, name: str) -> None:
        """Import what an installed package offers under ``name``: an entry, or a module that registers it."""
        for point in self._offered():
            if point.name != name:
                continue
            try:
                found = point.load()
            except Exception as error:
                raise DataError(
                    f"{self.kind} '{name}'",
                    f"of the package {point.dist.name if point.dist else point.value} fails: "
                    f"{type(error).__name__}: {error}",
                    "mend the package, or uninstall it",
                ) from error
            self._entries.setdefault(name, found)


def _changed(folder: str) -> int:
    """When something was installed there."""
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=32)
def _entry_points(group: str, path: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """What the packages on ``path`` offer. The metadata of all of them is read, which takes milliseconds: once, until
    something is installed."""
    from importlib.metadata import entry_points  # a command that prints its help needs none

    return tuple(entry_points(group=group))


def split_file(name: str) -> tuple[Path | None, str]:
    """``FILE.py:NAME`` as its two parts; no file where there is none.

    Example:
        >>> split_file("mine/model.py:tiny"), split_file("hgr"), split_file("neural:max_words=9")
        ((PosixPath('mine/model.py'), 'tiny'), (None, 'hgr'), (None, 'neural:max_words=9'))
    """
    head, ending, rest = name.rpartition(".py:")
    return (Path(f"{head}.py"), rest) if ending and head else (None, name)


@cache
def run_file(file: Path) -> None:
    """Run a file that registers entries, once.

    Raises:
        DataError: there is no such file, or it fails.
    """
    spec = importlib.util.spec_from_file_location(f"graphvtr_file_{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise DataError(file, "no such file", "give FILE.py:NAME, or a registered name")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except DataError:
        raise
    except Exception as error:
        raise DataError(file, f"fails: {type(error).__name__}: {error}", "mend it") from error
    _ran.append(file.resolve())


class RanFiles:
    """The files that this process has run. Where it is unpickled they are run too, so that what is sent to another
    process after it finds the classes of these files there."""

    def __reduce__(self) -> tuple[Callable[[list[Path]], RanFiles], tuple[list[Path]]]:
        return _run_too, (list(_ran),)


def _run_too(files: list[Path]) -> RanFiles:
    for file in files:
        run_file(file)
    return RanFiles()
