"""Approximate nearest neighbours by inner product: faiss, memory-mapped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from graphvtr._optional import optional_import
from graphvtr.errors import DataError

Kind = Literal["flat", "hnsw", "ivf_pq"]
KINDS: tuple[str, ...] = get_args(Kind)
FLAT_ROWS, HNSW_ROWS = 50_000, 300_000
HNSW_LINKS, HNSW_BUILD, HNSW_LOOK = 32, 100, 256
TRAIN_ROWS = 120_000
CHUNK = 16_384
PROBES = 48
LEAST_ROWS = 1000
"""Fewer keys are compared one by one, whatever the kind: there is nothing to train on."""
Array = np.ndarray[Any, Any]


def faiss() -> Any:
    """The library; the message of the error names the extra."""
    return optional_import("faiss", "search", "an index of clips")


def choose_kind(rows: int) -> Kind:
    """``flat`` (exact) up to 50,000 keys, ``hnsw`` up to 300,000, ``ivf_pq`` (a twelfth of the memory) above.

    Example:
        >>> [choose_kind(rows) for rows in (100, 100_000, 1_000_000)]
        ['flat', 'hnsw', 'ivf_pq']
    """
    return "flat" if rows <= FLAT_ROWS else "hnsw" if rows <= HNSW_ROWS else "ivf_pq"


def build_nearest(keys: Array, kind: str, path: Path) -> None:
    """Write the index of ``keys`` [N, d] to ``path``.

    Args:
        keys: float32, may be memory-mapped; read a piece at a time.
        kind: one of :data:`KINDS`.
        path: the file.

    Raises:
        DataError: an unknown kind.
        MissingExtraError: faiss is not installed.
    """
    if kind not in KINDS:
        raise DataError(f"kind '{kind}'", "is unknown", f"use auto, {', '.join(KINDS)}")
    lib = faiss()
    rows, width = keys.shape
    if kind == "flat" or rows < LEAST_ROWS:
        index = lib.IndexFlatIP(width)
    elif kind == "hnsw":
        index = lib.IndexHNSWFlat(width, HNSW_LINKS, lib.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = HNSW_BUILD
    else:
        index = _ivf_pq(lib, keys)
    for begin in range(0, rows, CHUNK):
        index.add(np.ascontiguousarray(keys[begin : begin + CHUNK]))
    lib.write_index(index, str(path))


def _ivf_pq(lib: Any, keys: Array) -> Any:
    rows, width = keys.shape
    lists = max(1, min(round(math.sqrt(rows)), rows // 39))
    parts = next(parts for parts in range(max(1, width // 2), 0, -1) if width % parts == 0)
    bits = 8 if rows >= 39 * 256 else 6 if rows >= 39 * 64 else 4
    index = lib.IndexIVFPQ(lib.IndexFlatIP(width), width, lists, parts, bits, lib.METRIC_INNER_PRODUCT)
    index.cp.niter = 8
    index.cp.max_points_per_centroid = max(64, TRAIN_ROWS // lists)
    chosen = np.linspace(0, rows - 1, min(rows, TRAIN_ROWS)).astype(np.int64)
    index.train(np.ascontiguousarray(keys[chosen]))
    return index


class Nearest:
    """A file of :func:`build_nearest`, mapped into memory.

    Raises:
        DataError: it is missing or damaged.
        MissingExtraError: faiss is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._lib = faiss()
        try:
            self._index = self._lib.read_index(str(path), self._lib.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            if not path.is_file():
                raise FileNotFoundError(path) from error
            raise DataError(
                path, f"is damaged ({str(error).splitlines()[-1][:120]})", "build the index again"
            ) from error
        self.rows, self.width = int(self._index.ntotal), int(self._index.d)
        self._hnsw = isinstance(self._index, self._lib.IndexHNSW)
        self._ivf = isinstance(self._index, self._lib.IndexIVF)

    def search(self, queries: Array, top: int, allowed: Array | None = None) -> tuple[Array, Array]:
        """The ``top`` keys of largest inner product: scores and rows [Q, top]; rows of -1 where there are no more.

        Args:
            queries: float32 [Q, d].
            top: keys a query.
            allowed: bool [rows]; others are passed over.
        """
        options: dict[str, Any] = {}
        bits = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            options["sel"] = self._lib.IDSelectorBitmap(self.rows, self._lib.swig_ptr(bits))
        if self._hnsw:
            params = self._lib.SearchParametersHNSW(efSearch=max(HNSW_LOOK, 2 * top), **options)
        elif self._ivf:
            params = self._lib.SearchParametersIVF(nprobe=min(PROBES, self._index.nlist), **options)
        else:
            params = self._lib.SearchParameters(**options)
        scores, rows = self._index.search(np.ascontiguousarray(queries), min(top, max(self.rows, 1)), params=params)
        return scores, rows
