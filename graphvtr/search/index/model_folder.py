"""The model of an index, in the index's own folder: a copy of a trained one, or where a frozen one lies."""

from __future__ import annotations

import json
from pathlib import Path

from graphvtr.atomic import write_whole
from graphvtr.errors import DataError
from graphvtr.nn import RetrievalModel, ZeroShot
from graphvtr.nn.encoders.pretrained import fingerprint
from graphvtr.nn.pretrained import read_folder
from graphvtr.nn.registered import registered_name
from graphvtr.reading import need, read_json
from graphvtr.search.index.manifest import ZERO_SHOT
from graphvtr.text import Vocabulary

FIX = "build the index again with --zero-shot DIR"


def zero_shot(directory: str | Path, phrase_weight: float = 0.5) -> ZeroShot:
    """A model without training that can be indexed, see :class:`graphvtr.nn.ZeroShot`.

    Args:
        directory: local Hugging Face directory of CLIP, SigLIP or their like.
        phrase_weight: of the phrases beside the whole sentence.

    Raises:
        DataError: it holds no such model.
        MissingExtraError: ``transformers`` is not installed.
    """
    model = ZeroShot(directory, phrase_weight).eval()
    model.vocabulary = Vocabulary([])  # it reads pieces of words, all of them
    return model


def model_name(model: RetrievalModel) -> str:
    """What a manifest calls a model."""
    return "zero_shot" if isinstance(model, ZeroShot) else registered_name(model)


def save_model(model: RetrievalModel, folder: Path) -> None:
    """Write a model so that :func:`load_model` reads it; of one without training its directory and fingerprint."""
    if not isinstance(model, ZeroShot):
        model.save_pretrained(folder)
        return
    directory = Path(model.config["directory"]).resolve()
    content = {**model.config, "directory": str(directory), "fingerprint": fingerprint(directory)}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / ZERO_SHOT, json.dumps(content, indent=1) + "\n")


def load_model(folder: Path) -> RetrievalModel:
    """The model of an index.

    Raises:
        DataError: it is damaged; the directory of one without training is gone, or holds other weights.
    """
    file = folder / ZERO_SHOT
    if not file.is_file():
        return read_folder(folder)
    told = need(
        read_json(file, fix=FIX), file, {"directory": str, "fingerprint": str, "phrase_weight": int | float}, FIX
    )
    directory = Path(told["directory"])
    if not directory.is_dir():
        raise DataError(directory, f"is gone, the model of {folder.parent}", "put it back, or " + FIX)
    if fingerprint(directory) != told["fingerprint"]:
        raise DataError(directory, f"holds another model than {folder.parent} was made with", FIX)
    return zero_shot(directory, float(told["phrase_weight"]))
