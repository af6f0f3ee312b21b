"""Triton kernels of ``local_match``: everything between the matrix products in one pass over a block of similarities.

The products themselves are the vendor's. A program has one video and a block of nodes, its similarities as a tile
[T, nodes] in registers: ragged videos need neither sorting nor padding in memory. Backward turns the similarities
into their gradient in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.ops._segments import NORM_EPS, SIMILARITY_EPS, host_ptr, longest, sent
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.eager import local_match as eager
from graphvtr.ops.eager._sparse import owners
from graphvtr.ops.triton import segment_reduce
from graphvtr.ops.triton._launch import block_of, half_product, leave_to_torch, tl, triton

#: The longest video whose similarities fit a program's registers; longer ones go to the torch backend.
MAX_FRAMES = 128
BLOCK_N = 32
#: Parts that the nodes are divided in by backward, each summed in its own order.
SPLITS = 8


@triton.jit
def attend(s, valid, temperature, CLIPPED: tl.constexpr, EPS: tl.constexpr):
    """Attention over the frames (axis 0), and the norms of the similarities."""
    clipped = tl.maximum(s, 0.0)
    measured = clipped if CLIPPED else s
    norm = tl.sqrt(tl.sum(measured * measured, axis=0))
    exponent = tl.where(valid, clipped * (temperature / (norm + EPS))[None, :], float("-inf"))
    weight = tl.exp(exponent - tl.max(exponent, axis=0)[None, :])
    return weight / tl.sum(weight, axis=0)[None, :], norm


@triton.jit
def inverse_root(square, TINY: tl.constexpr):
    return tl.where(square <= TINY, 0.0, 1.0 / tl.sqrt(tl.where(square <= TINY, 1.0, square)))


@triton.jit(do_not_specialize=["nodes", "first", "count", "blocks", "temperature"])
def score_kernel(
    similarity, ptr, length, gram, out, nodes, first, count, blocks, temperature,
    EMBED: tl.constexpr, CLIPPED: tl.constexpr, EPS: tl.constexpr, TINY: tl.constexpr,
    FRAMES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    video = (tl.program_id(0) // blocks).to(tl.int64)
    node = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    begin, end = tl.load(ptr + video), tl.load(ptr + video + 1)
    frame = tl.arange(0, FRAMES)
    present = frame < end - begin
    valid = present[:, None] & (node < count)[None, :]
    s = tl.load(similarity + (begin + frame)[:, None] * count + node[None, :], mask=valid, other=0.0)
    weight, _ = attend(s, present[:, None], temperature, CLIPPED, EPS)
    if EMBED:
        tile = video * FRAMES * FRAMES + frame[:, None] * FRAMES + frame[None, :]
        mixed = tl.dot(tl.load(gram + tile), weight, input_precision="tf32x3")
        lengths = tl.load(length + begin + frame, mask=present, other=0.0)
        score = tl.sum(weight * lengths[:, None] * s, axis=0) * inverse_root(tl.sum(mixed * weight, axis=0), TINY)
    else:
        score = tl.sum(weight * s, axis=0)
    tl.store(out + (first + node).to(tl.int64) + video * nodes, score, mask=node < count)


@triton.jit(do_not_specialize=["captions", "first", "count", "rows", "temperature"])
def gradient_kernel(
    similarity, ptr, length, gram, grad, owner, grad_length, grad_gram, captions, first, count, rows, temperature,
    EMBED: tl.constexpr, CLIPPED: tl.constexpr, EPS: tl.constexpr, TINY: tl.constexpr,
    FRAMES: tl.constexpr, BLOCK: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    video, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    begin, end = tl.load(ptr + video), tl.load(ptr + video + 1)
    frame = tl.arange(0, FRAMES)
    present = frame < end - begin
    tile = frame[:, None] * FRAMES + frame[None, :]
    if EMBED:
        products = tl.load(gram + video * FRAMES * FRAMES + tile)
        lengths = tl.load(length + begin + frame, mask=present, other=0.0)
        of_gram, of_length = tl.zeros([FRAMES, FRAMES], tl.float32), tl.zeros([FRAMES], tl.float32)
    size = ((count + SPLITS - 1) // SPLITS + BLOCK - 1) // BLOCK * BLOCK
    for start in range(part * size, tl.minimum((part + 1) * size, count), BLOCK):
        node = start + tl.arange(0, BLOCK)
        valid = present[:, None] & (node < count)[None, :]
        place = similarity + (begin + frame)[:, None] * count + node[None, :]
        s = tl.load(place, mask=valid, other=0.0)
        caption = tl.load(owner + first + node, mask=node < count, other=0)
        flow = tl.load(grad + video * captions + caption, mask=node < count, other=0.0)
        weight, norm = attend(s, present[:, None], temperature, CLIPPED, EPS)
        if EMBED:
            mixed = tl.dot(products, weight, input_precision="tf32x3")
            inverse = inverse_root(tl.sum(mixed * weight, axis=0), TINY)
            direct = weight * lengths[:, None] * inverse[None, :]
            score = tl.sum(direct * s, axis=0)
            slope = weight * (s * lengths[:, None] * inverse[None, :] - mixed * (score * inverse * inverse)[None, :])
            of_length += tl.sum(weight * s * (inverse * flow)[None, :], axis=1)
            scaled = weight * (score * inverse * inverse * flow)[None, :]
            of_gram += tl.dot(scaled, tl.trans(weight), input_precision="tf32x3") * -0.5
        else:
            direct = weight
            slope = weight * (s - tl.sum(weight * s, axis=0)[None, :])
        clipped = tl.maximum(s, 0.0)
        padded = norm + EPS
        through = tl.sum(slope * clipped, axis=0) / (padded * tl.maximum(norm, EPS * EPS))
        measured = clipped if CLIPPED else s
        back = tl.where(s > 0, slope, 0.0) - measured * through[None, :]
        result = (direct + back * (temperature / padded)[None, :]) * flow[None, :]
        tl.store(place, result, mask=valid)
    if EMBED:
        videos = tl.num_programs(0)
        tl.store(grad_length + part.to(tl.int64) * rows + begin + frame, of_length, mask=present)
        tl.store(grad_gram + (part * videos + video) * FRAMES * FRAMES + tile, of_gram)


@dataclass
class _Block:
    """Some videos that have frames, in the order of the batch."""

    videos: Tensor  # [B]
    ptr: Tensor  # [B + 1] where their frames begin among the rows
    rows: Tensor  # [R] their frames in the batch
    given: Tensor  # [R, D] as they were given
    raw: Tensor  # [R, D] float32
    inverse: Tensor  # [R, 1] one over the frames' lengths
    unit: Tensor  # [R, D]
    padded: Tensor | None  # [B, FRAMES, D] for fusion "embed"
    place: Tensor  # [R] where the rows lie in ``padded``, flat


def forward(
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float,
    fusion: str,
    norm: str,
    reduce: str,
    budget_bytes: int,
) -> Tensor:
    """The scores [Nv, Nt]."""
    args = (nodes, node_ptr, frames, frame_ptr, temperature, fusion, norm, reduce, budget_bytes)
    padded = _padded_length(frame_ptr)
    if padded == 0:
        return eager.forward(*args)
    wide = nodes.float()
    inverse = eager.inverse_lengths(wide)
    scores = wide.new_zeros(frame_ptr.size(0) - 1, node_ptr.size(0) - 1)
    for block, step in _blocks(frames, frame_ptr, padded, fusion, budget_bytes):
        per_node = wide.new_empty(block.videos.size(0), nodes.size(0))
        gram, length = _gram(block)
        for first in range(0, nodes.size(0), step):
            part = slice(first, min(first + step, nodes.size(0)))
            similarity = half_product(block.given, nodes[part].t()).mul_(block.inverse).mul_(inverse[part])
            count = similarity.size(1)
            blocks = triton.cdiv(count, BLOCK_N)
            score_kernel[(block.videos.size(0) * blocks,)](
                similarity, block.ptr, length, gram, per_node, nodes.size(0), first, count, blocks, temperature,
                **_constants(fusion, norm, padded),
            )  # fmt: skip
        scores[block.videos] = segment_reduce.forward(per_node.t(), node_ptr, reduce).t()
    return scores.to(nodes.dtype)


def backward(
    grad: Tensor,
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float,
    fusion: str,
    norm: str,
    reduce: str,
    budget_bytes: int,
) -> tuple[Tensor, Tensor]:
    """Gradients of nodes and frames."""
    padded = _padded_length(frame_ptr)
    if padded == 0:
        options = (temperature, fusion, norm, reduce, budget_bytes)
        return eager.backward(grad, nodes, node_ptr, frames, frame_ptr, *options)
    wide, upstream, node_ptr = nodes.float(), grad.float(), node_ptr.long()
    inverse, owner = eager.inverse_lengths(wide), owners(node_ptr, nodes.size(0))
    if reduce == "mean":
        upstream = upstream / node_ptr.diff().clamp(min=1)
    grad_nodes, grad_frames = torch.zeros_like(wide), torch.zeros_like(frames)
    for block, step in _blocks(frames, frame_ptr, padded, fusion, budget_bytes):
        grad_block = upstream.index_select(0, block.videos).contiguous()
        grad_unit, (gram, length) = torch.zeros_like(block.unit), _gram(block)
        of_length = torch.zeros_like(block.inverse)
        of_gram = torch.zeros_like(gram)
        for first in range(0, nodes.size(0), step):
            part = slice(first, min(first + step, nodes.size(0)))
            similarity = half_product(block.given, nodes[part].t()).mul_(block.inverse).mul_(inverse[part])
            length_parts = length.new_zeros(SPLITS, *length.shape)
            gram_parts = gram.new_zeros(SPLITS, *gram.shape)
            gradient_kernel[(block.videos.size(0), SPLITS)](
                similarity, block.ptr, length, gram, grad_block, owner, length_parts, gram_parts,
                grad.size(1), first, similarity.size(1), block.rows.size(0), temperature,
                **_constants(fusion, norm, padded), SPLITS=SPLITS,
            )  # fmt: skip
            of_length += length_parts.sum(0).view_as(of_length) if block.padded is not None else 0
            of_gram += gram_parts.sum(0)
            similarity.mul_(inverse[part])
            grad_unit.addmm_(similarity, wide[part])
            grad_nodes[part].addmm_(similarity.t(), block.unit)
        grad_frames[block.rows] = _frame_gradient(block, grad_unit, of_length, of_gram).to(frames.dtype)
    along = torch.linalg.vecdot(grad_nodes, wide).mul_(inverse.square()).unsqueeze(1)
    return grad_nodes.sub_(wide * along).to(nodes.dtype), grad_frames


def _constants(fusion: str, norm: str, padded: int) -> dict[str, object]:
    return {
        "EMBED": fusion == "embed",
        "CLIPPED": norm == "clipped",
        "EPS": SIMILARITY_EPS,
        "TINY": NORM_EPS**2,
        "FRAMES": padded,
        "BLOCK": BLOCK_N,
        "num_warps": 8 if padded > 64 or (padded > 16 and fusion == "embed") else 4,
    }


def _padded_length(frame_ptr: Tensor) -> int:
    """Rows of a tile that holds the longest video; 0 where none does, or there is no video."""
    frames = longest(frame_ptr)
    if frames > MAX_FRAMES:
        leave_to_torch("local_match", f"a video has more than {MAX_FRAMES} frames")
    return block_of(frames, least=16) if 0 < frames <= MAX_FRAMES else 0


def _blocks(
    frames: Tensor, frame_ptr: Tensor, padded: int, fusion: str, budget_bytes: int
) -> Iterator[tuple[_Block, int]]:
    """Blocks of videos, and how many nodes go with them, such that memory stays below the budget."""
    host = host_ptr(frame_ptr)
    counts, begins = host.diff().tolist(), host[:-1].tolist()
    copies = 4 + (2 * padded if fusion == "embed" else 0)  # of a row; a padded video may have a single frame
    max_rows = max(1, budget_bytes // (8 * copies * max(1, frames.size(1))))
    chosen: list[int] = []
    for video in [*(video for video, count in enumerate(counts) if count), -1]:
        if chosen and (video < 0 or sum(counts[i] for i in chosen) + counts[video] > max_rows):
            block = _block(frames, [begins[i] for i in chosen], [counts[i] for i in chosen], chosen, padded, fusion)
            yield block, max(BLOCK_N, budget_bytes // (2 * 2 * 4 * block.rows.size(0)))
            chosen = []
        chosen.append(video)


def _block(frames: Tensor, begins: list[int], counts: list[int], videos: list[int], padded: int, fusion: str) -> _Block:
    device = frames.device
    count = sent(counts, device)
    ptr = counts_to_ptr(count)
    total = sum(counts)
    owner = torch.repeat_interleave(count, output_size=total)
    within = torch.arange(total, device=device) - ptr[owner]
    rows = sent(begins, device)[owner] + within
    given, place = frames.index_select(0, rows), owner * padded + within
    raw = given.float()
    inverse = eager.inverse_lengths(raw).unsqueeze(1)
    filled = None
    if fusion == "embed":
        filled = raw.new_zeros(len(counts), padded, raw.size(1))
        filled.view(-1, raw.size(1))[place] = raw
    return _Block(sent(videos, device), ptr, rows, given, raw, inverse, raw * inverse, filled, place)


def _gram(block: _Block) -> tuple[Tensor, Tensor]:
    """Inner products of each video's frames [B, FRAMES, FRAMES] and their lengths [R]; empty where not needed."""
    if block.padded is None:
        return block.raw.new_zeros(0), block.raw.new_zeros(0)
    return torch.bmm(block.padded, block.padded.transpose(1, 2)), torch.linalg.vector_norm(block.raw, dim=1)


def _frame_gradient(block: _Block, grad_unit: Tensor, of_length: Tensor, of_gram: Tensor) -> Tensor:
    along = torch.linalg.vecdot(grad_unit, block.unit).unsqueeze(1)
    grad = grad_unit.sub_(block.unit * along).mul_(block.inverse)
    if block.padded is not None:
        extra = torch.bmm(of_gram + of_gram.transpose(1, 2), block.padded).view(-1, grad.size(1))
        grad.add_(block.unit * of_length).add_(extra.index_select(0, block.place))
    return grad.mul_(block.inverse > 0)
