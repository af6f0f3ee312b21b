"""Checkpoints: everything needed to use a model, in a file that can be read without running code from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from graphvtr._version import __version__
from graphvtr.array_files import read_torch
from graphvtr.atomic import whole
from graphvtr.deprecation import deprecated
from graphvtr.errors import DataError
from graphvtr.nn.models import HGR, RetrievalModel
from graphvtr.nn.pretrained import CONFIG, folder_of, read_folder
from graphvtr.nn.rebuild import rebuild
from graphvtr.nn.registered import check_known, registered_name
from graphvtr.text import Vocabulary
from graphvtr.values import plain, plain_fields

FORMAT, FORMAT_VERSION = "graphvtr.checkpoint", 1
KEY = "graphvtr"  # of the header in the file, beside Lightning's own keys
PARTS_OF_RELEASED = {"video_encoder", "text_encoder"}


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint tells about itself, beside model and vocabulary.

    Args:
        model: registered name of the model.
        version: version of graphvtr that wrote the file.
        dataset: name of the dataset it was trained on.
        parser: name of the parser of its captions; empty for the dataset's own graphs.
        featurizer: what made the frame features, where known.
        provenance: how the model was fed, see :class:`graphvtr.provenance.Provenance`; empty in files of versions
            that did not note it.
        video_dim: width of the frame features; 0 where unknown.
        epoch: number of epochs of training behind it.
        scores: validation rsum of every epoch so far.
        losses: validation loss of every epoch so far, where the learning rate follows it.
        captions: options that chose the captions (``max_captions`` and the like); evaluation chooses alike.
        released: whether it is a file of HGR's released code.
        changes: options that resumes changed, each with ``time``, ``epoch`` (epochs behind the run then), ``option``,
            ``from`` and ``to``.
    """

    model: str
    version: str = __version__
    dataset: str = ""
    parser: str = ""
    featurizer: str = ""
    video_dim: int = 0
    epoch: int = 0
    scores: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    captions: dict[str, Any] = field(default_factory=dict)
    released: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plain_fields(self)

    @classmethod
    def of(cls, model: RetrievalModel) -> CheckpointInfo:
        """What a loaded model's :attr:`~graphvtr.nn.RetrievalModel.info` says, with defaults for what it does not."""
        known = {item.name for item in fields(cls)}
        said = {key: value for key, value in model.info.items() if key in known}
        return cls(**{"model": registered_name(model), **said})


def header(
    model: RetrievalModel, vocabulary: Vocabulary, info: CheckpointInfo, training: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The part of a checkpoint that is ours: plain values only. ``training`` says how it trains, for resumes."""
    return {
        **({"training": dict(training)} if training else {}),
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "config": plain(model.config, "config"),
        "vocabulary": vocabulary.to_dict(),
        "info": asdict(info),
    }


def save_checkpoint(path: str | Path, model: RetrievalModel, vocabulary: Vocabulary, info: CheckpointInfo) -> None:
    """Write a checkpoint of a model alone, without the state of a training; it appears only once it is whole."""
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    write_file(path, {KEY: header(model, vocabulary, info), "state_dict": state})


def write_file(path: str | Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values with torch; the file appears only once it is whole.

    Raises:
        DataError: it cannot be written.
    """
    with whole(path) as partial:
        try:
            torch.save(content, partial)
        except RuntimeError as error:  # what torch makes of a full disk
            raise OSError(str(error)) from error


def load(where: str | Path, *, revision: str | None = None, **overrides: Any) -> RetrievalModel:
    """A model from any of its saved forms; no dataset is needed, and nothing in the files is run.

    Args:
        where: folder of a run of ``graphvtr train`` (its ``best.ckpt``), a checkpoint, a folder of ``graphvtr export``
            or ``save_pretrained``, a released HGR ``.th`` file, or ``owner/name`` of the Hugging Face Hub.
        revision: branch, tag or commit of the Hub.
        overrides: constructor arguments to set anew, none of which may change a weight's shape (``max_frames``).

    Returns:
        The model in evaluation mode on the CPU, with ``vocabulary`` (None for a released HGR file), ``info``, what its
        training said about itself, and ``provenance``, how it was fed.

    Raises:
        DataError: there is nothing of the kind, or it is damaged, of a newer version or lacks a field.
        MissingExtraError: the Hub is asked for and its package is not installed.

    Example::

        model = graphvtr.load("runs/hgr")
        model.score(["a man rides a horse"], ["a.mp4", "b.mp4"])
    """
    path = Path(where)
    if path.is_dir():
        path = checkpoint_in(path)
    elif _is_hub_name(path):
        path = folder_of(str(where), revision)
    model = read_folder(path, **overrides) if path.is_dir() else _read_checkpoint(path, overrides)
    model.loaded_from = str(where if not Path(where).exists() else path)
    return model


def _is_hub_name(path: Path) -> bool:
    """Whether it is ``owner/name``, and no file that is missing from a folder or has the ending of a checkpoint."""
    there = path.exists() or path.parent.exists()
    return not there and not path.is_absolute() and len(path.parts) == 2 and path.suffix not in (".ckpt", ".th", ".pt")


def checkpoint_in(folder: Path) -> Path:
    """The file of a run's folder to use: the best epoch's, else the last one's; an exported folder is taken as it is.

    Raises:
        DataError: it is neither.
    """
    if (folder / CONFIG).is_file():
        return folder
    for name in ("best.ckpt", "last.ckpt"):
        if (folder / name).is_file():
            return folder / name
    raise DataError(folder, f"holds no best.ckpt, last.ckpt or {CONFIG}", "give a run of graphvtr train or an export")


@deprecated("load(path), whose model has vocabulary, and CheckpointInfo.of(model)", until="0.4")
def load_checkpoint(
    path: str | Path, *, model_name: str | None = None, **overrides: Any
) -> tuple[RetrievalModel, Vocabulary | None, CheckpointInfo]:
    """:func:`load` with vocabulary and info beside the model; with ``model_name``, of that model only."""
    model = load(path, **overrides)
    info = CheckpointInfo.of(model)
    _require_model(path, info.model, model_name)
    return model, model.vocabulary, info


def _read_checkpoint(path: Path, overrides: dict[str, Any]) -> RetrievalModel:
    content = read_file(path)
    if content.keys() >= PARTS_OF_RELEASED and KEY not in content:
        return _read_released(path, content, overrides)
    found = read_header(path, content)
    info = read_info(path, found)
    check_known(info.model, path)
    model = rebuild(path, info.model, {**found["config"], **overrides}, weights_of(path, content))
    model.vocabulary = Vocabulary.from_dict(found["vocabulary"], source=f"{path}: vocabulary")
    model.info = asdict(info)
    return model.eval()


def read_file(path: Path) -> dict[str, Any]:
    """The content of a file of torch.save, weights only.

    Raises:
        DataError: missing, damaged, or with anything but tensors and plain values in it.
    """
    if not path.is_file():
        raise DataError(path, "no such file", "give a checkpoint written by graphvtr train")
    try:
        content = read_torch(path)
    except Exception as error:  # damaged files make torch.load raise almost anything, from OSError to KeyError
        raise DataError(
            path,
            "is damaged, no checkpoint, or holds more than tensors and plain values",
            "give a checkpoint written by graphvtr train, or a released HGR file",
        ) from error
    if not isinstance(content, dict):
        raise DataError(path, f"holds a {type(content).__name__}, no checkpoint", "give one written by graphvtr train")
    return content


def read_header(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Our part of a checkpoint's content, checked.

    Raises:
        DataError: it is missing, of a newer version, or lacks a field.
    """
    found = content.get(KEY)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        keys = ", ".join(sorted(str(key) for key in content)[:4]) or "nothing"
        raise DataError(path, f"is no graphvtr checkpoint (it holds {keys})", "give one written by graphvtr train")
    version = found.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise DataError(path, f"has format version {version}, newer than {FORMAT_VERSION}", "update graphvtr")
    for name in ("config", "vocabulary", "info"):
        if not isinstance(found.get(name), dict):
            raise DataError(path, f"has no field '{name}'", "train again, or copy the whole file")
    return found


def read_info(path: Path, found: Mapping[str, Any], model_name: str | None = None) -> CheckpointInfo:
    """The info in a header; with ``model_name``, of that model only.

    Raises:
        DataError: a field is missing or unknown, or it is another model.
    """
    try:
        info = CheckpointInfo(**found["info"])
    except TypeError as error:
        raise DataError(path, f"has a wrong field in its info ({error})", "train again") from error
    _require_model(path, info.model, model_name)
    return info


def weights_of(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """The model's weights in a checkpoint's content.

    Raises:
        DataError: it has none.
    """
    state = content.get("state_dict")
    if not isinstance(state, Mapping):
        raise DataError(path, "has no field 'state_dict'", "train again, or copy the whole file")
    return {name.removeprefix("model."): tensor for name, tensor in state.items() if name.startswith("model.")}


def _read_released(path: Path, content: dict[str, Any], overrides: dict[str, Any]) -> RetrievalModel:
    try:
        model = HGR.from_released(content, **overrides)
    except DataError as error:
        raise DataError(f"{path}: {error.item}", error.problem, error.fix) from error
    except (AttributeError, TypeError) as error:
        raise DataError(path, f"is no released HGR checkpoint ({error})", "give {part: {name: tensor}}") from error
    info = CheckpointInfo("hgr", dataset="hgr", video_dim=int(model.config["video_dim"]), released=True)
    model.info = asdict(info)
    return model.eval()


def _require_model(path: object, found: str, wanted: str | None) -> None:
    if wanted is not None and found != wanted:
        raise DataError(path, f"is a checkpoint of {found}, not of {wanted}", f"name a checkpoint of {wanted}")
