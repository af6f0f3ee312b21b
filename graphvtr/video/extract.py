"""A folder of clips to a feature store: resumable, and one broken clip never stops it."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from graphvtr.cluster import Engine, cluster_of
from graphvtr.ending import going_on
from graphvtr.locks import output_lock
from graphvtr.video.clip_files import Names, find_clips
from graphvtr.video.decode import DEFAULT_MAX_SIDE
from graphvtr.video.features import FrameFeaturizer
from graphvtr.video.motion.base import MotionFeaturizer
from graphvtr.video.pipeline import ClipPipeline
from graphvtr.video.regions.base import RegionDetector
from graphvtr.video.regions.tracks import TrackLinker
from graphvtr.video.store import FeatureStore, StoreWriteError
from graphvtr.video.store.files import write_store_file
from graphvtr.video.workers import ClipTask, Outcome, check_workers, run_tasks


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
    def seen(self) -> int:
        """Clips that were looked at."""
        return len(self.extracted) + len(self.skipped) + len(self.failures)

    @property
    def ok(self) -> bool:
        """Whether the store has at least one of the clips."""
        return bool(self.extracted or self.skipped)

    def take(self, outcome: Outcome) -> None:
        """Note what became of a clip."""
        if outcome.failure:
            self.failures[outcome.name] = outcome.failure
            return
        (self.skipped if outcome.skipped else self.extracted).append(outcome.name)
        if outcome.note:
            self.notes[outcome.name] = outcome.note

    def sort(self, names: list[str]) -> None:
        """Bring the clips, which workers finish in any order, into that of ``names``."""
        place = {name: index for index, name in enumerate(names)}
        self.extracted.sort(key=place.__getitem__)
        self.skipped.sort(key=place.__getitem__)
        for troubles in (self.failures, self.notes):
            ordered = sorted(troubles.items(), key=lambda item: place.get(item[0], -1))
            troubles.clear()
            troubles.update(ordered)

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


def extract(
    folder: str | Path,
    out: str | Path,
    featurizer: FrameFeaturizer,
    *,
    detector: RegionDetector | None = None,
    linker: TrackLinker | None = None,
    motion: MotionFeaturizer | None = None,
    num_frames: int = 20,
    rate: float | None = None,
    max_side: int = DEFAULT_MAX_SIDE,
    workers: int | None = None,
    engine: Engine = "processes",
    address: str | None = None,
    names: Names = "file",
    overwrite: bool = False,
    progress: bool = True,
) -> ExtractReport:
    """Features of the frames, and with a detector of the regions, of all clips of a folder, into a
    :class:`FeatureStore`.

    Clips that the store has from the same, unchanged file are skipped, so an interrupted run is continued by
    calling it again. A clip that cannot be read, whose features are not finite, or that kills the process that
    reads it, is reported and left out.

    Args:
        folder: clips in it and in the folders under it.
        out: the store.
        featurizer: makes the features of frames and regions.
        detector: finds the regions.
        linker: joins the regions to tracks.
        motion: features of what happens about each frame, which follow those of the frame.
        num_frames: at most so many frames a clip, evenly spaced in time.
        rate: frames a second instead.
        max_side: pictures are decoded no larger than this.
        workers: so many processes share the clips; they get copies of the parts, which must be picklable, and
            share the threads that torch uses here. A script that uses them needs ``if __name__ == "__main__":``. None
            is one, or with Ray as many as the cluster has processors.
        engine: ``"processes"`` of this machine, or ``"ray"``: tasks of a Ray cluster (extra ``scale``) whose machines
            see ``folder`` and ``out`` under the same paths; a clip whose process dies is tried again.
        address: of the cluster, see :func:`graphvtr.cluster.connect`.
        names: clips are called by their ``"file"``, or by their ``"path"`` below ``folder``, where files of several
            folders have the same names.
        overwrite: empty the store first.
        progress: show a progress bar with clips/s.

    Raises:
        DataError: no clips, or the store was made with other settings (says which).
        OutputInUseError: another run empties the store, or (with ``overwrite``) uses it.
        StoreWriteError: the store cannot be written; what is finished stays.
        Interrupted: Ctrl-C or SIGTERM; what is finished stays.
        MissingExtraError: PyAV is not installed.
    """
    start = time.perf_counter()
    pipeline = ClipPipeline(featurizer, detector, linker, motion, num_frames, rate, max_side)
    cluster = cluster_of(engine, address, workers)
    workers = 1 if workers is None else workers
    check_workers(workers)
    clips, duplicates = find_clips(folder, names)
    with (
        output_lock(out, folder=True, shared=not overwrite),  # several runs may share the clips of a folder
        going_on("the same command goes on", lambda: f"after {report.seen} of {len(clips)} clips"),
    ):
        report = ExtractReport(Path(out), failures=duplicates)
        if overwrite and (Path(out) / "manifest.json").exists():
            store = FeatureStore.create(out, pipeline.widths, pipeline.settings, overwrite=True)
        else:
            store = FeatureStore.resume(out, pipeline.widths, pipeline.settings)
        task = ClipTask(store.path, Path(folder), pipeline)
        try:
            with tqdm(total=len(clips), desc="extract", unit="clip", disable=not progress) as bar:
                for outcome in run_tasks(task, list(clips.items()), workers, cluster):
                    report.take(outcome)
                    bar.update()
            store.pack()
        except BaseException:  # also an interrupt leaves a report, unless the disk is what failed
            with contextlib.suppress(StoreWriteError):
                _write_failures(report)
            raise
        report.sort(list(clips))
        _write_failures(report)
    report.seconds = time.perf_counter() - start
    return report


def _write_failures(report: ExtractReport) -> None:
    write_store_file(report.store / "failures.json", json.dumps(report.failures, indent=2).encode())
