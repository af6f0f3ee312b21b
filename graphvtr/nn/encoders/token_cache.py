"""Features of tokens on disk, so that a frozen language model reads every caption once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.store import FeatureStore, StoreWriteError
from graphvtr.video.store.manifest import check_same, has_manifest, read_manifest

logger = logging.getLogger(__name__)

PACK_EVERY = 64  # batches that lie in files of their own before they are put into shards
FIELD = "token_x"
LARGE, FEW = 64 * 2**20, 64
"""Bytes of a cache, and captions: so few are computed in less time than a cache of more bytes is opened in."""
_ONE = threading.RLock()  # threads that cut batches read while a step writes; a lock of a cache could not be copied
Made = Iterable[tuple[Sequence[tuple[int, ...]], Sequence[Tensor]]]


class TokenFeatureCache:
    """Rows of float16 for each sequence of token ids, in a :class:`~graphvtr.video.FeatureStore` of texts.

    Texts are called by their token ids, ``101 6077 102``. So a cache has what every store has: checksums, shards,
    readers and writers at the same time, nothing half written; ``graphvtr store info`` and ``verify`` look into it.
    What is damaged counts as not there and is computed again. It is opened when it is first needed; who asks for a few
    captions only, as a search does, does not wait until a large one is.

    Args:
        folder: of the store, made when something is written.
        width: of a row.
        settings: what makes the features, plain JSON values.

    Raises:
        DataError: the folder holds something else, or features of another width or of other settings.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = TokenFeatureCache(folder, 2)
        ...     cache.add([(101, 7, 102)], [torch.ones(3, 2)])
        ...     again = TokenFeatureCache(folder, 2)
        ...     (101, 7) in again, again.read([(101, 7, 102)])[0].shape
        (False, torch.Size([3, 2]))
    """

    def __init__(self, folder: str | Path, width: int, settings: Mapping[str, Any] | None = None) -> None:
        self.folder, self.width, self.settings = Path(folder), width, dict(settings or {})
        if has_manifest(self.folder):
            check_same(self.folder, read_manifest(self.folder), ({FIELD: width}, self.settings))
        self._opened: FeatureStore | None = None
        self._batches = self._asked = 0
        self._writable = True

    @property
    def _store(self) -> FeatureStore | None:
        if self._opened is None and has_manifest(self.folder):
            self._opened = self._open()
        return self._opened

    def __len__(self) -> int:
        return 0 if self._store is None else len(self._store)

    def __contains__(self, tokens: object) -> bool:
        if not isinstance(tokens, tuple):
            return False
        store = self._store if tokens else None
        return not tokens or (store is not None and _name(tokens) in store)

    def rows(self, captions: Sequence[tuple[int, ...]], make: Callable[[list[tuple[int, ...]]], Made]) -> list[Tensor]:
        """The rows of captions, float16 [n_i, width]: read, or made and kept.

        A folder that cannot be written stops nobody: what is not there is then made whenever it is asked for.

        Args:
            captions: token ids.
            make: some captions that are not there at a time, and their rows.

        Raises:
            DataError: rows are not finite, or of another width; a file is damaged.
        """
        made: dict[tuple[int, ...], Tensor] = {}
        self._asked += len(captions)
        passed = self._opened is None and self._asked <= FEW and self._is_large()
        with _ONE:
            missing = [tokens for tokens in captions if tokens and (passed or tokens not in self)]
        for part, rows in make(missing):
            if passed or not self._keep(part, rows):
                made.update((tokens, x.to("cpu", torch.float16)) for tokens, x in zip(part, rows, strict=True))
        return [made[tokens] if tokens in made else self.read([tokens])[0] for tokens in captions]

    def known(self, captions: Sequence[tuple[int, ...]]) -> list[Tensor] | None:
        """The rows of captions as :meth:`read` gives them, None unless all are in the cache."""
        with _ONE:
            return self.read(captions) if all(tokens in self for tokens in captions) else None

    def _keep(self, captions: Sequence[tuple[int, ...]], rows: Sequence[Tensor]) -> bool:
        try:
            if self._writable:
                self.add(captions, rows)
        except StoreWriteError as error:
            self._writable = False
            logger.warning("%s cannot be written, features of captions are not kept: %s", self.folder, error)
        return self._writable

    def read(self, captions: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """The rows of captions that are all in the cache, float16 [n_i, width].

        Raises:
            DataError: one is not, or its file is damaged.
        """
        nothing = torch.empty(0, self.width, dtype=torch.float16)
        with _ONE:
            return [self._read(tokens) if tokens else nothing for tokens in captions]

    def add(self, captions: Sequence[tuple[int, ...]], features: Iterable[Tensor]) -> None:
        """Write the rows [n_i, width] of captions, all of them or none; what is there already is written again.

        Raises:
            DataError: rows are not finite, or of another width.
            StoreWriteError: the disk is full or the like.
        """
        rows = {_name(tokens): {FIELD: x} for tokens, x in zip(captions, features, strict=True) if tokens}
        with _ONE:
            if self._opened is None:
                self._opened = self._open()
            self._opened.add_many(rows)
            self._batches += 1
            if self._batches % PACK_EVERY == 0:
                self._opened.pack()

    def _is_large(self) -> bool:
        return sum(file.stat().st_size for file in self.folder.glob("shards/*")) > LARGE

    def _open(self) -> FeatureStore:
        return FeatureStore.resume(self.folder, {FIELD: self.width}, self.settings)

    def _read(self, tokens: tuple[int, ...]) -> Tensor:
        store = self._store
        if store is None:
            raise DataError(f"text '{_name(tokens)}'", f"is not in {self.folder}", "add it first")
        return store.read(_name(tokens), raw=True)[FIELD]


def _name(tokens: Sequence[int]) -> str:
    return " ".join(map(str, tokens))
