"""Floating point operations of the library's ops, for ``torch.utils.flop_counter``.

An addition and a multiplication count as two, as PyTorch counts them; only products are counted, no softmax and no sum
over a set, as PyTorch's own formulas do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def segment_attention_flops(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, *args: Any, **kwargs: Any) -> int:
    """Scores and weighted sums of every segment."""
    return 2 * _pairs(ptr) * (q[:1].numel() + v[:1].numel())


def complete_graph_walk_flops(phi: Tensor, theta: Tensor, x: Tensor, ptr: Tensor, *args: Any, **kwargs: Any) -> int:
    """Affinities of all pairs, and one step of the walk."""
    return 2 * _pairs(ptr) * (phi.size(-1) + x.size(-1))


def role_attention_flops(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, col: Tensor, *args: Any, **kwargs: Any) -> int:
    """A score and a message an edge."""
    return 2 * col.numel() * (math.prod(q.shape[1:]) + math.prod(v.shape[1:]))


def local_match_flops(
    nodes: Tensor, node_ptr: Tensor, frames: Tensor, frame_ptr: Tensor, *args: Any, **kwargs: Any
) -> int:
    """Similarities of all nodes and frames, and the Gram matrices of the videos."""
    return 2 * nodes.size(1) * (nodes.size(0) * frames.size(0) + _pairs(frame_ptr))


def holographic_scores_flops(v: Tensor, t: Tensor, *args: Any, **kwargs: Any) -> int:
    """A Fourier transform a caption, then one matrix product."""
    width = v.size(1)
    return int(t.size(0) * 10 * width * math.log2(max(width, 2))) + 2 * v.size(0) * t.size(0) * width


def lstm_flops(x: Tensor, w_input: Tensor, w_hidden: Tensor, *args: Any, **kwargs: Any) -> int:
    """oneDNN's LSTM over ``[T, N, I]``."""
    return 2 * x.size(0) * x.size(1) * (w_input.numel() + w_hidden.numel())


def sdpa_cpu_flops(q: Tensor, k: Tensor, v: Tensor, *args: Any, **kwargs: Any) -> int:
    """PyTorch's attention on a CPU, ``[S, H, n, D]``."""
    return 2 * q.size(0) * q.size(1) * q.size(2) * k.size(2) * (q.size(3) + v.size(3))


def encoder_layer_flops(x: Tensor, width: int, heads: int, qkv: Tensor, *args: Any, **kwargs: Any) -> int:
    """PyTorch's fused layer of a Transformer, ``[N, T, D]``: its maps, scores and sums."""
    given = args[:14]  # the mask comes after the weights
    weights = [qkv, *(one for one in given if isinstance(one, Tensor) and one.dim() == 2)]
    return 2 * x.size(0) * x.size(1) * (sum(one.numel() for one in weights) + 2 * x.size(1) * width)


def flop_formulas() -> dict[Any, Callable[..., int]]:
    """``custom_mapping`` of ``torch.utils.flop_counter.FlopCounterMode``.

    Example:
        >>> from torch.utils.flop_counter import FlopCounterMode
        >>> from graphvtr.ops import segment_attention
        >>> x, ptr = torch.ones(5, 4), torch.tensor([0, 2, 5])
        >>> with FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counter:
        ...     _ = segment_attention(x, x, x, ptr)
        >>> counter.get_total_flops()  # 2 (4 + 9) (4 + 4)
        208
    """
    ours, aten = torch.ops.graphvtr, torch.ops.aten
    formulas: dict[Any, Callable[..., int]] = {
        ours.segment_attention: segment_attention_flops,
        ours.complete_graph_walk: complete_graph_walk_flops,
        ours.role_attention: role_attention_flops,
        ours.local_match: local_match_flops,
        ours.holographic_scores: holographic_scores_flops,
        aten.mkldnn_rnn_layer: lstm_flops,
        aten._scaled_dot_product_flash_attention_for_cpu: sdpa_cpu_flops,
        aten._transformer_encoder_layer_fwd: encoder_layer_flops,
    }
    for formula in formulas.values():
        formula._get_raw = True  # type: ignore[attr-defined]  # tensors, not shapes: lengths stand in the pointers
    return formulas


def _pairs(ptr: Tensor) -> int:
    """Pairs within segments, of every segment with itself too."""
    return int(ptr.diff().square().sum())
