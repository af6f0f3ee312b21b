"""Clips that strangers send are decoded in a process of their own, with limits of time and memory.

The process imports what is needed once and forks for every clip, so that a decoder that
crashes, hangs or fills the memory takes nothing with it. A small file may decode to very much: pictures of more pixels
than the limit are refused before one is decoded, and too many pictures take too long.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from safetensors.torch import load_file, save_file

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.serve.asking import BusyError
from graphvtr.serve.limits import Limits
from graphvtr.video.container import OpenVideo

FIX = "send a video file that plays elsewhere"
START = "from graphvtr.imports import lazily; lazily(); from graphvtr.serve.decoding import main; main()"
GRACE = 5.0  # seconds beyond the limit after which a process that sleeps is ended
TURN = 20.0  # seconds that a clip waits for the one before it


class Decoder:
    """A process that decodes clips, one at a time.

    Args:
        limits: of time and memory.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started if it is not there (or not any more)."""
        if self._process is None or self._process.poll() is not None:
            path = os.pathsep.join(part for part in (str(Path(__file__).parents[2]), *sys.path) if part)
            self._process = subprocess.Popen(
                [sys.executable, "-c", START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )
        return self._process

    def read(self, file: Path, settings: Mapping[str, Any], regions: bool, name: str = "clip") -> VideoGraph:
        """A file as the clips of an index were read.

        Args:
            file: what was sent.
            settings: how features are made (``provenance.features`` of the model).
            regions: whether the model looks at regions.
            name: of the clip.

        Raises:
            DataError: it cannot be decoded, its pictures are too large, or it takes too long or too much memory.
            BusyError: other clips are decoded, one after another.
        """
        if not self._lock.acquire(timeout=TURN):
            raise BusyError("server", "is busy with other clips", "send it again in a moment")
        try:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "fields.safetensors"
                problem = self._told(
                    {
                        "file": str(file),
                        "settings": dict(settings),
                        "regions": regions,
                        "out": str(out),
                        "limits": asdict(self.limits),
                    }
                )
                if problem:
                    raise DataError(name, problem, FIX)
                return VideoGraph.build(**load_file(out), name=name)
        finally:
            self._lock.release()

    def _told(self, job: Mapping[str, Any]) -> str:
        """What the process says is wrong with a job, nothing if all went well."""
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            return str(json.loads(process.stdout.readline() or b'"is gone"'))
        except (OSError, ValueError):
            return "cannot be decoded: the decoder is gone"

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def main() -> None:
    """Serve jobs from standard input, a line each, until it ends."""
    from graphvtr.video import rebuild  # what the jobs need is imported once

    answers: IO[bytes] = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a decoder prints is no answer
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_guarded(json.loads(line), rebuild)).encode() + b"\n")
        answers.flush()


def _guarded(job: dict[str, Any], rebuild: Any) -> str:
    """Do a job in a forked process; what is wrong, empty if nothing is."""
    limits = Limits(**job["limits"])
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with contextlib.suppress(BaseException):
            os.write(writer, _decode(job, limits, rebuild).encode()[:1000] or b"-")
        os._exit(0)
    os.close(writer)
    end = time.monotonic() + limits.decode_seconds + GRACE
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = signal.SIGXCPU
            break
        time.sleep(0.01)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read().decode()
    if told:
        return "" if told == "-" else told
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return f"takes over {limits.decode_seconds} s to decode"
    return "ended the process that decoded it"


def _decode(job: dict[str, Any], limits: Limits, rebuild: Any) -> str:
    """In the forked process."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for kind, limit in (
        (resource.RLIMIT_AS, size + limits.decode_memory),
        (resource.RLIMIT_CPU, limits.decode_seconds),
        (resource.RLIMIT_FSIZE, limits.decode_memory),
        (resource.RLIMIT_CORE, 0),
    ):
        # at the first limit of time the process is told so, at the second it is killed without a word
        resource.setrlimit(kind, (limit, limit + (kind == resource.RLIMIT_CPU)))
    try:
        _check_picture(Path(job["file"]), limits.picture)
        fields, _ = rebuild.pipeline_from(job["settings"], "the index", regions=job["regions"])(job["file"])
        plain = {key: value.float() if value.is_floating_point() else value.long() for key, value in fields.items()}
        save_file({key: value.contiguous() for key, value in plain.items()}, job["out"])
    except DataError as error:
        return error.problem or "cannot be decoded"
    except Exception as error:
        memory = isinstance(error, MemoryError) or "alloc" in str(error) or "memory" in str(error).lower()
        return "takes too much memory to decode" if memory else "cannot be decoded"
    return ""


def _check_picture(file: Path, most: int) -> None:
    """Refuse pictures that the file itself says are too large; of those that it lies about the memory is limited.

    Raises:
        DataError: they are; or there are none.
    """
    video = OpenVideo(file, threads=1)
    try:
        width, height = video.stream.codec_context.width, video.stream.codec_context.height
    finally:
        video.close()
    if width * height > most:
        raise DataError(file, f"has pictures of {width} x {height} pixels, {most:,} are the limit", FIX)
