"""Do explanations agree with deletions? The row "HGR" of ``benchmarks/scenes.py`` as it stands there, untuned, seed 0.

    python benchmarks/accuracy/explanations.py [--captions 100]

For captions drawn at random with their own clips: the rank correlation (Spearman) between an explanation and how much
the score falls when each word is taken out of the caption, or each node's vector is set to 0; mean over captions with
a 95 % bootstrap interval over captions, beside random explanations (chance: 0). And how often the word or node that
the explanation names first is the one whose deletion costs most.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from torch_geometric.explain import GNNExplainer

from benchmarks import scenes
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.scenes_rows import STUDIES
from graphvtr.nn.explain import deletion_drops, explain_caption
from graphvtr.tasks.checkpoint import load


def spearman(one: torch.Tensor, other: torch.Tensor) -> float:
    ranks = torch.stack([x.argsort().argsort().double() for x in (one, other)])
    return float(torch.corrcoef(ranks)[0, 1])


def summary(values: list[float], hits: list[bool]) -> dict[str, Any]:
    found = np.array(values)
    drawn = np.random.default_rng(0).integers(len(found), size=(1000, len(found)))
    low, high = np.percentile(found[drawn].mean(1), [2.5, 97.5])
    return {"correlation": float(found.mean()), "interval": [float(low), float(high)], "first": float(np.mean(hits))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=100)
    parser.add_argument("--gnn-explainer", type=int, default=10, metavar="N", help="captions also by GNNExplainer")
    arguments = parser.parse_args()
    trials = scenes.study(scenes.worlds(False), False)
    explained = next(trial for trial in STUDIES["hgr"] if trial.name == "HGR")
    model = load(trials.result(explained, 0).checkpoint)
    vocabulary = model.require_vocabulary()
    test = trials.splits["test"]
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(test), generator=generator)[: arguments.captions].tolist()
    rows: dict[str, dict[str, Any]] = {}
    with printed_to("explanations"):
        print(f"MovingScenes/test, {len(chosen)} captions with their own clips; chance is a correlation of 0\n")
        print(f"{'':<36}correlation with deletion [95 %]   first alike")
        for what in ("words", "nodes"):
            kinds: dict[str, tuple[list[float], list[bool]]] = {}
            for place, position in enumerate(chosen):
                graph = vocabulary.encode(test.role_graphs[position])
                clip = model.encode_video(test.video_graphs[int(test.video_of_caption[position])]).detach()
                drops = deletion_drops(model, graph, clip, what)
                masks = {
                    "gradient times input": explain_caption(model, graph, clip, what).node_mask.squeeze(-1),
                    "random": torch.rand(len(drops), generator=generator),
                }
                if place < arguments.gnn_explainer and what == "nodes":
                    found = explain_caption(model, graph, clip, what, GNNExplainer(epochs=100))
                    masks["GNNExplainer"] = found.node_mask.squeeze(-1)
                for name, mask in masks.items():
                    values, hits = kinds.setdefault(name, ([], []))
                    values.append(spearman(mask, drops))
                    hits.append(int(mask.argmax()) == int(drops.argmax()))
            for name, (values, hits) in kinds.items():
                row = rows[f"{what}, {name} ({len(values)})"] = summary(values, hits)
                low, high = row["interval"]
                label = f"{what}, {name} ({len(values)})"
                print(f"{label:<36}{row['correlation']:+.3f} [{low:+.3f}, {high:+.3f}]{row['first']:>17.0%}")
    write_result("explanations", rows, captions=len(chosen))


if __name__ == "__main__":
    main()
