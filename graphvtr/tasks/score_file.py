"""Scores of all pairs on disk, written block by block."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
from torch import Tensor

from graphvtr.atomic import place_beside, whole
from graphvtr.errors import DataError, system_error
from graphvtr.locks import output_lock


class ScoreFile:
    """An ``.npz`` of scores that never lie in memory together.

    =================  =====================  ====================================
    ``scores``         [Nv, Nt] float32       fused scores
    ``level_scores``   [levels, Nv, Nt]       scores of each level
    ``levels``         [levels] of str        names of the levels
    ``videos``         [Nv] of str            names of the rows
    ``captions``       [Nt] of str            texts of the columns
    =================  =====================  ====================================

    Read it with ``numpy.load(path, allow_pickle=False)``. Blocks go to memory-mapped files beside ``path`` first;
    the ``.npz`` appears when the ``with`` block ends without an error.

    Args:
        path: the file, ending in ``.npz``.
        levels: names of the levels.
        videos: names of the videos.
        captions: texts of the captions.

    Raises:
        DataError: another ending, or a folder that is not there.
    """

    def __init__(self, path: str | Path, levels: Sequence[str], videos: Sequence[str], captions: Sequence[str]) -> None:
        self.path = Path(path)
        if self.path.suffix != ".npz":
            raise DataError(self.path, "does not end in .npz", "give a file name ending in .npz")
        if not self.path.parent.is_dir():
            raise DataError(self.path.parent, "no such folder", "make it first")
        self.levels, self.videos, self.captions = levels, videos, captions

    def __enter__(self) -> Self:
        self._held = ExitStack()
        self._held.enter_context(output_lock(self.path))  # also sweeps the folders that killed runs have left
        self._folder = place_beside(self.path)
        shape = (len(self.videos), len(self.captions))
        try:
            self._folder.mkdir()
            self._scores = self._map("scores", shape)
            self._level_scores = self._map("level_scores", (len(self.levels), *shape))
        except BaseException:  # also an interrupt: __exit__ is not asked then
            shutil.rmtree(self._folder, ignore_errors=True)
            self._held.close()
            raise
        return self

    def _map(self, name: str, shape: tuple[int, ...]) -> np.memmap:
        path = self._folder / f"{name}.npy"
        found = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        if hasattr(os, "posix_fallocate"):  # writing to a map of a file that the disk has no room for kills a process
            try:
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                raise system_error(error, self.path, "cannot be written") from error
        return found

    def add(self, scores: Tensor, level_scores: Tensor, videos: range, texts: range) -> None:
        """Write a block: its fused scores [v, t] and those of its levels [levels, v, t]."""
        rows, columns = slice(videos.start, videos.stop), slice(texts.start, texts.stop)
        self._scores[rows, columns] = scores.float().cpu().numpy()
        self._level_scores[:, rows, columns] = level_scores.float().cpu().numpy()

    def __exit__(self, kind: type[BaseException] | None, *problem: object) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            del self._scores, self._level_scores
            shutil.rmtree(self._folder, ignore_errors=True)
            self._held.close()

    def _write(self) -> None:
        with (
            whole(self.path) as partial,
            partial.open("wb") as file,
        ):  # numpy copies a memory map into the archive piece by piece
            np.savez(
                file,
                scores=self._scores,
                level_scores=self._level_scores,
                levels=np.array(self.levels, dtype=np.str_),
                videos=np.array(self.videos, dtype=np.str_),
                captions=np.array(self.captions, dtype=np.str_),
            )
