"""The trained network on disk: one safetensors file with its vocabularies in the header."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.atomic import write_tensors
from graphvtr.errors import DataError
from graphvtr.reading import parse_json
from graphvtr.tensor_files import SUM, crc32, read_tensors
from graphvtr.text.neural.features import Columns
from graphvtr.text.neural.model import RoleTagger, Sizes
from graphvtr.text.neural.tags import BIOTags

FORMAT = "graphvtr.role-tagger/1"


def save_weights(path: Path, model: RoleTagger, training: dict[str, Any]) -> None:
    """Write the network, in float16, in one move; MiniLM's embeddings are no part of it.

    Args:
        path: the file.
        model: the network.
        training: what to remember of its training.
    """
    columns = model.columns
    header = {
        "format": FORMAT,
        "sizes": json.dumps(asdict(model.sizes)),
        "rule_tags": json.dumps(columns.rule_tags.names),
        "tags": json.dumps(columns.tags),
        "deps": json.dumps(columns.deps),
        "training": json.dumps(training),
    }
    tensors = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}
    write_tensors(path, tensors, {**header, SUM: crc32(tensors, header)})


def load_weights(path: Path, embeddings: dict[str, Tensor]) -> RoleTagger:
    """The network of a file of :func:`save_weights`, in float32 and ready to label.

    Raises:
        DataError: the file is missing, damaged or of another format.
    """
    try:
        tensors, header = read_tensors(path)
        if header.get("format") != FORMAT:
            raise ValueError(f"its format is {header.get('format')!r}, not {FORMAT!r}")
        parts = {key: parse_json(header[key], f"{path}: {key}") for key in ("sizes", "rule_tags", "tags", "deps")}
        columns = Columns(BIOTags(parts["rule_tags"]), tuple(parts["tags"]), tuple(parts["deps"]))
        model = RoleTagger(columns, embeddings, Sizes(**parts["sizes"]))
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise DataError(path, f"holds no role tagger: {error}", "use the shipped file, or train one") from error
    return model.eval()
