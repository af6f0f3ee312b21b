"""The random walk one frame, one pair of nodes at a time, and the ways to call the layers."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from graphvtr.nn import RandomWalkGCN

D = 6
COUNTS = [3, 0, 5, 1, 4, 0]  # regions a frame
CLIP = torch.tensor([0, 0, 0, 0, 1, 1])
NORMALIZATIONS = ["random_walk", "symmetric", "row", "none"]
AFFINITIES = ["dot", "softplus", "exp"]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def make_ptr(counts: list[int]) -> Tensor:
    return torch.tensor([0, *itertools.accumulate(counts)])


def complete_edges(counts: list[int]) -> Tensor:
    """All pairs within each graph, i = j included, in shuffled order."""
    pairs, begin = [], 0
    for count in counts:
        pairs += [(begin + i, begin + j) for i in range(count) for j in range(count)]
        begin += count
    return torch.tensor(pairs)[torch.randperm(len(pairs))].T


def temporal_edges(counts: list[int], clip: Tensor) -> Tensor:
    """From every region of a frame to every region of the next one of the same clip."""
    begin = make_ptr(counts).tolist()
    pairs = [
        (begin[b - 1] + j, begin[b] + i)
        for b in range(1, len(counts))
        if clip[b] == clip[b - 1]
        for i in range(counts[b])
        for j in range(counts[b - 1])
    ]
    return torch.tensor(pairs).T


def boxes(count: int, dtype: torch.dtype = torch.float64) -> Tensor:
    corner = torch.rand(count, 2, dtype=dtype) / 2
    return torch.cat([corner, corner + 0.1 + torch.rand(count, 2, dtype=dtype) * 0.4], dim=1)


def pad(rows: Tensor, counts: list[int], fill: float = 0.0) -> tuple[Tensor, Tensor]:
    dense = rows.new_full((len(counts), max(counts), rows.size(1)), fill)
    mask = torch.zeros(len(counts), max(counts), dtype=torch.bool)
    for b, part in enumerate(rows.split(counts)):
        dense[b, : len(part)], mask[b, : len(part)] = part, True
    return dense, mask


def geometry(a: list[float], b: list[float]) -> Tensor:
    wa, ha, wb, hb = a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]
    dx = ((b[0] + b[2]) / 2 - (a[0] + a[2]) / 2) / wa
    dy = ((b[1] + b[3]) / 2 - (a[1] + a[3]) / 2) / ha
    both = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    iou = both / (wa * ha + wb * hb - both)
    return torch.tensor(
        [math.asinh(dx), math.asinh(dy), math.log(wb / wa), math.log(hb / ha), iou], dtype=torch.float64
    )


def affinity_of(score: Tensor, affinity: str) -> Tensor:
    return {"dot": lambda r: r, "softplus": lambda r: (1 + r.exp()).log(), "exp": torch.exp}[affinity](score)


def normalize(matrix: Tensor, normalization: str) -> Tensor:
    n, m = matrix.shape
    rows, columns = matrix.sum(1), matrix.sum(0)
    out = torch.zeros_like(matrix)
    for i in range(n):
        for j in range(m):
            out[i, j] = (
                matrix[i, j]
                / {
                    "random_walk": rows[i],
                    "symmetric": (rows[i].abs() * columns[j].abs()).sqrt(),
                    "row": torch.tensor(float(m)),
                }[normalization]
            )
    return out


def reference_layer(layer: nn.Module, x: Tensor, counts: list[int], clip: Tensor, box: Tensor) -> Tensor:
    """One layer by Eq 1, 7 and 12, frame by frame."""
    if layer.normalization == "none":
        return x
    frames, places = x.split(counts), box.split(counts)
    walked, before = [], []
    for b, v in enumerate(frames):
        score = torch.zeros(len(v), len(v), dtype=x.dtype)
        for i in range(len(v)):
            for j in range(len(v)):
                score[i, j] = layer.phi(v[i]) @ layer.theta(v[j]) + layer.theta(v[i]) @ layer.phi(v[j])
                if layer.location:
                    for one, other in ((i, j), (j, i)):
                        edge = geometry(places[b][one].tolist(), places[b][other].tolist())
                        score[i, j] = score[i, j] + layer.edge_bias.mlp(edge).squeeze()
        matrix = normalize(affinity_of(score, layer.affinity), layer.normalization)
        step = v
        for _ in range(layer.num_steps):
            step = matrix @ step
        walked.append(step)
        past = torch.zeros_like(v)
        if layer.temporal and b > 0 and clip[b] == clip[b - 1] and len(frames[b - 1]) and len(v):
            score = layer.temporal_phi(v) @ layer.temporal_theta(frames[b - 1]).T
            past = normalize(affinity_of(score, layer.affinity), layer.normalization) @ frames[b - 1]
        before.append(past)
    out = layer.residual(layer.gcn(torch.cat(walked)))
    if layer.temporal:
        out = out + layer.temporal_gcn(torch.cat(before))
    return x + (out if layer.norm is None else layer.norm(out))


def run(gcn: RandomWalkGCN, path: str, x: Tensor, box: Tensor) -> Tensor:
    """The stack by one of its paths, rows as a packed batch has them."""
    options = {"box": box} if gcn.layers[0].location else {}
    temporal = gcn.layers[0].temporal
    ptr = make_ptr(COUNTS)
    if path == "edges":
        edges = {"temporal_edge_index": temporal_edges(COUNTS, CLIP)} if temporal else {}
        return gcn(x, complete_edges(COUNTS), **options, **edges)
    if path == "ptr":
        return gcn(x, ptr=ptr, clip=CLIP, **options)
    if path == "batch":
        batch = torch.repeat_interleave(torch.tensor(COUNTS))
        return gcn(x, batch=batch, clip=CLIP, **options)
    dense, mask = pad(x, COUNTS, fill=float("nan"))  # nothing of the padding may get out
    if options:
        options["box"] = pad(box, COUNTS)[0]
    out = gcn(dense, mask=mask, clip=CLIP, **options)
    assert (out[~mask] == 0).all()
    return out[mask]


OPTIONS = {
    "plain": {},
    "steps": {"num_steps": 3},
    "layers": {"num_layers": 2},
    "keys": {"key_channels": 3},
    "wide_keys": {"key_channels": 9},
    "batch_norm": {"batch_norm": True, "num_layers": 2},
    "location": {"location": True},
    "temporal": {"temporal": True},
    "all": {"num_steps": 2, "num_layers": 2, "batch_norm": True, "location": True, "temporal": True, "key_channels": 4},
}
