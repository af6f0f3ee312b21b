"""A model as a folder of plain files: ``config.json``, ``model.safetensors``, ``vocabulary.json``, ``README.md``."""

from __future__ import annotations

import hashlib
import inspect
import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from graphvtr._version import __version__
from graphvtr.atomic import write_whole
from graphvtr.deprecation import deprecated
from graphvtr.errors import DataError, system_error
from graphvtr.nn.download import download
from graphvtr.nn.model_card import model_card
from graphvtr.nn.rebuild import rebuild
from graphvtr.nn.registered import MODELS, check_known, registered_name
from graphvtr.reading import need, read_json
from graphvtr.text import Vocabulary
from graphvtr.values import plain

if TYPE_CHECKING:
    from graphvtr.nn.models.base import RetrievalModel

FORMAT, FORMAT_VERSION = "graphvtr.model", 1
CONFIG, WEIGHTS, VOCABULARY, CARD = "config.json", "model.safetensors", "vocabulary.json", "README.md"
FILES = (CONFIG, WEIGHTS, VOCABULARY, CARD)
KNOWN = ("format", "format_version", "graphvtr", "model", "config", "info", "words", "sha256")
WRITE_AGAIN = "write it again with save_pretrained"


def save_pretrained(model: RetrievalModel, folder: str | Path, card: str | None = None) -> None:
    """Write ``model`` to ``folder``; see :meth:`graphvtr.nn.RetrievalModel.save_pretrained`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = registered_name(model)
    # a map that several levels share stands under each of its names: safetensors stores no aliases
    state = {key: tensor.detach().cpu().clone().contiguous() for key, tensor in model.state_dict().items()}
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "graphvtr": __version__,
        "model": name,
        "config": plain(model.config, "config"),
        "info": plain(model.info, "info"),
        "words": None if model.vocabulary is None else len(model.vocabulary),
    }
    vocabulary = None if model.vocabulary is None else json.dumps(model.vocabulary.to_dict()).encode()
    card = model_card(name, model.config, model.info, model.vocabulary) if card is None else card
    weights = save(state, {"format": "pt"})
    sums = {WEIGHTS: _sha256(weights), CONFIG: _config_sum(config)}
    if vocabulary is not None:
        sums[VOCABULARY] = _sha256(vocabulary)
    header = (json.dumps({**config, "sha256": sums}, indent=2) + "\n").encode()
    write_whole(folder / WEIGHTS, weights)
    if vocabulary is None:
        (folder / VOCABULARY).unlink(missing_ok=True)  # of another model that was here
    else:
        write_whole(folder / VOCABULARY, vocabulary)
    write_whole(folder / CARD, card.encode())
    write_whole(folder / CONFIG, header)  # last: a folder that has it is whole


def read_folder(folder: Path, *, ignore_unknown: bool = False, **overrides: Any) -> RetrievalModel:
    """A model from its folder; :func:`graphvtr.load` is the way in.

    Args:
        folder: of :func:`save_pretrained`.
        ignore_unknown: leave out options that this version's model does not have, with a warning, instead of
            refusing them.
        overrides: constructor arguments to set anew, none of which may change a weight's shape.

    Returns:
        The model in evaluation mode on the CPU, its vocabulary in ``model.vocabulary``, what its training said about
        itself in ``model.info``.

    Raises:
        DataError: a file is missing, damaged, of a newer format, of an unknown model or does not fit the others; an
            option that the model does not know.
    """
    header = read_config(folder)
    path = folder / CONFIG
    for name in (WEIGHTS, VOCABULARY):
        _check_sum(folder / name, header.get("sha256", {}).get(name))
    options = _known_options(path, header["model"], {**header["config"], **overrides}, ignore_unknown)
    model = rebuild(path, header["model"], options, _weights(folder / WEIGHTS), folder / WEIGHTS)
    model.info = header["info"]
    if (folder / VOCABULARY).is_file():
        model.vocabulary = Vocabulary.load(folder / VOCABULARY)
        size = options.get("vocab_size", len(model.vocabulary))
        if len(model.vocabulary) != size:
            raise DataError(
                folder / VOCABULARY, f"has {len(model.vocabulary)} words, the model was made for {size}", WRITE_AGAIN
            )
    elif header.get("words") is not None:
        raise DataError(folder / VOCABULARY, f"is missing, a file of {header['words']} words", "copy the whole folder")
    return model.eval()


@deprecated("graphvtr.load(where)", until="0.4")
def load_pretrained(
    where: str | Path, *, revision: str | None = None, ignore_unknown: bool = False, **overrides: Any
) -> RetrievalModel:
    """A model from a folder of :func:`save_pretrained`, or from a repository of the Hugging Face Hub."""
    return read_folder(folder_of(where, revision), ignore_unknown=ignore_unknown, **overrides)


def folder_of(where: str | Path, revision: str | None = None, **options: Any) -> Path:
    """A folder as it is, or that of ``owner/name`` of the Hub; ``options`` as :func:`graphvtr.nn.download.download`.

    Raises:
        DataError: no folder and no ``owner/name``, or the repository cannot be had.
        MissingExtraError: huggingface_hub is not installed.
    """
    if Path(where).is_dir():
        return Path(where)
    owner, _, repository = str(where).partition("/")
    if not owner or not repository or "/" in repository or owner in (".", ".."):
        raise DataError(where, "no such folder", "give a folder of save_pretrained, or owner/name of the Hub")
    return download(str(where), FILES, revision=revision, **options)


def read_config(folder: Path) -> dict[str, Any]:
    """The checked content of a folder's ``config.json``; fields this version does not know are left out, and said.

    Raises:
        DataError: missing, damaged, of a newer format or of an unknown model.
    """
    path = folder / CONFIG
    content = read_json(path, fix=WRITE_AGAIN, missing="give a folder of save_pretrained")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(path, f"is no {FORMAT} file", "give a folder of save_pretrained")
    version = content.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise DataError(path, f"has format version {version}, this is {FORMAT_VERSION}", "update graphvtr")
    need(
        content,
        path,
        {"model": str, "config": dict, "info": dict, "words": lambda count: count is None or type(count) is int},
        WRITE_AGAIN,
    )
    sums = content.get("sha256", {})  # folders of older versions have none
    need(sums, f"{path}: sha256", dict.fromkeys(sums, str) if isinstance(sums, dict) else {}, WRITE_AGAIN)
    if CONFIG in sums and sums[CONFIG] != _config_sum(content):
        warnings.warn(f"{path} was changed after it was written; if nobody did, copy the folder again", stacklevel=3)
    check_known(content["model"], path)
    _warn_unknown(path, "field", set(content) - set(KNOWN), KNOWN)
    return {field: content[field] for field in KNOWN if field in content}


def _config_sum(config: Mapping[str, Any]) -> str:
    return _sha256(json.dumps({k: v for k, v in config.items() if k != "sha256"}, sort_keys=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_sum(path: Path, wanted: str | None) -> None:
    """Refuse a file that is damaged, or of another model than the ``config.json`` beside it."""
    if wanted is None or not path.is_file():
        return
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
            raise DataError(path, "is damaged, or not of the config.json beside it", "copy the whole folder again")


def _known_options(path: Path, name: str, config: Mapping[str, Any], ignore_unknown: bool) -> dict[str, Any]:
    accepted = inspect.signature(MODELS[name]).parameters
    unknown = sorted(set(config) - set(accepted))
    if unknown and not ignore_unknown:
        raise DataError(
            f"{path}: config.{unknown[0]}",
            f"is no option of {name} in graphvtr {__version__}",
            f"update graphvtr, or load with ignore_unknown=True if it changes no score; known: {', '.join(accepted)}",
        )
    _warn_unknown(path, f"option of {name}", unknown, accepted)
    return {key: value for key, value in config.items() if key in accepted}


def _warn_unknown(path: Path, what: str, unknown: Iterable[str], known: Iterable[str]) -> None:
    for field in sorted(unknown):
        warnings.warn(f"{path}: unknown {what} '{field}' is left out (known: {', '.join(known)})", stacklevel=4)


def _weights(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise DataError(path, "no such file", WRITE_AGAIN)
    try:
        return load_file(path)
    except OSError as error:
        raise system_error(error, path, "cannot be read", fix=WRITE_AGAIN) from error
    except SafetensorError as error:
        raise DataError(path, f"is damaged: {error}", WRITE_AGAIN) from error
