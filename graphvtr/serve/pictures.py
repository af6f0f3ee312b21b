"""Thumbnails: made once, kept in a folder of bounded size, with names that say what they are of."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from graphvtr.atomic import write_whole
from graphvtr.errors import DataError
from graphvtr.video.thumbnail import thumbnail

MOST = 4096


class Thumbnails:
    """JPEG pictures of moments of files.

    Args:
        most: pictures that are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="graphvtr-thumbnails-")
        self._kept: OrderedDict[str, Path] = OrderedDict()
        self._lock = threading.Lock()
        self.most = most

    @staticmethod
    def tag(file: Path, time: float, side: int) -> str:
        """What changes whenever the picture would: the ETag."""
        status = file.stat()
        text = f"{file} {status.st_size} {status.st_mtime_ns} {time:.2f} {side}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def get(self, file: Path, time: float, side: int) -> bytes:
        """The picture of a moment.

        Raises:
            DataError: the file cannot be decoded.
        """
        tag = self.tag(file, time, side)
        with self._lock:
            path = self._kept.get(tag)
            if path is not None:
                self._kept.move_to_end(tag)
        if path is not None:
            try:
                return path.read_bytes()
            except OSError:
                pass
        data = thumbnail(file, time, side)
        path = Path(self._folder.name) / f"{tag}.jpg"
        try:
            write_whole(path, data)
        except DataError:  # a full disk: the picture is there all the same
            return data
        with self._lock:
            self._kept[tag] = path
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)[1].unlink(missing_ok=True)
        return data

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()
