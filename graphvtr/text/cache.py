"""Parsed captions on disk, so that a dataset is parsed once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path

from graphvtr.errors import DataError
from graphvtr.text.packing import GraphLists
from graphvtr.text.parser import BATCH_SIZE, ListParser, RoleParser, check_text
from graphvtr.text.serialise import lists_from_dict, lists_to_dict

FORMAT = "graphvtr.parses/1"


def default_folder() -> Path:
    """``$GRAPHVTR_CACHE``, or ``~/.cache/graphvtr``."""
    return Path(os.environ.get("GRAPHVTR_CACHE") or Path.home() / ".cache" / "graphvtr")


class CachedParser(ListParser):
    """A parser that remembers: captions it has seen come from a file, new ones are parsed and added to it.

    The file is JSON lines, one caption each, and belongs to one parser and version: another version has another
    file. Lines are only ever added, each batch in one write, and a line that a killed run has left unfinished is
    dropped, so a run may be stopped at any time and resumed.

    Args:
        parser: the parser to ask for captions that are not in the file.
        folder: folder of the files; :func:`default_folder` by default.

    Example:
        >>> import tempfile
        >>> from graphvtr.text import get_parser
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     parser = CachedParser(get_parser("spacy"), folder)
        ...     once = parser.parse_one("a dog barks")
        ...     again = CachedParser(get_parser("spacy"), folder)
        ...     "a dog barks" in again
        True
    """

    def __init__(self, parser: RoleParser, folder: str | Path | None = None) -> None:
        self.parser = parser
        self.name, self.version = parser.name, parser.version
        key = hashlib.sha256(f"{parser.name} {parser.version}".encode()).hexdigest()[:16]
        self.path = Path(folder if folder is not None else default_folder()) / f"parses-{parser.name}-{key}.jsonl"
        self._known = self._read()

    def __contains__(self, caption: object) -> bool:
        return caption in self._known

    def __len__(self) -> int:
        return len(self._known)

    def sentences(self, captions: Iterable[str], batch_size: int = BATCH_SIZE) -> Iterator[GraphLists]:
        """Each caption's graph as lists, in order; see :meth:`RoleParser.parse`."""
        captions = iter(map(check_text, captions, count()))
        # wide chunks: most captions of one may be known already, and the parser works on batches of new ones
        while chunk := list(islice(captions, 16 * batch_size)):
            new = [caption for caption in dict.fromkeys(chunk) if caption not in self._known]
            graphs = iter_lists(self.parser, new, batch_size)
            while batch := list(islice(graphs, batch_size)):
                self._append(batch)
            yield from (self._known[caption] for caption in chunk)

    def _append(self, batch: list[GraphLists]) -> None:
        lines = "".join(json.dumps(lists_to_dict(lists)) + "\n" for lists in batch).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        begun = self.path.exists() and self.path.stat().st_size > 0
        header = b"" if begun else (json.dumps(self._header()) + "\n").encode()
        with self.path.open("ab") as file:  # one write a batch: two runs at once do not mix their lines
            file.write(header + lines)
        self._known.update((lists.caption, lists) for lists in batch)

    def _header(self) -> dict[str, str]:
        return {"format": FORMAT, "parser": self.name, "version": self.version}

    def _read(self) -> dict[str, GraphLists]:
        if not self.path.exists():
            return {}
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # a killed run's last line
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        header, *_ = lines = whole.splitlines() or [json.dumps(self._header()).encode()]
        try:
            if json.loads(header) != self._header():
                raise ValueError("its first line is of another format or parser")
            # two runs that began at once have each written the header
            graphs = (lists_from_dict(json.loads(line)) for line in lines if line != header)
            return {lists.caption: lists for lists in graphs}
        except ValueError as error:  # not json, or a DataError
            raise DataError(self.path, f"is damaged: {error}", "delete it; the captions are parsed anew") from error


def iter_lists(parser: RoleParser, captions: list[str], batch_size: int) -> Iterator[GraphLists]:
    """The graphs of ``captions`` as lists, from any parser."""
    if isinstance(parser, ListParser):
        yield from parser.sentences(captions, batch_size)
        return
    for graph in parser.parse(captions, batch_size=batch_size):
        yield GraphLists.of(graph)
