"""Fine-grained binary selection (HGR, Table 6) on MovingScenes' negatives, and on perturbed captions of MSVD.

    python benchmarks/binary_selection.py [--seeds 3]

Models: the checkpoints of ``hgr_setup.py`` (``ablation_hgr.py --train-only`` trains them). The five kinds of
MovingScenes are made on the scripts of the clips, so that a negative is wrong for certain. Parsers: the captions'
gold graphs, as in training, and the graphs of the parsers on the same text. Means over seeds; intervals resample
clips with all of their pairs. A row may have fewer seeds than asked for; it says how many.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from typing import Any

import numpy as np
from accuracy import percentiles
from harness import RESULTS, write_result
from hgr_setup import CLIPS, ROWS, SEEDS, TRAIN, printed_to, scene_trials, scenes
from published import find, table_text
from torch import Tensor
from trials import Trials

from graphvtr.datasets import DataSource, RetrievalDataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.datasets.parsing import parse_captions
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.tasks.binary import TIE, BinaryPair, binary_margins, own_pairs
from graphvtr.tasks.checkpoint import load_checkpoint
from graphvtr.text import PARSERS
from graphvtr.text.pairs import KINDS

Stores = tuple[GraphStore[RoleGraph], GraphStore[RoleGraph]]
FULL = "full HGR model"


def accuracies(margins: list[Tensor], pairs: list[BinaryPair], samples: int = 1000) -> dict[str, Any]:
    """Mean over seeds of each kind and of their average, with intervals over clips."""
    clips = {video: row for row, video in enumerate(dict.fromkeys(pair.video for pair in pairs))}
    cell = np.array([clips[pair.video] * len(KINDS) + KINDS.index(pair.kind) for pair in pairs])
    shape, size = (len(clips), len(KINDS)), len(clips) * len(KINDS)
    count = np.bincount(cell, minlength=size).reshape(shape)
    hits = np.mean([np.bincount(cell, (m > TIE).numpy(), size).reshape(shape) for m in margins], 0)
    drawn = np.random.default_rng(0).multinomial(len(clips), np.full(len(clips), 1 / len(clips)), samples)
    shares = 100 * (drawn @ hits) / (drawn @ count)
    values = 100 * hits.sum(0) / count.sum(0)
    found = {
        kind: {"value": float(values[i]), "interval": percentiles(shares[:, i]), "pairs": int(count[:, i].sum())}
        for i, kind in enumerate(KINDS)
    }
    per_seed = [float(np.mean([100 * (m[cell % len(KINDS) == i] > TIE).float().mean() for i in range(len(KINDS))]))
                for m in margins]  # fmt: skip
    found["average"] = {"value": float(values.mean()), "interval": percentiles(shares.mean(1)), "seeds": per_seed}
    return found


def margins_of(trials: Trials, name: str, seeds: list[int], split: RetrievalDataset, pairs: list[BinaryPair],
               stores: Stores) -> list[Tensor]:  # fmt: skip
    """Of every seed of a row."""
    out = []
    for seed in seeds:
        model, vocabulary, _ = load_checkpoint(trials.result(ROWS[name], seed).checkpoint)
        videos = [pair.video for pair in pairs]
        out.append(binary_margins(model, split, videos, *stores, vocabulary or trials.vocabulary))
    return out


def print_rows(title: str, rows: dict[str, dict[str, Any]]) -> None:
    """A column a kind."""
    width = max(map(len, rows))
    print(f"\n{title}\n{'':{width}}  {'  '.join(f'{kind:>17}' for kind in (*KINDS, 'average'))}")
    for name, row in rows.items():
        cells = []
        for kind in (*KINDS, "average"):
            low, high = row[kind]["interval"]
            cells.append(f"{row[kind]['value']:5.1f} [{low:.0f}, {high:.0f}]".rjust(17))
        print(f"{name:{width}}  {'  '.join(cells)}")


def draw(rows: dict[str, dict[str, Any]]) -> None:
    """A panel a kind, a dot a model."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = (*KINDS, "average")
    figure, axes = plt.subplots(1, len(columns), figsize=(13, 0.9 + 0.3 * len(rows)), sharey=True, layout="constrained")
    for ax, kind in zip(axes, columns, strict=True):
        for position, row in enumerate(reversed(rows.values())):
            ax.plot(row[kind]["interval"], [position, position], color="#555555", linewidth=1.5)
            ax.plot(row[kind]["value"], position, "o", color="#0072B2", markersize=5)
        ax.axvline(50, color="#D55E00", linewidth=1, linestyle="--")
        ax.set_title(kind, fontsize=9)
        ax.set_yticks(range(len(rows)), list(reversed(rows)), fontsize=8)
        ax.tick_params(axis="x", labelsize=8)
    figure.supxlabel("accuracy, % (dashed: chance)", fontsize=9)
    figure.savefig(RESULTS / "binary_selection.png", dpi=130)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--parsers", nargs="*", default=[name for name in ("spacy", "neural") if name in PARSERS])
    parser.add_argument("--tiny", action="store_true", help="a check that everything runs; writes nothing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    clips = {"train": 12, "val": 6, "test": 6, "test_unseen": 6} if arguments.tiny else CLIPS
    options = {"num_clips": 60} if arguments.tiny else {}
    splits = scenes(clips, **options)
    trials = scene_trials(splits)
    if arguments.tiny:
        splits["test"] = MovingScenes(None, "test", progress=False, **options)  # cut splits have lost their negatives
    pairs, positives, negatives = own_pairs(splits["test"])
    if positives is None or negatives is None:
        raise AssertionError("MovingScenes has gold graphs")
    rows: dict[str, dict[str, Any]] = {}
    seeds_of = {name: trials.finished(trial, range(arguments.seeds)) for name, trial in ROWS.items()}
    with contextlib.nullcontext() if arguments.tiny else printed_to("binary_selection"):
        for name, seeds in seeds_of.items():
            if seeds:
                found = margins_of(trials, name, seeds, splits["test"], pairs, (positives, negatives))
                rows[f"{name} ({len(seeds)})"] = accuracies(found, pairs)
        parsed: dict[str, dict[str, Any]] = {}
        for kind in arguments.parsers:
            source = DataSource(parser=kind)
            stores = tuple(parse_captions([graph.caption for graph in side], source) for side in (positives, negatives))
            found = margins_of(trials, FULL, seeds_of[FULL], splits["test"], pairs, stores)  # type: ignore[arg-type]
            parsed[f"{FULL}, {kind} graphs"] = accuracies(found, pairs)
        where = f"MovingScenes/test, {len(splits['test'].videos)} clips, {len(pairs)} pairs; in brackets: seeds"
        print_rows(f"{where}: accuracy in %, [95 % over clips], chance 50", {**rows, **parsed})
        print(f"\nThe paper's:\n{table_text(find('hgr', table='6'))}")
    if not arguments.tiny:
        draw({**rows, **parsed})
        write_result("binary_selection", {**rows, **parsed}, settings={"train": TRAIN, "clips": clips}, seeds=seeds_of)


if __name__ == "__main__":
    main()
