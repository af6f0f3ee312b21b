"""A worker in another Python, which is asked by JSON lines; :mod:`graphvtr.text.allennlp_worker` is the other side."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import textwrap
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from graphvtr.errors import DataError
from graphvtr.reading import parse_json

PROTOCOL = 1


class WorkerProcess:
    """A worker and the lines that go to and fro. It ends when its input does: with this object, or this process.

    Args:
        command: what starts it: interpreter, script, arguments.
        timeout: seconds to wait for an answer.
        fix: what the reader of an error can do.
        grace: seconds that it has to end by itself.

    Raises:
        DataError: it does not start.
    """

    def __init__(self, command: Sequence[str], timeout: float, fix: str = "", *, grace: float = 1.0) -> None:
        self.timeout, self._fix, self._script, self._count = timeout, fix, command[1], 0
        self._version: str | None = None  # when it is ready
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, encoding="utf-8"
            )
        except OSError as error:
            self._errors.close()
            raise DataError(f"python {command[0]}", f"does not start: {error.strerror}", fix) from error
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pump, args=(self._process.stdout, self._lines), daemon=True).start()
        self.close = weakref.finalize(self, _end, self._process, self._errors, grace)

    @property
    def alive(self) -> bool:
        """Whether it may be asked."""
        return self.close.alive and self._process.poll() is None

    def ask(self, sentences: Sequence[Any]) -> list[Any]:
        """The worker's results for sentences, tokenised or not, one each.

        Raises:
            DataError: it has died, fails, does not answer in time, or does not speak the protocol.
        """
        return self.answer(self.send(sentences), sentences)

    def send(self, sentences: Sequence[Any]) -> int:
        """Put a question, without waiting for anything; gives its number."""
        number, self._count = self._count, self._count + 1
        line = json.dumps({"id": number, "sentences": list(sentences)}) + "\n"
        if self.alive and self._process.stdin is not None:
            # by a thread, as a worker that does not read lets its writer wait for ever; and by a pipe's end of its own,
            # which nobody else closes meanwhile
            pipe = os.dup(self._process.stdin.fileno())
            threading.Thread(target=_write, args=(pipe, line), daemon=True).start()
        return number

    def start(self) -> str:
        """Wait until it is ready; gives the version that it tells.

        Raises:
            DataError: as for :meth:`ask`.
        """
        if self._version is None:
            told = self._receive("start")
            if told.get("ready") != PROTOCOL:
                self.close()
                raise DataError(self._script, f"speaks another protocol: {told}", "use the worker of this version")
            self._version = str(told.get("version"))
        return self._version

    def answer(self, number: int, sentences: Sequence[Any]) -> list[Any]:
        """The results of the question of that number, the oldest that has none."""
        self.start()
        answer = self._receive("answer")
        results = answer.get("results")
        if "error" in answer:
            first = "" if not sentences else sentences[0] if isinstance(sentences[0], str) else " ".join(sentences[0])
            first = textwrap.shorten(first, 60, placeholder="…")
            raise DataError(self._script, f"has failed on '{first}' ...: {answer['error']}", self._fix)
        if answer.get("id") != number or not isinstance(results, list) or len(results) != len(sentences):
            raise DataError(self._script, "gives an answer that belongs to no question", self._fix)
        return results

    def _receive(self, what: str) -> dict[str, Any]:
        if not self.close.alive:
            raise DataError(self._script, "was ended", self._fix)
        try:
            line = self._lines.get(timeout=self.timeout)
        except queue.Empty:
            self.close()
            raise DataError(self._script, f"did not {what} in {self.timeout:g} s", "raise timeout") from None
        if line is None:
            last = self._last_words()
            self.close()
            raise DataError(self._script, f"has died: {last}", self._fix)
        try:
            message = parse_json(line, self._script)
        except DataError:
            message = None
        if not isinstance(message, dict):
            self.close()
            raise DataError(self._script, f"says {line.strip()[:80]!r}, which is no answer", self._fix)
        return message

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else f"exit code {self._process.returncode}"


def _pump(stream: Any, lines: queue.Queue[str | None]) -> None:
    with contextlib.suppress(ValueError, OSError):  # closed while reading
        for line in stream:
            lines.put(line)
    lines.put(None)


def _write(pipe: int, line: str) -> None:
    with contextlib.suppress(OSError), os.fdopen(pipe, "wb") as stream:  # that it has died shows where it is read
        stream.write(line.encode())


def _end(process: subprocess.Popen[str], errors: Any, grace: float) -> None:
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()  # the worker ends when its input ends
    try:
        process.wait(timeout=grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    errors.close()
