"""Segment and attention ops for many small graphs: one public function a file.

Ragged data is packed: rows end to end with a pointer ``ptr`` [N + 1]. Every op is deterministic.
"""

from graphvtr.ops.gather_segment_reduce import gather_segment_reduce
from graphvtr.ops.local_match import local_match, local_match_weights
from graphvtr.ops.role_attention import role_attention
from graphvtr.ops.segment_reduce import segment_reduce
from graphvtr.ops.segment_softmax import segment_softmax

__all__ = [
    "gather_segment_reduce",
    "local_match",
    "local_match_weights",
    "role_attention",
    "segment_reduce",
    "segment_softmax",
]
