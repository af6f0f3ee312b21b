"""Features of a graph's nodes, checked before they meet a weight."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph


def node_features(graph: VideoGraph, kind: str, width: int, argument: str) -> Tensor:
    """The features [n, width] of the nodes of a kind.

    Args:
        graph: a video graph or a packed batch.
        kind: ``"frame"`` or ``"region"``.
        width: what the model was made for.
        argument: of the model's constructor that says so.

    Raises:
        DataError: the graph has no nodes of the kind, or they are not ``width`` wide.
    """
    if kind not in graph.node_types:
        raise DataError(kind, f"the graph has no {kind}s", f"extract {kind}s, or use a model that does without")
    x: Tensor = graph[kind].x
    if x.size(-1) != width:
        raise DataError(
            f"{kind}.x",
            f"is {x.size(-1)} wide, the model expects {width}",
            f"extract the features the model was trained on, or build it with {argument}={x.size(-1)}",
        )
    return x


def check_ids(ids: Tensor, count: int) -> None:
    """See that ids of words are ``0..count - 1``, where looking neither waits for a device nor breaks a graph.

    Raises:
        DataError: one is not.
    """
    if torch.compiler.is_compiling() or ids.device.type != "cpu" or not ids.numel():
        return
    low, high = (int(end) for end in torch.aminmax(ids))
    if low < 0 or high >= count:
        raise DataError(
            "word.id",
            f"has id {low if low < 0 else high} for {count} words",
            "encode the graphs with the vocabulary the model was built for",
        )
