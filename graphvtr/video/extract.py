"""A folder of clips to a feature store: resumable, and one broken clip never stops it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from graphvtr.errors import DataError, MissingExtraError
from graphvtr.video.decode import DEFAULT_MAX_SIDE
from graphvtr.video.features import FrameFeaturizer
from graphvtr.video.pipeline import ClipPipeline
from graphvtr.video.regions.base import RegionDetector
from graphvtr.video.regions.tracks import TrackLinker
from graphvtr.video.store import FeatureStore, StoreWriteError
from graphvtr.video.store.files import write_whole

CLIP_SUFFIXES = frozenset(
    ".3gp .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm .wmv".split()
)
_WINDOW = 2**20


@dataclass
class ExtractReport:
    """What :func:`extract` did.

    Attributes:
        store: folder of the store.
        extracted: clips written in this run.
        skipped: clips that were there already.
        failures: clip -> why it could not be used; also in ``failures.json`` of the store.
        notes: clips used although something is wrong with them -> what.
        seconds: wall time.
    """

    store: Path
    extracted: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the store has at least one of the clips."""
        return bool(self.extracted or self.skipped)

    def summary(self, limit: int = 20) -> str:
        """What to print at the end: counts, speed, and at most ``limit`` clips of each kind of trouble."""
        speed = f" ({len(self.extracted) / self.seconds:.2f} clips/s)" if self.extracted and self.seconds else ""
        lines = [
            f"{self.store}: {len(self.extracted)} clips extracted in {self.seconds:.1f} s{speed}, "
            f"{len(self.skipped)} there already, {len(self.failures)} failed"
        ]
        for title, troubles in (("not whole, but used", self.notes), ("failed", self.failures)):
            listed = [f"  {name}: {reason}" for name, reason in list(troubles.items())[:limit]]
            lines += [f"{title}:", *listed] if listed else []
            if len(troubles) > limit:
                lines.append(f"  ... and {len(troubles) - limit} more")
        return "\n".join(lines)


def find_clips(folder: str | Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Video files in and under a folder, by name: the file's name without its suffix.

    Hidden files are passed over. Order is natural (``clip2`` before ``clip10``).

    Returns:
        Name -> file, and for every file whose name is taken already: file -> reason.

    Raises:
        DataError: no such folder, or no clips in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "give the folder that holds the clips")
    files = [
        file
        for file in sorted(folder.rglob("*"), key=_natural_key)
        if file.suffix.lower() in CLIP_SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]
    if not files:
        known = " ".join(sorted(CLIP_SUFFIXES))
        raise DataError(folder, "holds no clips", f"files with these suffixes are clips: {known}")
    clips: dict[str, Path] = {}
    duplicates: dict[str, str] = {}
    for file in files:
        name = printable(file.stem)
        if name in clips:
            first = printable(clips[name].relative_to(folder))
            duplicates[printable(file.relative_to(folder))] = f"has the same name as {first}: rename one of them"
        else:
            clips[name] = file
    return clips, duplicates


def extract(
    folder: str | Path,
    out: str | Path,
    featurizer: FrameFeaturizer,
    *,
    detector: RegionDetector | None = None,
    linker: TrackLinker | None = None,
    num_frames: int = 20,
    max_side: int = DEFAULT_MAX_SIDE,
    overwrite: bool = False,
    progress: bool = True,
) -> ExtractReport:
    """Features of the frames, and with a detector of the regions, of all clips of a folder, into a
    :class:`FeatureStore`.

    Clips that the store has from the same, unchanged file are skipped, so an interrupted run is continued by
    calling it again. A clip that cannot be read, or whose features are not finite, is reported and left out.

    Args:
        folder: clips in it and in the folders under it.
        out: the store.
        featurizer: makes the features of frames and regions.
        detector: finds the regions.
        linker: joins the regions to tracks.
        num_frames: at most so many frames a clip, evenly spaced in time.
        max_side: pictures are decoded no larger than this.
        overwrite: empty the store first.
        progress: show a progress bar.

    Raises:
        DataError: no clips, or the store was made with other settings (says which).
        StoreWriteError: the store cannot be written; what is finished stays.
        MissingExtraError: PyAV is not installed.
    """
    start = time.perf_counter()
    pipeline = ClipPipeline(featurizer, detector, linker, num_frames, max_side)
    clips, duplicates = find_clips(folder)
    if overwrite and (Path(out) / "manifest.json").exists():
        store = FeatureStore.create(out, pipeline.widths, pipeline.settings, overwrite=True)
    else:
        store = FeatureStore.resume(out, pipeline.widths, pipeline.settings)
    report = ExtractReport(store.path, failures=duplicates)
    try:
        for name, file in tqdm(clips.items(), desc="extract", unit="clip", disable=not progress):
            _extract_clip(name, file, Path(folder), store, pipeline, report)
        store.pack()
    except BaseException:  # also an interrupt leaves a report, unless the disk is what failed
        with contextlib.suppress(StoreWriteError):
            _write_failures(report)
        raise
    _write_failures(report)
    report.seconds = time.perf_counter() - start
    return report


def _extract_clip(
    name: str,
    file: Path,
    folder: Path,
    store: FeatureStore,
    pipeline: ClipPipeline,
    report: ExtractReport,
) -> None:
    """One clip into the store and the report, whatever happens to it."""
    try:
        source = describe_source(file, folder)
        if name in store and store.entry(name).source.get("fingerprint") == source["fingerprint"]:
            report.skipped.append(name)
            return
        clip = pipeline.sample(file)
        store.add(name, pipeline.describe(clip, name), source=source, note=clip.note)
    except (StoreWriteError, MissingExtraError):  # every other clip would meet the same
        raise
    except Exception as error:  # whatever is wrong with one clip, the others are still wanted
        kind = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
        report.failures[name] = printable(f"{kind}{error}")
        return
    report.extracted.append(name)
    if clip.note:
        report.notes[name] = clip.note


def _write_failures(report: ExtractReport) -> None:
    write_whole(report.store / "failures.json", json.dumps(report.failures, indent=2).encode())


def describe_source(file: Path, folder: Path) -> dict[str, Any]:
    """Which file it is: name, size, time of change, and a fingerprint of its content.

    The fingerprint is BLAKE2 over the size and the first, middle and last mebibyte: a film costs as little as
    a clip.
    """
    status = file.stat()
    digest = hashlib.blake2b(str(status.st_size).encode(), digest_size=16)
    with file.open("rb") as content:
        for offset in sorted({0, max(0, status.st_size // 2 - _WINDOW // 2), max(0, status.st_size - _WINDOW)}):
            content.seek(offset)
            digest.update(content.read(_WINDOW))
    return {
        "file": printable(file.relative_to(folder)),
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "fingerprint": digest.hexdigest(),
    }


def printable(text: str | Path) -> str:
    """Text with a path in it that can be printed and stored, also where the file system's bytes are no UTF-8."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _natural_key(file: Path) -> list[tuple[int, int, str]]:
    """Numbers inside a name sort as numbers."""
    parts = re.split(r"(\d+)", printable(file))
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts]
