"""What a parser is, and the table of parsers by name."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tqdm import tqdm

from graphvtr.errors import DataError
from graphvtr.registry import Registry, run_file, split_file
from graphvtr.terminal import printable

if TYPE_CHECKING:
    from graphvtr.graphs import GraphStore, RoleGraph
    from graphvtr.text.graph_lists import GraphLists

BATCH_SIZE = 256
SHOWN = 60
CHARACTERS_A_WORD = 40


@runtime_checkable
class RoleParser(Protocol):
    """Turns captions into role graphs.

    ``name`` is the parser's entry in :data:`PARSERS`; ``version`` changes whenever its graphs may change (rules,
    model, file), so that a cache keyed by both never serves an old graph. A new parser inherits
    :class:`ListParser` and writes one method.
    """

    name: str
    version: str

    def parse(
        self, captions: Iterable[str], *, batch_size: int = BATCH_SIZE, progress: bool = False
    ) -> Iterator[RoleGraph]:
        """The graphs of ``captions``, one each, in order, as they become ready.

        Args:
            captions: sentences; ``graph.caption`` is the sentence as given.
            batch_size: captions that are worked on together.
            progress: show a progress bar on stderr.

        Raises:
            DataError: a caption that has no graph; the message names it.
        """
        ...

    def parse_one(self, caption: str) -> RoleGraph:
        """The graph of one caption."""
        ...

    def parse_store(
        self, captions: Iterable[str], *, batch_size: int = BATCH_SIZE, progress: bool = False
    ) -> GraphStore[RoleGraph]:
        """The graphs of ``captions`` in flat storage, in order; quicker than packing the graphs of :meth:`parse`."""
        ...


class ListParser:
    """A :class:`RoleParser` from one method, :meth:`sentences`, that gives graphs as plain lists."""

    name: str
    version: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.version})"

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """Each caption's graph as lists, in order."""
        raise NotImplementedError

    def parse(
        self, captions: Iterable[str], *, batch_size: int = BATCH_SIZE, progress: bool = False
    ) -> Iterator[RoleGraph]:
        """See :meth:`RoleParser.parse`."""
        from graphvtr.text.packing import pack  # who takes the lists alone does without torch

        sentences = self._counted(captions, batch_size, progress)
        while chunk := list(islice(sentences, batch_size)):
            yield from pack(chunk)

    def parse_one(self, caption: str) -> RoleGraph:
        """See :meth:`RoleParser.parse_one`."""
        return next(self.sentences([caption], 1)).graph()

    def parse_store(
        self, captions: Iterable[str], *, batch_size: int = BATCH_SIZE, progress: bool = False
    ) -> GraphStore[RoleGraph]:
        """See :meth:`RoleParser.parse_store`."""
        from graphvtr.text.packing import pack

        return pack(self._counted(captions, batch_size, progress))

    def _counted(self, captions: Iterable[str], batch_size: int, progress: bool) -> Iterator[GraphLists]:
        if batch_size < 1:
            raise DataError("batch_size", f"is {batch_size}", "give 1 or more")
        total = len(captions) if isinstance(captions, Sized) else None
        return iter(tqdm(self.sentences(captions, batch_size), "parsing", total, disable=not progress, unit="caption"))


def short_digest(path: Path) -> str:
    """Of a file of weights, as a part of a parser's version; the file is not read into memory whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:10]


ParserFactory = Callable[..., RoleParser]
PARSERS: Registry[ParserFactory] = Registry("parser", "graphvtr.parsers")


def get_parser(name: str = "spacy", **options: Any) -> RoleParser:
    """A parser by name, or the graphs of a released file by its path.

    Args:
        name: an entry of :data:`PARSERS`; options may follow a colon, as on the command line:
            ``"bert-srl:archive=srl.tar.gz,max_words=80"``. Or the path of a ``sent2rolegraph*.json`` or
            ``sent2srl.json`` file, or of an archive of SRL-BERT (``*.tar.gz``). Or ``FILE.py:NAME`` for one that a file
            of yours registers; the file is run.
        options: keyword arguments of the parser's class.

    Raises:
        DataError: unknown name, or an option that the parser has not.
        MissingExtraError: the parser needs a package that is not installed.
    """
    file, name = split_file(name)
    if file is not None:
        run_file(file)
    base, colon, told = name.partition(":")
    if colon and base in PARSERS:
        return get_parser(base, **_read_options(base, told), **options)
    for ending, kind in ((".json", "precomputed"), (".tar.gz", "bert-srl")):
        if name.endswith(ending) and name not in PARSERS:
            return PARSERS[kind](name, **options)
    factory = PARSERS[name]
    try:
        inspect.signature(factory).bind(**options)
    except TypeError as error:
        known = ", ".join(inspect.signature(factory).parameters)
        raise DataError(f"parser '{name}'", str(error), f"its options: {known} ({name}:OPTION=VALUE,...)") from None
    return factory(**options)


def named_in_file(name: str | None) -> str:
    """How a file that is written names the parser that a user has named: bare, where a file of theirs registers it.

    Example:
        >>> named_in_file("mine.py:flat"), named_in_file("spacy"), named_in_file(None)
        ('flat', 'spacy', '')
    """
    return split_file(name)[1] if name else ""


def parser_from_file(name: str, where: object) -> str:
    """A parser's name that stands in a file: what a file says is data, so it may name a registered parser, bare.

    Options can name programs to run, modules to import and files to read; those are for the user to give.

    Args:
        name: what the file says.
        where: names the file in messages.

    Raises:
        DataError: it is anything but the name of an entry of :data:`PARSERS`.
    """
    if name in PARSERS:
        return name
    raise DataError(
        where,
        f"asks for the parser {shorten(repr(printable(name)))}, and a file may only name a registered one "
        f"without options ({', '.join(PARSERS)})",
        "if you trust it, give it yourself: --parser NAME; one of your own: graphvtr --use FILE.py VERB ...",
    )


def _read_options(name: str, told: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in told.split(","):
        key, sign, value = part.partition("=")
        if not sign or not key.isidentifier():
            raise DataError(f"parser '{name}': option {part!r}", "is not OPTION=VALUE", "separate options by commas")
        options[key] = int(value) if value.lstrip("-").isdecimal() else value
    return options


def shorten(caption: str, length: int = SHOWN) -> str:
    """A caption for a one-line message."""
    caption = " ".join(caption.split())
    return caption if len(caption) <= length else caption[: length - 1] + "…"


def check_text(caption: object, position: int) -> str:
    """``caption``, if it is a string with a word in it.

    Raises:
        DataError: it is not; ``position`` names it.
    """
    if not isinstance(caption, str):
        raise DataError(f"caption {position}", f"is a {type(caption).__name__}, not a string", "give sentences")
    if not caption.strip():
        raise DataError(f"caption {position} {shorten(ascii(caption))}", "is empty", "drop captions without words")
    return caption


def first_words(caption: str, max_words: int) -> str:
    """``caption`` as it is if :func:`check_caption` takes its length, else as many of its first words as it takes."""
    words = caption.split() if isinstance(caption, str) else []
    limit = CHARACTERS_A_WORD * max_words
    if len(words) <= max_words and sum(map(len, words)) + len(words) - 1 <= limit:
        return caption
    kept = " ".join(words[:max_words])
    return kept if len(kept) <= limit else kept[:limit].rpartition(" ")[0] or kept[:limit]


def check_caption(caption: object, position: int, max_words: int) -> str:
    """``caption`` with single spaces, fit for a parser.

    Raises:
        DataError: it is no string, has no words or over ``max_words``, or cannot be encoded.
    """
    words = check_text(caption, position).split()
    text = " ".join(words)
    if len(words) > max_words or len(text) > CHARACTERS_A_WORD * max_words:
        size = f"{len(words)} words" if len(words) > max_words else f"{len(text)} characters"
        raise DataError(
            f"caption '{shorten(text)}'",
            f"has {size}, the limit is {max_words} words",
            "cut it into sentences, or raise max_words",
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"caption {shorten(ascii(text))}", "has half a surrogate pair", "read it as UTF-8") from None
    return text
