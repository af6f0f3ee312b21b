"""Parsed captions on disk, so that a dataset is parsed once."""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import count, islice
from pathlib import Path
from typing import Any

from graphvtr.atomic import write_whole
from graphvtr.cache_folder import cache_folder
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.reading import DATA, parse_json, read_bytes
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.parser import BATCH_SIZE, ListParser, RoleParser, check_text
from graphvtr.text.serialise import lists_from_dict, lists_to_dict

FORMAT = "graphvtr.parses/2"
PACKED, PACKED_KEPT = 2000, 8  # captions from which on a whole split is kept too; the newest splits that are
logger = logging.getLogger(__name__)


class CachedParser(ListParser):
    """A parser that remembers: captions it has seen come from a file, new ones are parsed and added to it.

    The file is JSON lines, one caption each with a checksum, and belongs to one parser and version: another version
    has another file. Lines are only ever added, each batch in one write. A line that a killed run has left unfinished,
    or that is damaged, is left out with a warning, and its caption parsed anew; a file that cannot be written is read
    only. So a run may be stopped at any time and resumed, and nothing about the cache stops one.

    The graphs of a whole split lie beside it in flat storage too, as :meth:`parse_store` has given them: 180,000
    captions are read from there in a tenth of the time of their lines (``benchmarks/speed/preparation.py``).

    Args:
        parser: the parser to ask for captions that are not in the file.
        folder: folder of the files; :func:`~graphvtr.cache_folder.cache_folder` by default.

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
        key = hashlib.sha256(f"{FORMAT} {parser.name} {parser.version}".encode()).hexdigest()[:16]
        self.path = Path(folder if folder is not None else cache_folder()) / f"parses-{parser.name}-{key}.jsonl"
        self._writable = True

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

    def parse_store(
        self, captions: Iterable[str], *, batch_size: int = BATCH_SIZE, progress: bool = False
    ) -> GraphStore[RoleGraph]:
        """See :meth:`RoleParser.parse_store`; the captions of a split are read packed the next time."""
        captions = list(captions)
        if len(captions) < PACKED:
            return super().parse_store(captions, batch_size=batch_size, progress=progress)
        digest = hashlib.sha256("\0".join(map(check_text, captions, count())).encode("utf-8", "surrogatepass"))
        path = self.path.with_name(f"{self.path.stem}-{digest.hexdigest()[:16]}.safetensors")
        if path.exists():
            try:
                packed: GraphStore[RoleGraph] = GraphStore.load(path)
                if packed.graph_class is RoleGraph and packed.strings["caption"] == captions:
                    with suppress(OSError):  # which splits are the newest does not matter where nothing is written
                        path.touch()
                    return packed
            except (DataError, OSError, KeyError) as error:
                logger.warning("%s is made anew: %s", path, error)
        packed = super().parse_store(captions, batch_size=batch_size, progress=progress)
        if self._writable:
            try:
                packed.save(path)
                for old in sorted(path.parent.glob("parses-*.safetensors"), key=_changed)[:-PACKED_KEPT]:
                    old.unlink(missing_ok=True)
            except (DataError, OSError) as error:
                self._go_without(error)
        return packed

    def _append(self, batch: list[GraphLists]) -> None:
        self._known.update((lists.caption, lists) for lists in batch)
        if not self._writable:
            return
        lines = b"".join(checked_line(lists_to_dict(lists)) for lists in batch)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            begun = self.path.exists() and self.path.stat().st_size > 0
            with self.path.open("ab") as file:  # one write a batch: two runs at once do not mix their lines
                file.write((b"" if begun else checked_line(self._header())) + lines)
        except OSError as error:
            self._go_without(error)

    def _go_without(self, error: OSError | DataError) -> None:
        """A cache that cannot be written saves no time, and stops nobody."""
        self._writable = False
        logger.warning("%s cannot be written, parsed captions are not kept: %s", self.path, error)

    def _header(self) -> dict[str, str]:
        return {"format": FORMAT, "parser": self.name, "version": self.version}

    @cached_property
    def _known(self) -> dict[str, GraphLists]:
        """The graphs of the file, by caption."""
        if not self.path.exists():
            return {}
        known: dict[str, GraphLists] = {}
        damaged = 0
        # two runs that began at once have each written the header
        for line in read_bytes(self.path, limit=DATA).split(b"\n"):
            try:
                values = read_checked_line(line) if line else self._header()
                if values != self._header():
                    lists = lists_from_dict(values, str(self.path))
                    known[lists.caption] = lists
            except DataError:
                damaged += 1
        if damaged:
            logger.warning("%s: %d damaged lines are left out; their captions are parsed anew", self.path, damaged)
            content = checked_line(self._header()) + b"".join(
                checked_line(lists_to_dict(lists)) for lists in known.values()
            )
            try:
                write_whole(self.path, content)
            except DataError as error:
                self._go_without(error)
        return known


def _changed(path: Path) -> float:
    """When a file was last written or asked for; a file that another run has just removed is the oldest."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def checked_line(values: dict[str, Any]) -> bytes:
    """A line of the file: json with its own checksum last."""
    body = json.dumps(values).encode()
    return body[:-1] + b', "crc32": %d}\n' % zlib.crc32(body)


def read_checked_line(line: bytes) -> dict[str, Any]:
    """What :func:`checked_line` has written.

    Raises:
        DataError: it is damaged.
    """
    body, _, crc = line.rpartition(b', "crc32": ')
    body += b"}"
    if crc != b"%d}" % zlib.crc32(body):
        raise DataError("line", "is damaged")
    return dict(parse_json(body, "line"))


def iter_lists(parser: RoleParser, captions: list[str], batch_size: int) -> Iterator[GraphLists]:
    """The graphs of ``captions`` as lists, from any parser."""
    if isinstance(parser, ListParser):
        yield from parser.sentences(captions, batch_size)
        return
    for graph in parser.parse(captions, batch_size=batch_size):
        yield GraphLists.of(graph)
