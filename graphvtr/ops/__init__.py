"""Segment and attention ops for many small graphs: one public function a file.

Ragged data is packed: rows end to end with a pointer ``ptr`` [N + 1]. Every op is deterministic, has a written
backward pass that computes again rather than stores, and works under ``torch.compile`` and autocast.
:func:`backend` says where it runs.
"""

from graphvtr.ops._backend import backend, requested_backend
from graphvtr.ops.complete_graph_walk import complete_graph_walk
from graphvtr.ops.csr import complete_edges, edges_to_csr, index_to_ptr
from graphvtr.ops.gather_segment_reduce import gather_segment_reduce
from graphvtr.ops.holographic_scores import holographic_keys, holographic_scores
from graphvtr.ops.local_match import local_match, local_match_weights
from graphvtr.ops.recurrence import recurrence as _recurrence  # noqa: F401  exported encoders call it
from graphvtr.ops.role_attention import role_attention
from graphvtr.ops.segment_attention import segment_attention, spatial_attention, temporal_attention
from graphvtr.ops.segment_reduce import segment_reduce
from graphvtr.ops.segment_softmax import segment_softmax

__all__ = [
    "backend",
    "complete_edges",
    "complete_graph_walk",
    "edges_to_csr",
    "gather_segment_reduce",
    "holographic_keys",
    "holographic_scores",
    "index_to_ptr",
    "local_match",
    "local_match_weights",
    "requested_backend",
    "role_attention",
    "segment_attention",
    "segment_reduce",
    "segment_softmax",
    "spatial_attention",
    "temporal_attention",
]
