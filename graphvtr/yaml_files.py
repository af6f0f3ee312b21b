"""YAML of others: bounded before it is made into objects, and with nothing in it but values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.reading import DEPTH, SETTINGS, read_text
from graphvtr.terminal import printable

NODES = 20_000
"""Values of a file, those that its aliases repeat counted as often as they stand there."""
CLASS = "class_path"
"""What jsonargparse takes for the name of a class, and imports."""
READ_AGAIN = frozenset("[{:&*!")
"""Signs of YAML within a text: where a value may be anything, jsonargparse reads texts as YAML again."""


def check_yaml(path: str | Path) -> Any:
    """See that a YAML file may be given to jsonargparse, which recurses, follows aliases, imports the classes that a
    value names, loads further files and keeps the last of equal names.

    Returns:
        What it holds.

    Raises:
        DataError: as :func:`graphvtr.reading.read_text`; it is no YAML, is nested over :data:`~graphvtr.reading.DEPTH`
            deep, is larger than :data:`NODES` values with its aliases, has a name twice, names a class, or another
            file of options.
    """
    yaml = optional_import("yaml", "train", "YAML files")
    try:
        content = _content(yaml, read_text(path, limit=SETTINGS // 16), path)
        _check_values(yaml, content, path)
    except yaml.YAMLError as problem:
        raise DataError(path, f"is not YAML: {' '.join(str(problem).split())}", "mend it") from problem
    if isinstance(content, dict) and content.get("config") is not None:
        raise DataError(f"{path}: config", "names another file of options", "give both: --config A --config B")
    return content


def _content(yaml: Any, text: str, path: str | Path) -> Any:
    """The values of a text that has been bounded."""
    _check_events(yaml, text, path)

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value:
                name = str(key.value)
                if name in seen and isinstance(key, yaml.ScalarNode) and name != "<<":
                    line = key.start_mark.line + 1
                    raise DataError(f"{path}: line {line}: '{printable(name)}'", "is there twice", "keep one of them")
                seen.add(name)
            return super().construct_mapping(node, deep=deep)

    return yaml.load(text, Loader)


def _check_values(yaml: Any, value: Any, path: str | Path) -> None:
    """See that no value, and no text that would be read as YAML again, names a class."""
    if isinstance(value, dict):
        if CLASS in value:
            named = printable(str(value[CLASS]))[:80]
            raise DataError(f"{path}: {CLASS}", f"names the class '{named}', and a file holds values", "leave it out")
        for part in value.values():
            _check_values(yaml, part, path)
    elif isinstance(value, list):
        for part in value:
            _check_values(yaml, part, path)
    elif isinstance(value, str) and not READ_AGAIN.isdisjoint(value):
        try:
            again = _content(yaml, value, path)
        except yaml.YAMLError:  # a text like others
            return
        if again != value:
            _check_values(yaml, again, path)


def _check_events(yaml: Any, text: str, path: str | Path) -> None:
    """Bound depth and number of values; events come one by one, without recursion."""
    total = 0
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = f"{path}: line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise DataError(line, "an alias of what holds it", "write it out")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if len(opened) > DEPTH:
            raise DataError(line, f"is nested over {DEPTH} deep", "flatten it")
        if total > NODES:
            raise DataError(path, f"holds over {NODES:,} values, aliases counted", "write a smaller file")
