"""Features of tokens on disk, so that a frozen language model reads every caption once."""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

RECORD = struct.Struct("<16sqi")  # key of the caption, first row, number of rows


class TokenFeatureCache:
    """Rows of float16 for each sequence of token ids.

    A folder holds pairs of files, ``NAME.features`` (rows end to end) and ``NAME.index`` (where each caption's rows
    are). A process that adds something opens a pair of its own, so that several may run at once; rows are written
    before the record that names them, and a record that a killed run has left unfinished is not counted.

    Args:
        folder: made when something is written.
        width: of a row.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = TokenFeatureCache(folder, 2)
        ...     cache.add([(101, 7, 102)], [torch.ones(3, 2)])
        ...     again = TokenFeatureCache(folder, 2)
        ...     (101, 7) in again, again.read([(101, 7, 102)])[0].shape
        (False, torch.Size([3, 2]))
    """

    def __init__(self, folder: str | Path, width: int) -> None:
        self.folder, self.width = Path(folder), width
        self._own: Path | None = None
        self._places: dict[bytes, tuple[Path, int, int]] = {}
        for index in sorted(self.folder.glob("*.index")) if self.folder.is_dir() else ():
            self._read_index(index)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, tokens: object) -> bool:
        return isinstance(tokens, tuple) and _key(tokens) in self._places

    def read(self, captions: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """The rows of captions that are all in the cache, float16 [n_i, width]."""
        out: list[Tensor] = [torch.empty(0)] * len(captions)
        by_file: dict[Path, list[tuple[int, int, int]]] = {}
        for position, tokens in enumerate(captions):
            path, begin, count = self._places[_key(tokens)]
            by_file.setdefault(path, []).append((position, begin, count))
        for path, places in by_file.items():
            with path.open("rb") as file:
                for position, begin, count in places:
                    file.seek(2 * begin * self.width)
                    rows = np.fromfile(file, dtype="<f2", count=count * self.width)
                    out[position] = torch.from_numpy(rows.reshape(count, self.width))
        return out

    def add(self, captions: Sequence[tuple[int, ...]], features: Sequence[Tensor]) -> None:
        """Write the rows [n_i, width] of captions; what is there already is written again."""
        if self._own is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._own = self.folder / f"{uuid.uuid4().hex}.features"
        records = b""
        with self._own.open("ab") as file:
            begin = file.tell() // (2 * self.width)
            for tokens, rows in zip(captions, features, strict=True):
                file.write(rows.detach().cpu().numpy().astype("<f2").tobytes())
                self._places[_key(tokens)] = (self._own, begin, len(rows))
                records += RECORD.pack(_key(tokens), begin, len(rows))
                begin += len(rows)
        with self._own.with_suffix(".index").open("ab") as file:
            file.write(records)

    def _read_index(self, index: Path) -> None:
        features = index.with_suffix(".features")
        rows = features.stat().st_size // (2 * self.width) if features.is_file() else 0
        content = index.read_bytes()
        whole = content[: len(content) - len(content) % RECORD.size]
        for key, begin, count in RECORD.iter_unpack(whole):
            if begin + count <= rows:
                self._places[key] = (features, begin, count)


def _key(tokens: Sequence[int]) -> bytes:
    return hashlib.blake2b(np.asarray(tokens, dtype="<i8").tobytes(), digest_size=16).digest()
