"""Where the files of a dataset are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.reading import parse_json
from graphvtr.values import plain_fields


@dataclass(frozen=True)
class DataSource:
    """Where a dataset's files are and how to read them; every field has a command-line flag.

    Args:
        root: folder of the dataset's own files (captions, split lists).
        store: feature store written by ``graphvtr extract``, for datasets whose features are not under ``root``.
        feature: name of the feature where a root holds several.
        parser: name of the parser that turns captions into role graphs; None takes the dataset's own graphs
            where it ships them and ``"spacy"`` otherwise.
        missing: what to do with listed videos that have no feature: ``"skip"`` them with a warning, or ``"error"``;
            None takes the dataset's default.
        cache: folder for parsed captions; ``~/.cache/graphvtr`` (or ``$GRAPHVTR_CACHE``) by default.
        regions: read the regions of a store; training and evaluation do not for a model of frames alone.
        options: what only one dataset knows (``num_clips`` of MovingScenes, for instance); on the command line
            ``--option NAME=VALUE``, repeatable.
    """

    root: Path | None = None
    store: Path | None = None
    feature: str | None = None
    parser: str | None = None
    missing: str | None = None
    cache: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    regions: bool = True

    def __post_init__(self) -> None:
        plain_fields(self)

    def need_root(self, dataset: str) -> Path:
        """``root``, or an error that says how to give it."""
        if self.root is None:
            raise DataError(f"dataset '{dataset}'", "needs the folder of its files", "pass --root DIR")
        if not Path(self.root).is_dir():
            raise DataError(self.root, "no such folder", f"pass the folder of {dataset} as --root")
        return Path(self.root)


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` as a dictionary; a value is JSON where it can be read as such, else text.

    Raises:
        DataError: an option without ``=``.

    Example:
        >>> parse_options(["max_captions=5", "features=disk"])
        {'max_captions': 5, 'features': 'disk'}
    """
    options: dict[str, Any] = {}
    for option in pairs:
        name, found, text = option.partition("=")
        if not found or not name:
            raise DataError(f"--option {option}", "is not NAME=VALUE", "for instance --option num_clips=100")
        try:
            options[name] = parse_json(text, name)
        except DataError:
            options[name] = text
    return options
