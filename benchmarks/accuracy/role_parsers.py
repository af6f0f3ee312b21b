"""HGR trained and tested with the role graphs of each parser: MovingScenes (gold, rules, neural), MSVD (rules, neural).

    python benchmarks/accuracy/role_parsers.py [--seeds 3] --root ../shared/data/msvd98

Written down on 21 November 2026 before any figure of these runs was seen. MovingScenes: clips, model and training of
``hgr_setup.py``; the gold row is that benchmark's full model. MSVD: 57 clips with their first 20 captions train, 6
choose the epoch, 35 are ranked for each of their captions and the captions for each clip; no gold graphs exist. A row
trains, validates, ranks and answers with the graphs of one parser. Switch-roles accuracy: the share of pairs (a clip,
a true caption, the same with two roles exchanged) whose true caption scores higher; MovingScenes' own pairs, and pairs
made by ``graphvtr perturb`` from the rules' graphs. Intervals resample clips. Finished runs are kept.
"""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib.harness import write_result
from benchmarks.lib.hgr_setup import CLIPS, HGR, ROWS, TRAIN, command_line, printed_to, scenes
from benchmarks.lib.runs import Runs, print_table
from benchmarks.lib.trials import Trial, Trials
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.parsing import parse_captions
from graphvtr.metrics import percentiles
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.binary import TIE, BinaryPair, binary_margins, own_pairs
from graphvtr.tasks.checkpoint import load
from graphvtr.text.perturb import perturb
from graphvtr.text.word_vectors import load_word_vectors

SWITCH = "switch roles"
GOLD = "gold"
MSVD_TRAIN = {"epochs": 8, "batch_size": 64, "lr": 5e-4, "schedule": "cosine", "clip_grad": 2.0}
MSVD_HGR = {**HGR, "hidden": 128, "word_dim": 50}
CAPTIONS = 20
Splits = dict[str, RetrievalDataset]


def parsed(splits: Splits, parser: str) -> Splits:
    """The splits with the graphs of a parser."""
    if parser == GOLD:
        return splits
    found = {}
    for name, split in splits.items():
        found[name] = copy.copy(split)
        found[name].role_graphs = parse_captions(split.captions, DataSource(parser=parser))
    return found


def agreement(one: RetrievalDataset, other: RetrievalDataset) -> float:
    """Share of captions, in per cent, whose graphs have the same nodes and edges."""
    return 100 * float(
        np.mean([_nodes(a) == _nodes(b) for a, b in zip(one.role_graphs, other.role_graphs, strict=True)])
    )


def _nodes(graph: Any) -> tuple[Any, ...]:
    actions = [tuple(graph.span("action", node)) for node in range(graph.num_actions)]
    entities = [(role, tuple(graph.span("entity", node))) for node, role in enumerate(graph.role_names())]
    pairs = graph["entity", "fills", "action"].edge_index.t().tolist()
    return set(actions), set(entities), {(entities[entity], actions[action]) for entity, action in pairs}


def switch_accuracy(trials: Trials, trial: Trial, seeds: range, pairs: list[BinaryPair], parser: str) -> dict[str, Any]:
    """Mean over seeds, in per cent, with its interval over clips, and every seed's."""
    test = trials.splits["test"]
    graphs = [
        parse_captions([pair.positive for pair in pairs], DataSource(parser=parser)),
        parse_captions([pair.negative for pair in pairs], DataSource(parser=parser)),
    ]
    return _shares(trials, trial, seeds, pairs, test, *graphs)


def _shares(
    trials: Trials, trial: Trial, seeds: range, pairs: list[BinaryPair], test: RetrievalDataset, *graphs: Any
) -> dict[str, Any]:
    hits = []
    for seed in seeds:
        model = load(trials.result(trial, seed).checkpoint)
        vocabulary = model.vocabulary
        margins: Tensor = binary_margins(
            model, test, [pair.video for pair in pairs], *graphs, vocabulary or trials.vocabulary
        )
        hits.append((margins > TIE).double().numpy())
    clips = {video: row for row, video in enumerate(dict.fromkeys(pair.video for pair in pairs))}
    cell = np.array([clips[pair.video] for pair in pairs])
    count, right = np.bincount(cell), np.bincount(cell, np.mean(hits, 0))
    drawn = np.random.default_rng(0).multinomial(len(clips), np.full(len(clips), 1 / len(clips)), 1000)
    return {
        "value": 100 * float(np.mean(hits)),
        "interval": percentiles(100 * (drawn @ right) / (drawn @ count)),
        "seeds": [100 * float(np.mean(one)) for one in hits],
        "pairs": len(pairs),
    }


def on_scenes(seeds: range, tiny: bool) -> dict[str, Any]:
    """The rows of MovingScenes."""
    clips = {"train": 12, "val": 6, "test": 6} if tiny else {name: CLIPS[name] for name in CLIPS}
    splits = scenes(clips, **({"num_clips": 60} if tiny else {}))
    trial = Trial(**{**vars(ROWS["full HGR model"]), **({"train": {**TRAIN, "epochs": 1}} if tiny else {})})
    whole = scenes({"test": 10**6}, **({"num_clips": 60} if tiny else {}))["test"]
    every, positives, negatives = own_pairs(whole)
    assert positives is not None
    assert negatives is not None
    chosen = [index for index, pair in enumerate(every) if pair.kind == SWITCH and pair.video in splits["test"].videos]
    pairs = [every[index] for index in chosen]
    runs: dict[str, Runs] = {}
    rows: dict[str, Any] = {}
    for parser in (GOLD, "spacy", "neural"):
        # the same key as the ablations' for gold, whose runs are taken from there
        data = {"dataset": "moving_scenes", "clips": {name: len(split.videos) for name, split in splits.items()}}
        data |= {} if parser == GOLD else {"parser": parser}
        own = parsed(splits, parser)
        score = [name for name in ("val", "test", "test_unseen") if name in splits]
        trials = Trials("hgr_scenes", own, make_vocabulary(own["train"]), data=data, score=score)
        runs[parser] = trials.runs(trial, seeds, "test")
        if parser == GOLD:
            stores = (positives.subset(chosen), negatives.subset(chosen))
            found = _shares(trials, trial, seeds, pairs, splits["test"], *stores)
        else:
            found = switch_accuracy(trials, trial, seeds, pairs, parser)
        same = agreement(own["test"], splits["test"])
        rows[parser] = {"rsum": runs[parser].summary()["rsum"], SWITCH: found, "graphs equal to gold": same}
    return finish("MovingScenes/test", runs, rows, GOLD)


def msvd_splits(root: Path, store: Path, captions: int = CAPTIONS) -> Splits:
    """The clips at hand of the official splits, training captions cut, with the graphs of the rules."""
    options = {"train": {"max_captions": captions}, "val": {}, "test": {}}
    return {
        name: build_dataset("msvd", name, DataSource(root=root, store=store, options=own))
        for name, own in options.items()
    }


def msvd_trials(splits: Splits, parser: str, captions: int, store: Path) -> Trials:
    """The runs on MSVD with the graphs of one parser; ``binary_selection.py`` asks them too."""
    own = parsed(splits, parser)
    data = {"dataset": "msvd98", "captions": {"max_captions": captions}, "parser": parser, "features": store.name}
    vectors = load_word_vectors("glove-package")
    return Trials("hgr_msvd_parsers", own, make_vocabulary(own["train"]), data=data, vectors=vectors)


def on_msvd(root: Path, store: Path, seeds: range, tiny: bool) -> dict[str, Any]:
    """The rows of MSVD."""
    captions = 2 if tiny else CAPTIONS
    splits = msvd_splits(root, store, captions)
    test = splits["test"]
    pairs = list(perturb(test.videos, test.video_of_caption, test.role_graphs, kinds=[SWITCH], per_video=5))
    trial = Trial("HGR", "hgr", MSVD_HGR, {**MSVD_TRAIN, **({"epochs": 1} if tiny else {})})
    runs: dict[str, Runs] = {}
    rows: dict[str, Any] = {}
    for parser in ("spacy", "neural"):
        trials = msvd_trials(splits, parser, captions, store)
        runs[parser] = trials.runs(trial, seeds, "test")
        same = agreement(trials.splits["test"], splits["test"])
        rows[parser] = {
            "rsum": runs[parser].summary()["rsum"],
            SWITCH: switch_accuracy(trials, trial, seeds, pairs, parser),
            "graphs equal to the rules'": same,
        }
    return finish("MSVD, 35 test clips", runs, rows, "spacy")


def finish(title: str, runs: dict[str, Runs], rows: dict[str, Any], base: str) -> dict[str, Any]:
    """Print a dataset's rows and the differences from ``base``."""
    print_table(title, runs)
    for parser, row in rows.items():
        low, high = row[SWITCH]["interval"]
        same = next(value for key, value in row.items() if key.startswith("graphs"))
        print(
            f"{parser:8} switch roles {row[SWITCH]['value']:.1f} [{low:.1f}, {high:.1f}] % of {row[SWITCH]['pairs']} "
            f"pairs; {same:.1f} % of the captions' graphs are {base}'s"
        )
    for parser in rows:
        if parser != base:
            rows[parser]["rsum less " + base] = found = runs[parser].difference(runs[base])
            low, high = found["interval"]
            print(f"rsum of {parser} less {base}: {found['mean']:+.1f} [{low:+.1f}, {high:+.1f}]")
    return rows


def main() -> None:
    parser = command_line(__doc__)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.manual_seed(0)
    seeds = range(arguments.seeds)
    if arguments.tiny:
        on_msvd(arguments.root, arguments.store, seeds, True)
        on_scenes(seeds, True)
        return
    with printed_to("role_parsers"):
        rows = {
            "msvd98": on_msvd(arguments.root, arguments.store, seeds, False),
            "moving_scenes": on_scenes(seeds, False),
        }
    settings = {"scenes": TRAIN, "msvd": {"train": MSVD_TRAIN, "model": MSVD_HGR, "captions": CAPTIONS}}
    write_result("role_parsers", rows, settings=settings, seeds=arguments.seeds)


if __name__ == "__main__":
    main()
