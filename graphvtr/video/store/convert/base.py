"""What all conversions share: sources of clips, the way into a store, and arrays of features as fields of a clip."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from torch import Tensor
from tqdm import tqdm

from graphvtr.atomic import whole
from graphvtr.ending import going_on
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.registry import Registry
from graphvtr.values import plain_fields
from graphvtr.video.store.feature_store import FeatureStore
from graphvtr.video.store.files import StoreWriteError

Array = np.ndarray[Any, Any]
PACK_EVERY = 2000  # clips in files of their own before they are put into shards


@dataclass(frozen=True)
class ConvertOptions:
    """What formats leave open.

    Args:
        names: text or npy file of clip names, one a line, for formats without names or with changed ones.
        seconds: between two frames, for formats without times.
        dataset: name of the dataset inside an HDF5 file that has several.
        size: width and height that boxes in pixels are divided by; None for boxes as fractions.
        frame_of: what separates the video from the frame in image ids of the TSV, ``"_"`` in ``video0_3``.
    """

    names: Path | None = None
    seconds: float = 1.0
    dataset: str | None = None
    size: tuple[float, float] | None = None
    frame_of: str = "_"

    def __post_init__(self) -> None:
        plain_fields(self)
        if not self.seconds > 0:
            raise DataError("seconds", f"is {self.seconds}", "give seconds between frames, more than 0")
        if self.size is not None and not min(self.size) > 0:
            raise DataError("size", f"is {self.size}", "give width and height in pixels")


class ClipSource(Protocol):
    """Clips of another format."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the clips, each once."""

    def read(self, name: str) -> dict[str, Tensor]:
        """Fields of a clip, as :meth:`FeatureStore.add` takes them."""

    def close(self) -> None:
        """Close files."""


@dataclass(frozen=True)
class Format:
    """One format: how to open it, and how to write a store as it.

    Args:
        text: what it is, for help texts.
        open: ``(path, options) -> ClipSource``.
        write: ``(store, path, options)``, which gives the clips that the format cannot hold, if any; the target is
            whole or not there.
    """

    text: str
    open: Callable[[Path, ConvertOptions], ClipSource]
    write: Callable[[FeatureStore, Path, ConvertOptions], Mapping[str, str] | None]


FORMATS: Registry[Format] = Registry("format")


@dataclass
class ConvertReport:
    """What :func:`to_store` or :func:`from_store` did.

    Args:
        store: the feature store.
        written: clips written now.
        skipped: clips that were there.
        failures: clip -> why it could not be taken.
    """

    store: FeatureStore
    written: int = 0
    skipped: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def to_store(
    source: str | Path,
    target: str | Path,
    kind: str,
    options: ConvertOptions = ConvertOptions(),
    *,
    progress: bool = False,
) -> ConvertReport:
    """Read another format into a feature store; clips that are there are skipped, so that it can be continued.

    A clip that cannot be read is reported and left out; a source that is damaged as a whole is an error.

    Args:
        source: file or folder of the format ``kind``.
        target: the store; made if it is not there.
        kind: a name of :data:`FORMATS`.
        options: what the format leaves open.
        progress: show a bar.

    Raises:
        DataError: unknown format, the source is damaged, or the store was made of something else.
        StoreWriteError: the disk is full or the like; what is finished stays.
    """
    with (
        output_lock(target, folder=True),
        going_on("the same command goes on"),
        contextlib.closing(FORMATS[kind].open(Path(source), options)) as clips,
    ):
        report: ConvertReport | None = None
        failures: dict[str, str] = {}
        for name in tqdm(clips.names, desc="convert", unit="clip", disable=not progress):
            if report is not None and name in report.store:
                report.skipped += 1
                continue
            try:
                fields = clips.read(name)
                if report is None:
                    report = ConvertReport(_open_store(target, kind, source, fields))
                    if name in report.store:
                        report.skipped += 1
                        continue
                report.store.add(name, fields, source={"file": str(source), "format": kind})
                report.written += 1
            except StoreWriteError:
                raise
            except DataError as error:
                failures[name] = str(error)
            if report is not None and report.written and report.written % PACK_EVERY == 0:
                report.store.pack()
        if report is None:
            first = next(iter(failures.values()), "it has no clips")
            raise DataError(source, f"none of its {len(failures)} clips can be read; the first: {first}", "see above")
        report.store.pack()
        report.failures = failures
        return report


def _open_store(target: str | Path, kind: str, source: str | Path, fields: dict[str, Tensor]) -> FeatureStore:
    widths = {key: int(value.size(1)) for key, value in fields.items() if key.endswith("_x")}
    return FeatureStore.resume(target, widths, {"converted": {"format": kind, "source": Path(source).name}})


def from_store(
    source: str | Path, target: str | Path, kind: str, options: ConvertOptions = ConvertOptions()
) -> ConvertReport:
    """Write a feature store as another format; clips that it cannot hold are reported and left out.

    Args:
        source: the store.
        target: file or folder; it must not be there.
        kind: a name of :data:`FORMATS`.
        options: what the format leaves open.

    Raises:
        DataError: unknown format, no store, the target is there, or the format cannot hold what the store has.
        StoreWriteError: the disk is full or the like; nothing is left behind.
    """
    write = FORMATS[kind].write
    store = FeatureStore.open(source)
    target = Path(target)
    if "frame_x" not in store.widths:
        raise DataError(source, "holds features of texts, no clips", "give a store of clips")
    if not len(store):
        raise DataError(source, "has no clips", "extract some")
    if target.exists():
        raise DataError(target, "is there already", "choose another name")
    with output_lock(target), going_on("nothing was written; run it again"):
        failures = dict(write(store, target, options) or {})
    return ConvertReport(store, len(store) - len(failures), failures=failures)


#: A file or folder of a conversion: whole or not there.
whole_target = functools.partial(whole, error=StoreWriteError)


def write_file(path: Path, save: Callable[[IO[bytes]], object]) -> None:
    """Write what ``save`` puts into a file object, by way of memory: numpy does not notice a disk that is full when it
    closes a file, and torch reports it as an internal error.

    Raises:
        OSError: the disk is full or the like.
    """
    memory = io.BytesIO()
    save(memory)
    path.write_bytes(memory.getvalue())  # a view left in a traceback has crashed Python 3.12.1
