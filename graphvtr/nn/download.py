"""Folders of the Hugging Face Hub, downloaded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphvtr._optional import optional_import
from graphvtr.errors import DataError


def download(
    name: str,
    patterns: Sequence[str],
    *,
    extra: str = "hub",
    fix: str = "check the name and the network",
    **options: Any,
) -> Path:
    """The folder of a repository of the Hub, which a file in it is never run from.

    Args:
        name: of the repository.
        patterns: of the files to take.
        extra: of graphvtr, that brings the Hub's client.
        fix: what to do where it cannot be had.
        options: of ``huggingface_hub.snapshot_download``, such as ``revision`` and ``token``.

    Raises:
        DataError: the repository cannot be had.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = optional_import("huggingface_hub", extra, f"'{name}' is no folder, and loading it from the Hub")
    try:
        return Path(hub.snapshot_download(name, allow_patterns=list(patterns), **options))
    except Exception as error:  # no network, no such name, no permission: each has a class of its own
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(name, f"is no folder and cannot be had from the Hub: {said}", fix) from error
