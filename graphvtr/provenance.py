"""How a model was fed, or how a store was made: one record that travels with both and is compared in one function.

A record is data. It names features, parsers and data sets with the digests of what made them; it never names a program
to run, a path to open or a module to import.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from graphvtr._version import __version__
from graphvtr.errors import DataError

MOST = 8  # differences that a message lists
PARTS = ("features", "frames", "motion", "regions", "tracks")  # of a store's settings, which models read


@dataclass(frozen=True)
class Provenance:
    """What a model was trained on, or what a store, a dataset or a pipeline gives.

    Args:
        features: the full settings of a feature store (:attr:`graphvtr.video.FeatureStore.settings`): ``features``,
            ``frames``, ``motion``, ``regions`` and ``tracks``, each with name, version (which holds the digest of its
            weights) and settings; empty where unknown.
        widths: feature field -> width.
        parser: ``name`` and ``version`` of the parser of the captions; empty for graphs that came with the data.
        vocabulary: digest of the words; empty where there are none.
        dataset: ``name``, ``split``, numbers of ``videos`` and ``captions`` and a ``digest`` of both.
        version: of graphvtr.
        commit: of its repository, empty for an installed package.

    Example:
        >>> trained = Provenance({"frames": {"num_frames": 8}}, {"frame_x": 16})
        >>> trained.differences(Provenance({"frames": {"num_frames": 20}}, {"frame_x": 16}))
        ['frames.num_frames is 20, in training it was 8']
    """

    features: dict[str, Any] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    parser: dict[str, str] = field(default_factory=dict)
    vocabulary: str = ""
    dataset: dict[str, Any] = field(default_factory=dict)
    version: str = __version__
    commit: str = ""

    @property
    def made_by(self) -> str:
        """Name of what made the frame features; empty where unknown."""
        told = self.features.get("features")
        return str(told.get("name", "")) if isinstance(told, Mapping) else str(told or "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for files; :meth:`from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object, where: object = "provenance") -> Provenance:
        """The record in a file, fields of later versions left out.

        Raises:
            DataError: it is no object, or a field is of another kind.
        """
        if not isinstance(values, Mapping):
            raise DataError(where, "is no object", "write the file again")
        known: dict[str, Any] = {}
        for item in fields(cls):
            value = values.get(item.name)
            kind = dict if item.name in ("features", "widths", "parser", "dataset") else str
            if value is None:
                continue
            if not isinstance(value, kind):
                raise DataError(f"{where}: {item.name}", f"is a {type(value).__name__}", "write the file again")
            known[item.name] = value
        return cls(**{"version": "", **known})

    def with_words(self, words: Iterable[str]) -> Provenance:
        """The same record with the digest of a vocabulary."""
        return replace(self, vocabulary=digest(words))

    def differences(self, other: Provenance, *, regions: bool = True, parser: bool = False) -> list[str]:
        """What differs in ``other`` from this record of a training, a sentence each.

        Args:
            other: of what the model is to be used on; a part that either side does not tell is not compared.
            regions: compare how regions were found and linked, for models that look at them.
            parser: compare the parsers too.
        """
        left_out = () if regions else ("regions", "tracks")
        found = []
        for key in sorted(self.widths.keys() & other.widths.keys()):
            if self.widths[key] != other.widths[key] and (regions or not key.startswith("region")):
                name = key.replace("_", ".")
                found.append(f"{name} is {other.widths[key]} wide, the model was trained on {self.widths[key]}")
        if self.features and other.features:
            mine, others = (
                {key: value for key, value in one.features.items() if key in PARTS and key not in left_out}
                for one in (self, other)
            )
            found += _differences(mine, others)
        if parser and self.parser and other.parser:
            found += _differences({"parser": self.parser}, {"parser": other.parser})
        return found


def _differences(trained: Mapping[str, Any], given: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in sorted(trained.keys() | given.keys()):
        was, now = trained.get(key), given.get(key)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            found += _differences(was, now, f"{prefix}{key}.")
        elif _plain(was) != _plain(now):
            found.append(f"{prefix}{key} is {_told(now)}, in training it was {_told(was)}")
    return found


def _plain(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _told(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping) and "name" in value:
        return f"{value['name']} {value.get('version', '')}".strip()
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def listed(differences: list[str]) -> str:
    """Differences as one line."""
    more = f"; and {len(differences) - MOST} more" if len(differences) > MOST else ""
    return "; ".join(differences[:MOST]) + more


def digest(words: Iterable[str]) -> str:
    """SHA-256 of texts in their order, the first 16 hex digits.

    Example:
        >>> digest(["a", "b"]) == digest(["ab"])
        False
    """
    found = hashlib.sha256()
    for word in words:
        found.update(word.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()[:16]


@cache
def commit() -> str:
    """The commit of the repository that this package is run from, with ``+changes`` where files differ from it; empty
    for an installed package."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    try:
        told = [
            subprocess.run(["git", "-C", str(root), *asked], capture_output=True, text=True, timeout=5, check=True)
            for asked in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return told[0].stdout.strip() + ("+changes" if told[1].stdout.strip() else "")
