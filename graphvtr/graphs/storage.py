"""Graph stores on disk: one safetensors file, nothing that could run code when it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from graphvtr.atomic import write_tensors
from graphvtr.errors import DataError
from graphvtr.graphs.flat import FlatType, TypeKey
from graphvtr.graphs.graph_field import GraphField
from graphvtr.reading import parse_json
from graphvtr.tensor_files import SUM, crc32, read_tensors

FORMAT = "graphvtr.GraphStore/1"
EdgeKey = tuple[str, str, str]
C = TypeVar("C", bound=type[Any])
_classes: dict[str, type[Any]] = {}


def stored(graph_class: C) -> C:
    """Decorator: graphs of this class may stand in a file, which names the class and never an import."""
    _classes[graph_class.__name__] = graph_class
    return graph_class


def write_types(
    path: str | Path,
    graph_class: type,
    nodes: dict[str, FlatType],
    edges: dict[EdgeKey, FlatType],
    strings: dict[str, list[str]],
    fields: dict[str, GraphField],
) -> None:
    """Write the parts of a store to ``path``; the file appears only once it is whole."""
    tensors, metadata = as_tensors(graph_class, nodes, edges, strings, fields)
    write_tensors(path, tensors, {**metadata, SUM: crc32(tensors, metadata)})


def as_tensors(
    graph_class: type,
    nodes: dict[str, FlatType],
    edges: dict[EdgeKey, FlatType],
    strings: dict[str, list[str]],
    fields: dict[str, GraphField],
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The parts of a store as a file holds them: tensors by name, and what says how they belong together."""
    tensors: dict[str, Tensor] = {}
    types: list[tuple[TypeKey, FlatType]] = [*nodes.items(), *edges.items()]
    for key, flat in types:
        prefix = _type_name(key)
        # an edge type and its reverse may share a pointer, which safetensors refuses to write twice
        tensors[f"{prefix}/ptr"] = flat.ptr.clone()
        tensors.update({f"{prefix}/tensor/{name}": tensor.contiguous() for name, tensor in flat.tensors.items()})
        for name, values in flat.strings.items():
            _put_strings(tensors, f"{prefix}/string/{name}", values)
    for name, values in strings.items():
        _put_strings(tensors, f"graph/string/{name}", values)
    for name, packed in fields.items():
        tensors[f"graph/field/{name}/ptr"] = packed.ptr.clone()
        tensors[f"graph/field/{name}/rows"] = packed.rows.contiguous()
    return tensors, {
        "format": FORMAT,
        "class": graph_class.__name__,
        "nodes": json.dumps(list(nodes)),
        "edges": json.dumps([list(key) for key in edges]),
        "fields": json.dumps({name: packed.scalar for name, packed in fields.items()}),
    }


def read_types(
    path: str | Path,
) -> tuple[type[Any], dict[str, FlatType], dict[EdgeKey, FlatType], dict[str, list[str]], dict[str, GraphField]]:
    """The parts that :func:`write_types` wrote.

    Raises:
        DataError: the file is missing, damaged, or no graph store.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("format") != FORMAT or metadata.get("class") not in _classes:
        raise DataError(path, f"is not a {FORMAT} file", "write it with GraphStore.save")
    try:
        parts = {
            key: parse_json(metadata.get(key, "{}" if key == "fields" else ""), f"{path}: {key}")
            for key in ("nodes", "edges", "fields")
        }
        node_types: list[str] = [str(key) for key in parts["nodes"]]
        edge_types: list[EdgeKey] = [(a, b, c) for a, b, c in parts["edges"]]
        return (
            _classes[metadata["class"]],
            {key: _take_type(tensors, _type_name(key)) for key in node_types},
            {key: _take_type(tensors, _type_name(key)) for key in edge_types},
            _take_strings(tensors, "graph/string/"),
            {
                name: GraphField(tensors[f"graph/field/{name}/ptr"], tensors[f"graph/field/{name}/rows"], scalar)
                for name, scalar in parts["fields"].items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise DataError(path, f"is damaged: {error}", "write it again") from error


def _type_name(key: str | tuple[str, str, str]) -> str:
    return f"node/{key}" if isinstance(key, str) else "edge/" + "|".join(key)


def _take_type(tensors: dict[str, Tensor], prefix: str) -> FlatType:
    start = f"{prefix}/tensor/"
    fields = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    return FlatType(tensors[f"{prefix}/ptr"], fields, _take_strings(tensors, f"{prefix}/string/"))


def _put_strings(tensors: dict[str, Tensor], name: str, values: list[str]) -> None:
    encoded = [value.encode("utf-8", "surrogatepass") for value in values]
    joined = bytearray(b"".join(encoded))
    tensors[f"{name}/bytes"] = torch.frombuffer(joined, dtype=torch.uint8) if joined else torch.empty(0).byte()
    tensors[f"{name}/ends"] = torch.tensor([len(value) for value in encoded], dtype=torch.long).cumsum(0)


def _take_strings(tensors: dict[str, Tensor], start: str) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for key, tensor in tensors.items():
        if not key.startswith(start) or not key.endswith("/bytes"):
            continue
        name = key.removeprefix(start).removesuffix("/bytes")
        joined = tensor.numpy().tobytes()
        ends = tensors[f"{start}{name}/ends"].tolist()
        out[name] = [
            joined[begin:end].decode("utf-8", "surrogatepass")
            for begin, end in zip([0, *ends[:-1]] if ends else [], ends, strict=True)
        ]
    return out
