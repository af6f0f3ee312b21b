"""Many role graphs from plain lists at once.

A :class:`~graphvtr.graphs.RoleGraph` of its own costs more than the rules that find it. Parsers therefore give plain
lists, and a batch of them goes into the flat storage of a :class:`~graphvtr.graphs.GraphStore` in one step
(``benchmarks/speed/parse_speed.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import FlatType, GraphStore, RoleGraph
from graphvtr.graphs.role_graph import EDGE_TYPES, FILLS, HOLDS, IN_EVENT, OF, SPAN_EDGES
from graphvtr.graphs.roles import EVENT_ROLE, VERB_ROLE
from graphvtr.text.graph_lists import GraphLists


def pack(sentences: Iterable[GraphLists]) -> GraphStore[RoleGraph]:
    """The same store as :meth:`GraphStore.from_graphs` of the built graphs, several times as quick.

    Raises:
        DataError: there are no sentences, or one of them makes no valid graph (its caption is named).
    """
    sentences = list(sentences)
    if not sentences:
        raise DataError("captions", "there are none", "give at least one caption")
    for sentence in sentences:
        _check(sentence)
    counts = {
        "word": [len(sentence.words) for sentence in sentences],
        "event": [1] * len(sentences),
        "action": [len(sentence.actions) for sentence in sentences],
        "entity": [len(sentence.entities) for sentence in sentences],
    }
    nodes = {node_type: FlatType(_pointer(count)) for node_type, count in counts.items()}
    nodes["word"].strings["text"] = [word for sentence in sentences for word in sentence.words]
    nodes["event"].tensors["role"] = torch.full((len(sentences),), EVENT_ROLE)
    nodes["action"].tensors["role"] = torch.full((sum(counts["action"]),), VERB_ROLE)
    nodes["entity"].tensors["role"] = _column([[role for role, _ in sentence.entities] for sentence in sentences])
    held = [[(action, 0) for action in range(len(sentence.actions))] for sentence in sentences]
    fills = _edges([[fill[:2] for fill in sentence.fills] for sentence in sentences])
    fills.tensors["role"] = _column([[fill[2] for fill in sentence.fills] for sentence in sentences])
    spans = (
        [[(word, 0) for word in range(len(sentence.words))] for sentence in sentences],
        [_pairs(sentence.actions) for sentence in sentences],
        [_pairs([span for _, span in sentence.entities]) for sentence in sentences],
    )
    edges = dict(zip(SPAN_EDGES, map(_edges, spans), strict=True))
    edges[FILLS] = fills
    edges[OF], edges[IN_EVENT], edges[HOLDS] = _flipped(fills), _edges(held), _flipped(_edges(held))
    captions = [sentence.caption for sentence in sentences]
    return GraphStore(RoleGraph, nodes, {key: edges[key] for key in EDGE_TYPES}, {"caption": captions})


def _check(sentence: GraphLists) -> None:
    """What :meth:`RoleGraph.validate` checks, on lists; a wrong sentence is built to raise its own message."""
    words, actions, entities = len(sentence.words), len(sentence.actions), len(sentence.entities)
    spans = chain(sentence.actions, (span for _, span in sentence.entities))
    right = (
        words
        and all(len(span) and span[0] >= 0 and span[-1] < words for span in spans)
        and all(0 <= entity < entities and 0 <= action < actions for entity, action, _ in sentence.fills)
    )
    if not right:
        sentence.graph()


def _pointer(counts: Sequence[int]) -> Tensor:
    return torch.tensor(list(accumulate(counts, initial=0)))  # [N + 1]


def _column(rows: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor(list(chain.from_iterable(rows)), dtype=torch.long)


def _pairs(spans: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    return [(word, node) for node, span in enumerate(spans) for word in span]


def _edges(pairs: Sequence[Sequence[tuple[int, int]]]) -> FlatType:
    flat = list(chain.from_iterable(chain.from_iterable(pairs)))
    index = torch.tensor(flat, dtype=torch.long).view(-1, 2).t().contiguous()  # [2, edges of all graphs]
    return FlatType(_pointer([len(pair) for pair in pairs]), {"edge_index": index})


def _flipped(flat: FlatType) -> FlatType:
    return FlatType(flat.ptr, {"edge_index": flat.tensors["edge_index"].flip(0)})
