"""Fine-grained binary selection (HGR, Table 6) on MovingScenes' negatives, and on perturbed captions of MSVD.

    python benchmarks/accuracy/binary_selection.py --root ../shared/data/msvd98 --regions STORE --store STORE

MovingScenes: the checkpoints of ``hgr_setup.py`` (``ablation_hgr.py --train-only`` trains them). The five kinds of
pairs are made on the scripts of the clips, so that a negative is wrong for certain. Parsers: the captions' gold graphs,
as in training, and the graphs of the parsers on the same text.

MSVD: the checkpoints of ``common_msvd.py`` (regions of its store, a missing one is trained) on its 35 test clips. The
pairs are those that ``graphvtr perturb --per_video 5`` makes of the clips' captions by the rules' graphs; people have
not checked them, so that some negatives are true or odd and no model can reach 100. Rows read the graphs of the rules,
as in training; HGR also those of the neural parser; and the two HGR of ``role_parsers.py``, of which each is trained
and asked with the graphs of one parser.

Means over seeds, their number in brackets; intervals resample clips with all of their pairs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.accuracy import common_msvd
from benchmarks.accuracy.role_parsers import CAPTIONS, MSVD_HGR, MSVD_TRAIN, msvd_splits, msvd_trials
from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.hgr_setup import CLIPS, ROWS, TRAIN, command_line, printed_to, scene_trials, scenes
from benchmarks.lib.paths import CACHE
from benchmarks.lib.runs import percentiles
from benchmarks.lib.tables import print_shares
from benchmarks.lib.trials import Trial, Trials
from benchmarks.published import find, table_text
from graphvtr.datasets import DataSource
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.datasets.parsing import parse_captions
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.tasks.binary import TIE, BinaryPair, binary_margins, own_pairs
from graphvtr.tasks.checkpoint import load
from graphvtr.text import PARSERS
from graphvtr.text.pairs import KINDS
from graphvtr.text.perturb import perturb

Stores = tuple[GraphStore[RoleGraph], GraphStore[RoleGraph]]
FULL = "full HGR model"
PER_VIDEO = 5


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
    per_seed = [
        float(np.mean([100 * (m[cell % len(KINDS) == i] > TIE).float().mean() for i in range(len(KINDS))]))
        for m in margins
    ]
    found["average"] = {"value": float(values.mean()), "interval": percentiles(shares.mean(1)), "seeds": per_seed}
    return found


def margins_of(
    trials: Trials, trial: Trial, seeds: Iterable[int], pairs: list[BinaryPair], stores: Stores
) -> list[Tensor]:
    """Of every seed of a row, on the test clips."""
    out = []
    for seed in seeds:
        model = load(trials.result(trial, seed).checkpoint)
        vocabulary = model.vocabulary
        videos = [pair.video for pair in pairs]
        out.append(binary_margins(model, trials.splits["test"], videos, *stores, vocabulary or trials.vocabulary))
    return out


def parsed_stores(pairs: list[BinaryPair], parser: str) -> Stores:
    """The graphs of the positives and of the negatives by a parser."""
    source = DataSource(parser=parser)
    return tuple(  # type: ignore[return-value]
        parse_captions([getattr(pair, side) for pair in pairs], source) for side in ("positive", "negative")
    )


def print_rows(title: str, rows: dict[str, dict[str, Any]]) -> None:
    """A column a kind."""
    print(f"\n{title}")
    print_shares({name: {kind: row[kind] for kind in (*KINDS, "average")} for name, row in rows.items()})


def draw(tables: dict[str, dict[str, dict[str, Any]]]) -> None:
    """A row of panels a dataset, a panel a kind, a dot a model."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = (*KINDS, "average")
    heights = [len(rows) + 2 for rows in tables.values()]
    figure, grid = plt.subplots(
        len(tables),
        len(columns),
        figsize=(13, 0.28 * sum(heights)),
        sharey="row",
        sharex=True,
        layout="constrained",
        height_ratios=heights,
    )
    for axes, (name, rows) in zip(grid, tables.items(), strict=True):
        for ax, kind in zip(axes, columns, strict=True):
            for position, row in enumerate(reversed(rows.values())):
                ax.plot(row[kind]["interval"], [position, position], color="#555555", linewidth=1.5)
                ax.plot(row[kind]["value"], position, "o", color="#0072B2", markersize=5)
            ax.axvline(50, color="#D55E00", linewidth=1, linestyle="--")
            ax.set_title(kind, fontsize=9)
            ax.set_yticks(range(len(rows)), list(reversed(rows)), fontsize=8)
            ax.tick_params(axis="x", labelsize=8, labelbottom=True)
        axes[0].set_ylabel(name, fontsize=10, fontweight="bold")
    figure.supxlabel("accuracy, % (dashed: chance)", fontsize=9)
    figure.savefig(RESULTS / "binary_selection.png", dpi=130)
    plt.close(figure)


def on_scenes(seeds: range, parsers: list[str], tiny: bool) -> dict[str, dict[str, Any]]:
    """The rows of MovingScenes, printed."""
    clips = {"train": 12, "val": 6, "test": 6, "test_unseen": 6} if tiny else CLIPS
    options = {"num_clips": 60} if tiny else {}
    splits = scenes(clips, **options)
    trials = scene_trials(splits)
    if tiny:
        splits["test"] = MovingScenes(None, "test", progress=False, **options)  # cut splits have lost their negatives
    pairs, positives, negatives = own_pairs(splits["test"])
    if positives is None or negatives is None:
        raise AssertionError("MovingScenes has gold graphs")
    rows: dict[str, dict[str, Any]] = {}
    for name, trial in ROWS.items():
        if done := trials.finished(trial, seeds):
            found = margins_of(trials, trial, done, pairs, (positives, negatives))
            rows[f"{name} ({len(done)})"] = accuracies(found, pairs)
    done = trials.finished(ROWS[FULL], seeds)
    for parser in parsers if done else ():
        found = margins_of(trials, ROWS[FULL], done, pairs, parsed_stores(pairs, parser))
        rows[f"{FULL}, {parser} graphs ({len(done)})"] = accuracies(found, pairs)
    where = f"MovingScenes/test, {len(splits['test'].videos)} clips, {len(pairs)} pairs"
    print_rows(f"{where}:\naccuracy in % [95 % over clips], chance 50; in brackets: seeds", rows)
    return rows


def on_msvd(root: Path, regions: Path, store: Path, seeds: range, parsers: list[str]) -> dict[str, dict[str, Any]]:
    """The rows of MSVD, printed."""
    trials = common_msvd.trials_of(common_msvd.load(root, regions))
    test = trials.splits["test"]
    pairs = list(perturb(test.videos, test.video_of_caption, test.role_graphs, per_video=PER_VIDEO))
    stores = {parser: parsed_stores(pairs, parser) for parser in dict.fromkeys(("spacy", *parsers))}
    rows: dict[str, dict[str, Any]] = {}
    for name, trial in common_msvd.ROWS.items():
        rows[f"{name} ({len(seeds)})"] = accuracies(margins_of(trials, trial, seeds, pairs, stores["spacy"]), pairs)
    for parser in parsers:
        if parser != "spacy":
            found = margins_of(trials, common_msvd.ROWS["HGR"], seeds, pairs, stores[parser])
            rows[f"HGR, {parser} graphs ({len(seeds)})"] = accuracies(found, pairs)
    splits = msvd_splits(root, store)
    trial = Trial("HGR", "hgr", MSVD_HGR, MSVD_TRAIN)
    for parser in parsers:
        found = margins_of(msvd_trials(splits, parser, CAPTIONS, store), trial, seeds, pairs, stores[parser])
        rows[f"HGR trained on {parser} graphs ({len(seeds)})"] = accuracies(found, pairs)
    where = f"MSVD, {len(test.videos)} test clips, {len(pairs)} pairs that nobody has checked"
    print_rows(f"{where}:\naccuracy in % [95 % over clips], chance 50; in brackets: seeds", rows)
    return rows


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--regions", type=Path, default=CACHE / "msvd98_fastestdet", help="store of common_msvd.py")
    parser.add_argument("--parsers", nargs="*", default=[name for name in ("spacy", "neural") if name in PARSERS])
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    seeds = range(arguments.seeds)
    if arguments.tiny:
        on_scenes(seeds, arguments.parsers, True)
        return
    with printed_to("binary_selection"):
        tables = {
            "MovingScenes": on_scenes(seeds, arguments.parsers, False),
            "MSVD": on_msvd(arguments.root, arguments.regions, arguments.store, seeds, arguments.parsers),
        }
        print(f"\nThe paper's:\n{table_text(find('hgr', table='6'))}")
    draw(tables)
    settings = {
        "MovingScenes": {"train": TRAIN, "clips": CLIPS},
        "MSVD": {**common_msvd.SETTINGS, "train": common_msvd.TRAIN, "per_video": PER_VIDEO},
    }
    write_result("binary_selection", tables, settings=settings, seeds=arguments.seeds)


if __name__ == "__main__":
    main()
