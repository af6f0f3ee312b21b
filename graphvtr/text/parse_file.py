"""A file of captions to a file of graphs, by several processes, resumed where a run was killed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, islice, repeat
from pathlib import Path

from tqdm import tqdm

from graphvtr.atomic import write_whole
from graphvtr.cluster import Cluster, Engine, cluster_of
from graphvtr.ending import going_on
from graphvtr.errors import DataError, system_error
from graphvtr.locks import output_lock
from graphvtr.reading import lines_within, read_json
from graphvtr.text.chunk_parsers import pool_of
from graphvtr.text.parser import BATCH_SIZE

FORMAT = "graphvtr.graphs/1"
CHUNK = 512
"""Captions that a process works on before it hands over their graphs."""


def parse_file(
    captions: str | Path,
    out: str | Path,
    parser: str = "spacy",
    *,
    workers: int | None = None,
    engine: Engine = "processes",
    address: str | None = None,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: bool = False,
) -> int:
    """Parse a text file with one caption a line into JSON lines, one graph each, in the same order.

    Graphs are collected in ``OUT.partial``, a chunk at a time, and ``OUT.partial.json`` says by which parser and from
    which captions; the file is ``OUT`` once it is whole. A run that was killed, at whatever moment, goes on behind
    the last whole line. Neither the captions nor the graphs are held in memory.

    Args:
        captions: UTF-8 text; blank lines are left out.
        out: the file to write; each line is what :func:`~graphvtr.text.graph_to_dict` gives.
        parser: as for :func:`~graphvtr.text.get_parser`.
        workers: processes that parse; with 1 this process does it. None is 1, or with Ray as many as the cluster has
            processors.
        engine: ``"processes"`` of this machine, or ``"ray"``: tasks of a Ray cluster (extra ``scale``); captions whose
            process dies are given to another one.
        address: of the cluster, see :func:`graphvtr.cluster.connect`.
        batch_size: captions that are worked on together.
        overwrite: begin anew whatever is there.
        progress: show a progress bar on stderr.

    Returns:
        The number of graphs in ``out``.

    Raises:
        DataError: a file cannot be read or written, ``out`` exists, the partial file is of another parser or other
            captions, a caption has no graph, or a process was killed.
    """
    captions, out = Path(captions), Path(out)
    if workers is not None and workers < 1:
        raise DataError("workers", f"is {workers}", "give 1 or more")
    cluster = cluster_of(engine, address, workers)
    with output_lock(out):
        return _parse_alone(captions, out, parser, cluster or workers or 1, batch_size, overwrite, progress)


def _parse_alone(
    captions: Path, out: Path, parser: str, by: Cluster | int, batch_size: int, overwrite: bool, progress: bool
) -> int:
    """:func:`parse_file` by the only run that writes to ``out``."""
    if out.exists() and not overwrite:
        raise DataError(out, "exists", "delete it, or pass --overwrite")
    partial, note = out.with_name(out.name + ".partial"), out.with_name(out.name + ".partial.json")
    total, digest = _survey(captions)
    if overwrite:
        partial.unlink(missing_ok=True)
    done = 0
    with ExitStack() as stack:
        stack.enter_context(going_on("the same command goes on", lambda: f"after {done:,} of {total:,} captions"))
        pool = pool_of(by, parser, batch_size)
        stack.push(pool)
        _check_note(note, partial, {"format": FORMAT, "parser": pool.parser, "captions": digest})
        done = _whole_lines(partial, captions)
        bar = stack.enter_context(tqdm(total=total, initial=done, desc="parsing", unit="caption", disable=not progress))
        chunks = pool.run(_chunks(islice(read_captions(captions), done, None)))
        try:
            with partial.open("ab") as file:
                for lines in chunks:
                    file.write("".join(f"{line}\n" for line in lines).encode())
                    file.flush()  # what is written now survives a kill of this process
                    done += len(lines)
                    bar.update(len(lines))
                os.fsync(file.fileno())
            if _whole_lines(partial, captions) != total:
                fix = "run the command again, with --overwrite, and let nothing else write there"
                raise DataError(partial, f"has not the {total:,} graphs of {captions}", fix)
            os.replace(partial, out)
        except OSError as error:
            raise system_error(error, partial, "cannot be written") from error
    note.unlink(missing_ok=True)
    return total


def read_captions(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file that are not blank, one after another.

    Raises:
        DataError: the file cannot be read or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(lines_within(file, path, fix="write one caption a line"), 1):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise DataError(f"{path}: line {number}", "is not UTF-8 text", "save it as UTF-8") from error
                if text.strip():
                    yield text
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}", "check the path") from error


def _survey(captions: Path) -> tuple[int, str]:
    """How many captions there are, and a hash of them."""
    digest, total = hashlib.sha256(), 0
    for total, caption in enumerate(read_captions(captions), 1):  # noqa: B007 - the last count is wanted
        digest.update(caption.encode() + b"\n")
    if not total:
        raise DataError(captions, "has no captions", "write one a line")
    return total, digest.hexdigest()


def _chunks(captions: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(captions, CHUNK)):
        yield chunk


def _check_note(note: Path, partial: Path, wanted: dict[str, str]) -> None:
    """See that a partial file may be gone on with; write the note of a new one."""
    if partial.exists():
        try:
            found = read_json(note)
        except DataError:
            found = {}
        for key, what in (("format", "format"), ("parser", "parser or version"), ("captions", "captions file")):
            if not isinstance(found, dict) or found.get(key) != wanted[key]:
                raise DataError(partial, f"is of another {what}", "delete it, or pass --overwrite")
        return
    write_whole(note, json.dumps(wanted))
    write_whole(partial, b"")


def _whole_lines(partial: Path, captions: Path) -> int:
    """How many graphs there are already, each of its caption; the line that a killed run has left unfinished is cut
    off."""
    count = end = 0
    with partial.open("rb") as file:
        for line, caption in zip(file, chain(read_captions(captions), repeat(None)), strict=False):
            if not line.endswith(b"\n"):
                break
            count, end = count + 1, end + len(line)
            if caption is None or not line.startswith(f'{{"caption": {json.dumps(caption)}, '.encode()):
                fix = "delete it, or pass --overwrite"
                raise DataError(partial, f"has no graph of caption {count} in line {count}", fix)
    if end < partial.stat().st_size:
        os.truncate(partial, end)
    return count
