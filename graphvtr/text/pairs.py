"""Pairs of captions for binary selection, and their file: JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from graphvtr.atomic import write_whole
from graphvtr.errors import DataError
from graphvtr.reading import DATA, parse_json, read_text

FIELDS = ("video", "positive", "negative", "kind")
KINDS = ("switch roles", "replace actions", "replace persons", "replace scenes", "incomplete events")
"""The kinds of negatives of HGR's Table 6, in its order."""
ALL_KINDS = (*KINDS, "exchange directions")
"""Those, and one that the table does not have."""


@dataclass(frozen=True)
class BinaryPair:
    """A clip, a caption that describes it and one that does so wrongly, or less completely.

    Args:
        video: name of the clip.
        positive: the true caption.
        negative: the other one.
        kind: what is wrong, for instance ``"switch roles"``.
    """

    video: str
    positive: str
    negative: str
    kind: str


def read_pairs(path: str | Path) -> list[BinaryPair]:
    """Pairs of a JSON lines file with ``video``, ``positive``, ``negative`` and ``kind``.

    Raises:
        DataError: the file is missing or empty, or a line is no such object; its number is named.
    """
    path = Path(path)
    lines = read_text(path, limit=DATA).split("\n")  # splitlines ends lines at signs that captions may hold
    pairs = [_pair(f"{path}, line {number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not pairs:
        raise DataError(path, "holds no pairs", "write some with graphvtr perturb")
    return pairs


def write_pairs(path: str | Path, pairs: Iterable[BinaryPair]) -> None:
    """Write what :func:`read_pairs` reads; the file appears only once it is whole.

    Raises:
        DataError: it cannot be written.
    """
    write_whole(path, "".join(json.dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in pairs))


def _pair(where: str, line: str) -> BinaryPair:
    value = parse_json(line, where, fix="one object a line")
    if not isinstance(value, dict):
        raise DataError(where, "is no object", f"give {', '.join(FIELDS)}")
    for name in FIELDS:
        if not isinstance(value.get(name), str) or not value[name].strip():
            raise DataError(f"{where}: {name}", "is missing or no text", f"give {', '.join(FIELDS)}")
    return BinaryPair(**{name: value[name] for name in FIELDS})
