"""The workloads of ``speed/ops.py``: shapes of the papers, and every way to compute them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import torch
from torch import Tensor
from torch_geometric.utils import scatter, softmax

from benchmarks.lib import ops_rivals as rivals
from benchmarks.lib.ops_case import Case, on_backends
from benchmarks.lib.ops_role_graphs import gather, role_attention
from graphvtr import ops


def region_mean(frames: int, regions: int, width: int, device: torch.device) -> Case:
    """Frame features from region features, every frame with as many regions."""
    ptr = torch.arange(frames + 1, device=device) * regions
    row = torch.repeat_interleave(ptr.diff())
    ways = {
        **on_backends(lambda x: ops.segment_reduce(x, ptr, "mean"), device, "triton", "torch_scatter"),
        "PyG scatter": lambda x: scatter(x, row, dim=0, dim_size=frames, reduce="mean"),
        "torch.segment_reduce": lambda x: torch.segment_reduce(x, "mean", offsets=ptr),
        "dense mean": lambda x: x.view(frames, regions, width).mean(1),
    }
    size = frames * regions * width
    leaves = [torch.randn(frames * regions, width, device=device)]
    workload = f"mean, {frames:,} frames x {regions} regions x {width}"
    return Case("segment_reduce", workload, leaves, ways, (size, 2 * size), 8 * frames)


def channel_softmax(videos: int, most: int, width: int, device: torch.device) -> Case:
    """The weights of attention-aware aggregation: a softmax over the frames of a video for each channel."""
    generator = torch.Generator().manual_seed(0)
    count = torch.randint(most // 2, most + 1, (videos,), generator=generator)
    ptr = torch.cat([count.new_zeros(1), count.cumsum(0)]).to(device)
    padding = rivals.Padding(ptr)

    def dense(score: Tensor) -> Tensor:
        padded = padding.pad(score).masked_fill(~padding.mask.unsqueeze(-1), -torch.inf)
        return padding.unpad(padded.softmax(1))

    ways = {
        **on_backends(lambda score: ops.segment_softmax(score, ptr), device, "triton", "torch_scatter"),
        "PyG softmax": lambda score: softmax(score, ptr=ptr),
        "padded dense": dense,
    }
    leaves = [torch.randn(int(ptr[-1]), width, device=device)]
    size = leaves[0].numel()
    workload = f"{videos} videos x {most // 2}..{most} frames x {width}"
    return Case("segment_softmax", workload, leaves, ways, (4 * size, 8 * size), 8 * videos)


def random_walk(
    frames: int, regions: int, width: int, ragged: bool, edges: bool, device: torch.device, compiled: bool
) -> Case:
    """The random walk of ViSERN, weights exp(L), over the regions of each frame."""
    generator = torch.Generator().manual_seed(0)
    count = torch.full((frames,), regions)
    if ragged:
        count = torch.randint(1, regions + 1, (frames,), generator=generator)
    ptr = torch.cat([count.new_zeros(1), count.cumsum(0)]).to(device)
    total, padding = int(ptr[-1]), rivals.Padding(ptr)
    small = 0.5 / width**0.5
    leaves = [torch.randn(total, width, device=device).mul_(scale) for scale in (small, small, 1.0)]

    def dense(phi: Tensor, theta: Tensor, x: Tensor) -> Tensor:
        if not ragged:
            return rivals.dense_walk(*(v.view(frames, regions, width) for v in (phi, theta, x))).flatten(0, 1)
        return padding.unpad(rivals.dense_walk(*(padding.pad(v) for v in (phi, theta, x)), padding.mask))

    ways = {
        **on_backends(
            lambda phi, theta, x: ops.complete_graph_walk(phi, theta, x, ptr, affinity="exp"), device, "triton"
        ),
        "padded dense" if ragged else "dense": dense,
    }
    if compiled:
        ways["padded dense, compiled" if ragged else "dense, compiled"] = torch.compile(dense, dynamic=False)
    if edges:
        edge_ptr, col = ops.complete_edges(ptr)
        row = torch.repeat_interleave(edge_ptr.diff())
        ways["PyG softmax + scatter"] = lambda *args: rivals.pyg_walk(*args, edge_ptr, row, col)
    pairs = float(count.square().sum())
    forward = 4 * pairs * width
    shape = f"1..{regions} regions (ragged)" if ragged else f"{regions} regions"
    return Case(
        "complete_graph_walk",
        f"{frames:,} frames x {shape} x {width}",
        leaves,
        ways,
        (forward, 3 * forward),
        8 * frames,
        too_large=() if edges else ("PyG softmax + scatter",),
    )


def attention(
    what: str, segments: int, most: int, ragged: bool, edges: bool, device: torch.device, heads: int = 8
) -> Case:
    """Attention among the regions of a frame, or the frames of a video, D 1024 in 8 heads."""
    generator, width = torch.Generator().manual_seed(0), 1024 // heads
    count = torch.full((segments,), most)
    if ragged:
        count = torch.randint(1, most + 1, (segments,), generator=generator)
    ptr = torch.cat([count.new_zeros(1), count.cumsum(0)]).to(device)
    padding = rivals.Padding(ptr)
    leaves = [torch.randn(int(ptr[-1]), heads, width, device=device) for _ in range(3)]

    def views(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        dense = (x.view(segments, most, heads, width) for x in (q, k, v))
        return ops.segment_attention(*dense).flatten(0, 1)

    ways = {
        **on_backends(lambda q, k, v: ops.segment_attention(q, k, v, ptr), device, "native", "triton"),
        "padded SDPA": lambda q, k, v: rivals.padded_attention(q, k, v, padding),
    }
    if not ragged:
        ways["SDPA over dense views"] = views
    if edges:
        edge_ptr, col = ops.complete_edges(ptr)
        row = torch.repeat_interleave(edge_ptr.diff())
        ways["PyG softmax + scatter"] = lambda *args: rivals.pyg_attention(*args, edge_ptr, row, col)
    forward = 4 * float(count.square().sum()) * 1024
    return Case(
        "segment_attention",
        what,
        leaves,
        ways,
        (forward, 3.5 * forward),
        8 * segments,
        too_large=() if edges else ("PyG softmax + scatter",),
    )


def match(
    videos: int, captions: int, frames: int, fusion: str, whole: bool, device: torch.device, compiled: bool
) -> Case:
    """All pairs of HGR's local match, captions of 1 to 8 nodes, D 1024."""
    generator, width = torch.Generator().manual_seed(0), 1024
    count = torch.randint(1, 9, (captions,), generator=generator)
    node_ptr = torch.cat([count.new_zeros(1), count.cumsum(0)]).to(device)
    frame_ptr = torch.arange(videos + 1, device=device) * frames
    nodes = torch.randn(int(node_ptr[-1]), width, device=device)
    rows = torch.randn(videos * frames, width, device=device)
    padding = rivals.Padding(node_ptr)
    padded = [padding.pad(nodes), rows]
    mask = padding.mask.float()

    def ours(nodes: Tensor, rows: Tensor) -> Tensor:
        return ops.local_match(nodes, node_ptr, rows, frame_ptr, fusion=fusion)

    def direct(nodes: Tensor, rows: Tensor) -> Tensor:
        return rivals.direct_match(nodes, mask, rows.view(videos, frames, width), 4.0, fusion)

    def in_blocks(nodes: Tensor, rows: Tensor, upstream: Tensor | None = None) -> Tensor:
        dense = rows.view(videos, frames, width)
        return rivals.direct_match_in_blocks(nodes, mask, dense, 4.0, fusion, 8, upstream)

    ways, own, back = on_backends(ours, device, "native", "triton"), {}, {}
    if whole:
        ways["direct einsum"], own["direct einsum"] = direct, padded
        if compiled:
            ways["direct einsum, compiled"], own["direct einsum, compiled"] = (
                torch.compile(direct, dynamic=False),
                padded,
            )
    if fusion == "embed":
        name = "direct einsum, 8 videos at a time"
        leaves = [x.clone().requires_grad_() for x in padded]
        ways[name], own[name] = in_blocks, padded
        back[name] = lambda upstream: in_blocks(*leaves, upstream)
    products = 2 * float(nodes.size(0)) * rows.size(0) * width
    gram = 2 * float(nodes.size(0)) * rows.size(0) * frames if fusion == "embed" else 0
    return Case(
        "local_match",
        f"{captions} captions x {videos} videos x {frames} frames, D {width}, {fusion}",
        [nodes, rows],
        ways,
        (products + gram, 3 * (products + gram)),
        8 * (videos + captions),
        own,
        back,
        () if whole else ("direct einsum",),
    )


def holographic(videos: int, captions: int, width: int, device: torch.device) -> Case:
    """The global score of MCSAN for all pairs."""

    def circulant(v: Tensor, t: Tensor, w: Tensor) -> Tensor:
        place = torch.arange(width, device=device)
        return v @ w[(place[None, :] - place[:, None]) % width] @ t.T

    leaves = [torch.randn(n, width, device=device) for n in (videos, captions)] + [torch.randn(width, device=device)]
    ways = {
        **on_backends(ops.holographic_scores, device),
        "a transform a pair": rivals.transforms_of_pairs,
        "matrix of w": circulant,
    }
    product = 2.0 * videos * captions * width
    workload = f"{captions} captions x {videos} videos, D {width}"
    return Case("holographic_scores", workload, leaves, ways, (product, 3 * product))


def cases(
    device: torch.device, large: bool, compiled: Collection[str] | None = None
) -> list[tuple[str, Callable[[], Case]]]:
    """Names of ops, and functions that build their workloads one at a time; ``compiled`` are the ops of which rivals
    go through the compiler too, None for all."""
    wide = 1024 if device.type == "cuda" or large else 64  # 65,536 graphs at D 1024 take 30 GB
    gpu = device.type == "cuda"
    at = partial

    def through(op: str) -> bool:
        return compiled is None or op in compiled

    return [
        ("role_attention", at(role_attention, 128, 1024, True, device, through("role_attention"))),
        ("role_attention", at(role_attention, 128, 1024, False, device, through("role_attention"))),
        ("role_attention", at(role_attention, 2048, 1024, True, device, False)),
        ("role_attention", at(role_attention, 65_536, wide, True, device, False)),
        ("role_attention", at(role_attention, 65_536, wide, False, device, False)),
        ("gather_segment_reduce", at(gather, 128, 1024, device, through("gather_segment_reduce"))),
        ("gather_segment_reduce", at(gather, 65_536, wide, device, False)),
        ("segment_reduce", at(region_mean, 1664, 36, 2048, device)),
        ("segment_softmax", at(channel_softmax, 128, 26, 1024, device)),
        ("complete_graph_walk", at(random_walk, 64, 36, 2048, False, True, device, through("complete_graph_walk"))),
        ("complete_graph_walk", at(random_walk, 1664, 36, 2048, False, gpu, device, False)),
        ("complete_graph_walk", at(random_walk, 1664, 36, 1024, True, gpu, device, False)),
        ("segment_attention", at(attention, "8 videos x 26 frames x 1..36 regions", 8 * 26, 36, True, True, device)),
        ("segment_attention", at(attention, "64 videos x 26 frames x 1..36 regions", 64 * 26, 36, True, gpu, device)),
        ("segment_attention", at(attention, "64 videos x 26 frames x 36 regions", 64 * 26, 36, False, gpu, device)),
        ("segment_attention", at(attention, "temporal, 64 videos x 26 frames", 64, 26, False, True, device)),
        ("local_match", at(match, 128, 128, 20, "sim", True, device, through("local_match"))),
        ("local_match", at(match, 128, 128, 20, "embed", True, device, through("local_match"))),
        ("local_match", at(match, 512, 512, 20, "sim", True, device, False)),
        ("local_match", at(match, 512, 512, 20, "embed", gpu, device, False)),
        ("holographic_scores", at(holographic, 512, 512, 1024, device)),
    ]
