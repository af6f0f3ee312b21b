"""Compile the C kernels once, keep the library in the cache folder, and call it.

The library is kept in ``$GRAPHVTR_CACHE`` or ``~/.cache/graphvtr``, folder ``kernels``, under a digest of the sources,
the compiler, its flags and the processor, so that another machine that shares the home folder compiles its own.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Thread

import torch
from torch import Tensor

from graphvtr.atomic import place_beside, sweep, write_whole
from graphvtr.cache_folder import cache_folder
from graphvtr.errors import DataError

SOURCES = Path(__file__).parent / "native"
FLAGS = (
    *("-O3", "-march=native", "-std=c11", "-fPIC", "-shared"),
    # what vectors need: no errno, no exception flags; a product and its sum are rounded once
    *("-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
)
#: Elements of edges' rows from which the work is split, and into how many ranges: neither depends on the threads.
SPLIT_ELEMENTS, RANGES = 1 << 20, 8
SECONDS_TO_COMPILE = 120

_logger = logging.getLogger(__name__)
Argument = Tensor | int | float | None


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where they cannot be compiled: no compiler, or the compiler fails."""
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.name != "posix":
        return None
    name = f"graphvtr_{_digest(compiler)}.so"
    try:
        return _open(compiler, _folder() / name)
    except (DataError, OSError, subprocess.SubprocessError) as error:
        problem = _told(error)
    try:  # a cache that cannot be written costs this process some seconds
        with tempfile.TemporaryDirectory() as folder:
            found = _open(compiler, Path(folder) / name)  # stays loaded when the file is gone
        _logger.warning("compiled C kernels cannot be kept: %s", problem)
        return found
    except (DataError, OSError, subprocess.SubprocessError) as error:
        _logger.warning("C kernels could not be compiled, PyTorch's are used instead: %s", _told(error))
        return None


def _told(error: Exception) -> str:
    return str(getattr(error, "stderr", None) or error).strip()


def _open(compiler: str, path: Path) -> ctypes.CDLL:
    """The library at ``path``, compiled if it is not there whole: opening a truncated one would end the process."""
    if not _is_whole(path):
        _compile(compiler, path)
    return ctypes.CDLL(str(path))


def _is_whole(path: Path) -> bool:
    """Whether a library is what its compiler wrote, by the digest that lies beside it."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == _sum_file(path).read_text()
    except (OSError, UnicodeDecodeError):
        return False


def _sum_file(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _folder() -> Path:
    """The folder of compiled libraries: ours alone, as what lies there is run."""
    folder = cache_folder() / "kernels"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{folder} can be written by somebody else; remove it or set its mode to 700")
    return folder


def _digest(compiler: str) -> str:
    parts = [compiler, " ".join(FLAGS), platform.machine(), _processor()]
    parts += [(SOURCES / name).read_text() for name in ("kernels.c", "typed.h", "attention.h", "match.h")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _processor() -> str:
    """What ``-march=native`` compiles for."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))


def _compile(compiler: str, path: Path) -> None:
    sweep(path)
    target = place_beside(path)
    try:
        command = [compiler, *FLAGS, str(SOURCES / "kernels.c"), "-o", str(target), "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS_TO_COMPILE)
        content = target.read_bytes()
    finally:
        target.unlink(missing_ok=True)
    write_whole(path, content)
    write_whole(_sum_file(path), hashlib.sha256(content).hexdigest())


def call(name: str, rows: range, *args: Argument) -> None:
    """Run a kernel over some rows: tensors as pointers, None as NULL.

    Raises:
        RuntimeError: the kernels are not there (ask :func:`library` first).
    """
    found = library()
    if found is None:
        raise RuntimeError("the C kernels are not compiled")
    dtype = next(arg.dtype for arg in args if isinstance(arg, Tensor) and arg.is_floating_point())
    function = getattr(found, f"{name}_{'float32' if dtype == torch.float32 else 'float64'}")
    function.restype = None
    function(ctypes.c_int64(rows.start), ctypes.c_int64(rows.stop), *(_argument(arg) for arg in args))


def _argument(arg: Argument) -> ctypes.c_void_p | ctypes.c_int64 | ctypes.c_double:
    if arg is None:
        return ctypes.c_void_p(None)
    if isinstance(arg, Tensor):
        assert arg.is_contiguous()
        return ctypes.c_void_p(arg.data_ptr())
    return ctypes.c_double(arg) if isinstance(arg, float) else ctypes.c_int64(arg)


def ranges(ptr: Tensor, width: int) -> list[range]:
    """All rows, in one range or, for much work, in ``RANGES`` with about as many edges each."""
    rows, edges = ptr.size(0) - 1, int(ptr[-1])
    if rows < RANGES or (edges + rows) * width < SPLIT_ELEMENTS:
        return [range(rows)]
    work = ptr + torch.arange(rows + 1)  # an edge and a row count alike
    wanted = torch.linspace(0, edges + rows, RANGES + 1)[1:-1].long()
    bounds = [0, *torch.searchsorted(work, wanted).tolist(), rows]
    return [range(begin, end) for begin, end in pairwise(bounds)]


def over(parts: list[range], name: str, *args: Argument) -> None:
    """Run a kernel over ranges of rows, with as many threads as PyTorch uses."""
    over_each(parts, name, [args] * len(parts))


def over_each(parts: list[range], name: str, args: list[tuple[Argument, ...]]) -> None:
    """As :func:`over`, with arguments for each range; the lock of the interpreter is free meanwhile."""
    left, failed = iter(list(zip(parts, args, strict=True))), []

    def work() -> None:
        try:
            for part, mine in left:  # shared: whoever is free takes the next
                call(name, part, *mine)
        except BaseException as error:
            failed.append(error)

    others = [Thread(target=work) for _ in range(min(len(parts), torch.get_num_threads()) - 1)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    if failed:
        raise failed[0]
