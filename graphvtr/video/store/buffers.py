"""Memory for batches that is used again once nobody holds the batch."""

from __future__ import annotations

import math
import threading
import weakref

import torch
from torch import Tensor

SMALL = 2**20


class BufferPool:
    """Tensors whose memory comes back when the last of them that uses it is gone.

    Fresh memory of a hundred megabytes costs as much as copying into it: the system hands it out page by page and
    clears every page. A batch loader asks for tensors of about the same size again and again; this pool gives it
    the memory of earlier batches that nothing refers to any more, neither a tensor nor a view of one. It never
    takes memory back from somebody who still holds it. Threads may share it.

    Args:
        keep: free buffers kept at most; further ones are given back to the system.

    Example:
        >>> pool = BufferPool()
        >>> one = pool.empty((1024, 1024), torch.float32)
        >>> place, view = one.data_ptr(), one[5:]
        >>> del one
        >>> other = pool.empty((1024, 1024), torch.float32)
        >>> other.data_ptr() == place  # `view` still uses it
        False
        >>> del view
        >>> pool.empty((512, 1024), torch.float32).data_ptr() == place
        True
    """

    def __init__(self, keep: int = 8) -> None:
        self.keep = keep
        self._lock = threading.RLock()  # a finaliser may run inside `empty`
        self._free: list[Tensor] = []

    def __reduce__(self) -> tuple[type[BufferPool], tuple[int]]:
        return BufferPool, (self.keep,)  # another process begins with an empty pool

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A tensor with undefined values."""
        size = math.prod(shape) * dtype.itemsize
        if size < SMALL:
            return torch.empty(shape, dtype=dtype)
        memory = self._take(size)
        array = memory[:size].view(dtype).view(shape).numpy()
        # the tensor and all its views keep `array` alive, and nothing else does
        weakref.finalize(array, self._give, memory).atexit = False
        return torch.from_numpy(array)

    def _take(self, size: int) -> Tensor:
        with self._lock:
            fitting = [place for place, memory in enumerate(self._free) if memory.numel() >= size]
            if fitting:
                return self._free.pop(min(fitting, key=lambda place: self._free[place].numel()))
            if len(self._free) >= self.keep:
                self._free.pop(min(range(len(self._free)), key=lambda place: self._free[place].numel()))
        return torch.empty(size + size // 8, dtype=torch.uint8)  # the next batch may be a little larger

    def _give(self, memory: Tensor) -> None:
        with self._lock:
            if len(self._free) < self.keep:
                self._free.append(memory)
