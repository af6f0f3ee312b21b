"""Clips that appear in a folder are extracted and added to an index, again and again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.nn.feeding import pipeline_of
from graphvtr.search.index import Change
from graphvtr.search.index.editing import media_below
from graphvtr.terminal import printable
from graphvtr.video import FeatureStore
from graphvtr.video.clip_files import describe_source, find_clips

logger = logging.getLogger(__name__)
SETTLED = 2.0  # seconds that a file must not have changed: it may still be being copied


class Watcher:
    """Looks into a folder and takes up what is new or has changed.

    Features go to a store, so that nothing is done twice; a clip that cannot be read is told once and tried again when
    its file changes. Clips that leave the folder stay in the index unless ``delete``.

    The folder becomes that of an index which names none; the page shows no files of another one.

    Args:
        folder: of the video files.
        index: of :func:`graphvtr.search.open_index`.
        store: folder of the features; ``INDEX.features`` beside the index by default.
        delete: take clips out whose files are gone; never when the folder is empty or gone.
        settled: seconds that a file must have been left alone.

    Raises:
        DataError: the features of the index cannot be made here.
    """

    def __init__(
        self,
        folder: str | Path,
        index: Any,
        store: str | Path | None = None,
        *,
        delete: bool = False,
        settled: float = SETTLED,
    ) -> None:
        self.folder, self.index, self.delete, self.settled = Path(folder), index, delete, settled
        self.pipeline = pipeline_of(index.model)
        self._below = media_below(index.path, str(self.folder.resolve()))
        index.refresh()
        path = Path(store) if store is not None else index.path.with_name(f"{index.path.name}.features")
        self.store = FeatureStore.resume(path, self.pipeline.widths, self.pipeline.settings)
        self.failures: dict[str, tuple[int, str]] = {}

    def look(self) -> Change:
        """Take up what there is now."""
        try:
            clips, _ = find_clips(self.folder)
        except DataError:  # no clips, or no folder for the moment
            return Change()
        now = time.time()
        known: list[str] = []
        for name, file in clips.items():
            try:
                status = file.stat()
                if abs(now - status.st_mtime) < self.settled:  # a clock of another machine may be ahead
                    continue
                source = describe_source(file, self.folder)
                source["file"] = printable(self._below / file.relative_to(self.folder))
                if name in self.store and self.store.entry(name).source == source:
                    known.append(name)
                    continue
                if name in self.failures and self.failures[name][0] == status.st_mtime_ns:
                    continue
                fields, note = self.pipeline(file, name)
                self.store.add(name, fields, source=source, note=note)
                known.append(name)
            except FileNotFoundError:  # gone again
                continue
            except DataError as error:
                self.failures[name] = (status.st_mtime_ns, str(error))
                logger.warning("%s", error)
        change: Change = self.index.add(self.store, known) if known else Change()
        if self.delete:
            gone = [name for name in self.index.names if name not in clips]
            change.deleted = self.index.delete(gone).deleted if gone else []
        return change

    def run(
        self, every: float = 5.0, told: Callable[[Change], object] | None = None, rounds: int | None = None
    ) -> None:
        """Look again every so many seconds, until interrupted.

        Args:
            every: seconds between two looks.
            told: called with what has changed, when something has.
            rounds: looks; for ever if None.

        Raises:
            DataError: ``every`` is not above 0.
        """
        if every <= 0:
            raise DataError("every", f"is {every}", "give seconds above 0")
        while rounds is None or rounds > 0:
            change = self.look()
            if told is not None and (change.added or change.replaced or change.deleted):
                told(change)
            rounds = None if rounds is None else rounds - 1
            if rounds is None or rounds > 0:
                time.sleep(every)
