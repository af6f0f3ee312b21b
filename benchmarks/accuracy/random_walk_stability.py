"""How stable the random walk layer is before any training, by affinity and normalization.

    python benchmarks/accuracy/random_walk_stability.py

Frames of 36 regions of width 2048 go through a fresh layer, over several draws of its weights. Features are rectified
(as those of a CNN behind a ReLU) or centred, of length 20. Counted and measured:

- small: rows whose |D_ii| is below 5 % of sum_j |R_ij|, where scores of both signs nearly cancel
- largest: the largest entry of |P| in any frame; 1 is the largest of a transition matrix
- change: |Z - V| / |V| of a frame, median and largest
- gradient: norm of the gradient of the layer's parameters over a batch of frames with respect to a random direction,
  relative to that of row normalization on the same draw; median and largest
"""

from __future__ import annotations

import argparse
import statistics

import torch
from torch import Tensor

from benchmarks.lib.harness import write_result
from graphvtr.nn import DenseRandomWalkGCN

VARIANTS = [
    ("row", "dot"),
    ("symmetric", "dot"),
    ("random_walk", "dot"),
    ("symmetric", "softplus"),
    ("random_walk", "softplus"),
    ("symmetric", "exp"),
    ("random_walk", "exp"),
]
LENGTH = 20.0


def frames(kind: str, count: int, regions: int, d: int) -> Tensor:
    """Regions of a frame share half of what they are: overlapping boxes, one scene."""
    x = torch.randn(count, 1, d) + torch.randn(count, regions, d)
    x = x.relu() if kind == "rectified" else x
    return LENGTH * x / x.norm(dim=-1, keepdim=True)


def gradient_norm(layer: DenseRandomWalkGCN, x: Tensor, direction: Tensor) -> float:
    gradients = torch.autograd.grad(layer(x), list(layer.parameters()), direction)
    return float(torch.stack([gradient.norm() for gradient in gradients]).norm())


@torch.no_grad()
def look(layer: DenseRandomWalkGCN, x: Tensor) -> dict[str, list[float]]:
    """What one draw shows: small degrees [rows], largest entry [1], change [frames]."""
    score = layer.phi(x) @ layer.theta(x).mT
    score = score + score.mT
    small = (score.sum(-1).abs() < 0.05 * score.abs().sum(-1)) & (layer.affinity == "dot")
    change = (layer(x) - x).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
    largest = float(layer.transition(x).abs().max())
    return {"small": small.flatten().double().tolist(), "largest": [largest], "change": change.tolist()}


def draw(kind: str, seed: int, frame_count: int, width: int) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Every variant on the same weights and frames."""
    torch.manual_seed(seed)
    x = frames(kind, frame_count, 36, width)
    direction, weights = torch.randn_like(x), DenseRandomWalkGCN(width).state_dict()
    found = {}
    for normalization, affinity in VARIANTS:
        layer = DenseRandomWalkGCN(width, normalization=normalization, affinity=affinity)  # type: ignore[arg-type]
        layer.load_state_dict(weights)
        found[normalization, affinity] = {**look(layer, x), "gradient": [gradient_norm(layer, x, direction)]}
    reference = found[VARIANTS[0]]["gradient"][0]
    for values in found.values():
        values["gradient"][0] /= reference
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10, help="of weights and frames")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--width", type=int, default=2048)
    arguments = parser.parse_args()
    rows = []
    heads = ("small", "largest P", "change", "max change", "gradient", "max gradient")
    print(f"{'features':<10} {'normalization':<12} {'affinity':<9}" + "".join(f"{head:>14}" for head in heads))
    for kind in ("rectified", "centred"):
        draws = [draw(kind, seed, arguments.frames, arguments.width) for seed in range(arguments.draws)]
        for normalization, affinity in VARIANTS:
            small, largest, change, gradient = (
                [value for found in draws for value in found[normalization, affinity][name]]
                for name in ("small", "largest", "change", "gradient")
            )
            row = {
                "features": kind,
                "normalization": normalization,
                "affinity": affinity,
                "small degrees": statistics.fmean(small),
                "largest": max(largest),
                "change": statistics.median(change),
                "max change": max(change),
                "gradient": statistics.median(gradient),
                "max gradient": max(gradient),
            }
            rows.append(row)
            numbers = "".join(f"{value:>14.3g}" for value in list(row.values())[3:])
            print(f"{kind:<10} {normalization:<12} {affinity:<9}{numbers}", flush=True)
    write_result("random_walk_stability", rows, draws=arguments.draws, frames=arguments.frames, width=arguments.width)


if __name__ == "__main__":
    main()
