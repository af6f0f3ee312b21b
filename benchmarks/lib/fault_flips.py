"""A flipped bit in every kind of file that the library writes and reads."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.lib.fault_batch import in_batch
from benchmarks.lib.fault_files import KINDS, Kind, Reader
from benchmarks.lib.fault_material import Material, Outcome, Trial, Unit, digest
from benchmarks.lib.fault_runs import answer


def flips(material: Material, count: int) -> Iterator[Unit]:
    """A bit of a file is turned over: what is read is the same, is made again, or is refused."""
    for name, kind in KINDS.items():
        yield name, partial(_flipped, name, kind, material, -(-count // len(KINDS)))


def _flipped(name: str, kind: Kind, material: Material, count: int, folder: Path) -> Iterator[Trial]:
    found = kind(material, folder)
    if found is None:
        return
    path, read = found
    kept = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    whole = kept[path]
    wanted = answer(lambda: digest(read()))

    def trial(number: int) -> list[Outcome]:
        place = random.Random(f"{name} {number}").randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        _put(path, bytes(damaged))
        try:
            return [_read_damaged(read, wanted, f"bit {place}", str(folder))]
        finally:  # what is made again has files of its own beside it
            for file, content in kept.items():
                if not file.is_file() or file.read_bytes() != content:
                    _put(file, content)

    for outcome, detail in in_batch(range(count), trial):
        yield name, outcome, detail


def _put(path: Path, content: bytes) -> None:
    """A new file of that name: what has the old one open, or mapped, keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)


def _read_damaged(read: Reader, wanted: str, where: str, folder: str) -> Outcome:
    told: list[str] = []
    handler = _Collect(told)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = digest(read())
    except Exception as error:
        from graphvtr.errors import GraphVTRError

        if isinstance(error, GraphVTRError) or str(error).startswith("verify:"):
            return "refused", str(error)[:200]
        return "traceback", f"{where}: {error!r}"[:300]
    finally:
        logging.getLogger().removeHandler(handler)
    told += [str(warning.message) for warning in warned]
    told = [message for message in told if folder in message]  # libraries warn of much else
    if found == wanted:
        return ("remade" if told else "ok"), where
    return ("told" if told else "silent"), f"{where} {told[:1]}"


class _Collect(logging.Handler):
    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.told = told

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())
