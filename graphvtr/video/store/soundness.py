"""Whether the values of a store's clips are still those that were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphvtr.errors import DataError
from graphvtr.video.store.clip_files import ClipFiles
from graphvtr.video.store.fields import Arrays, checksum

CHANGED = "its checksum does not match: the stored values have changed"


class Soundness:
    """Compares the clips of a store with their checksums, and remembers which it has compared.

    Args:
        files: of the store.
    """

    def __init__(self, files: ClipFiles) -> None:
        self._files = files
        self._compared: dict[str, int] = {}  # clip -> the checksum that it has

    def arrays(self, name: str) -> Arrays:
        """The fields of a clip as they are stored, compared with its checksum the first time.

        Raises:
            DataError: no such clip, its file is damaged, or its values have changed.
        """
        arrays = self._files.arrays(name)
        if not self._is_compared(name):
            found = checksum(arrays)
            if found != self._wanted(name):  # damaged, or written again by another process
                self._files.refresh()
                arrays = self._files.arrays(name)
                found = checksum(arrays)
            self._note(name, found)
        return arrays

    def require(self, names: Iterable[str]) -> None:
        """Read clips that have not been compared, a field at a time, and compare them.

        Raises:
            DataError: as :meth:`arrays`.
        """
        for name in names:
            if not self._is_compared(name):
                self._note(name, self._files.checksum_of(name))

    def problems(self, names: Iterable[str], widths: Mapping[str, int]) -> dict[str, str]:
        """Clip -> what is wrong with it, for those with which something is; all are read."""
        wrong: dict[str, str] = {}
        for name in names:
            try:
                if problem := self.problem_of(name, widths):
                    wrong[name] = problem
            except DataError as error:
                wrong[name] = error.problem
        return wrong

    def problem_of(self, name: str, widths: Mapping[str, int]) -> str:
        """What is wrong with the stored values of a clip of a store of these widths, empty for a sound one.

        Raises:
            DataError: no such clip, or its file is damaged.
        """
        shapes = self._files.find(name)[1].shapes
        found = {key: shape[1] for key, shape in shapes.items() if len(shape) > 1 and key != "region_box"}
        if found != widths:
            return f"is {found} wide, the store says {dict(widths)}"
        return "" if self._files.checksum_of(name) == self._wanted(name) else CHANGED

    def _wanted(self, name: str) -> int:
        return self._files.find(name)[1].crc32

    def _is_compared(self, name: str) -> bool:
        return self._compared.get(name) == self._wanted(name)

    def _note(self, name: str, found: int) -> None:
        if found != self._wanted(name):
            raise DataError(f"clip '{name}'", CHANGED, "extract it again; graphvtr store verify lists all such clips")
        self._compared[name] = found
