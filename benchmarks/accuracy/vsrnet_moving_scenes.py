"""VSR-Net's variants on MovingScenes: who does what to whom and in which order; sweeps of L and of lambda.

    python benchmarks/accuracy/vsrnet_moving_scenes.py                # the six rows of Table 1
    python benchmarks/accuracy/vsrnet_moving_scenes.py --sweeps       # Figures 5 and 6 at small size

Beside retrieval of the test clips, each caption has to beat a wrong one of the same words or nearly so:

- ``order``: *X chases Y before it hits Z* with *before* and *after* exchanged
- ``roles``: who acts and who is acted upon exchanged (*the ball chases the box*, *the box chases the ball*)
- ``actions``: another action of the same things; ``persons``: another thing, where nothing but what is there counts

A guess is right half of the time; for order the accuracy is the mean over *before* and *after*, so that it takes a look
at the clip to be better. ``after`` and ``before`` queries are ranked on their own as well. Settings were written down
before the first test figure was looked at.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trial, Trials
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.metrics import percentiles
from graphvtr.nn import RetrievalModel
from graphvtr.nn.models.vsrnet import PRESETS
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import make_vocabulary

TRAIN = {
    "epochs": 15,
    "batch_size": 64,
    "lr": 2e-3,
    "schedule": "cosine",
    "clip_grad": 2.0,
    "captions_per_video": "one",
}
MODEL = {"hidden": 96, "num_layers": 1, "heads": 4, "mlp_ratio": 2.0, "dropout": 0.1}
ROWS = [Trial(name, "vsrnet", {**MODEL, **preset}, TRAIN) for name, preset in PRESETS.items()]
SWEEP_MODEL = {"hidden": 64, "num_layers": 1, "heads": 4, "mlp_ratio": 2.0, "dropout": 0.1}
LAYERS = (1, 2, 3, 4, 5, 6)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
KINDS = {"roles": "switch roles", "actions": "replace actions", "persons": "replace persons"}
EXCHANGED = {"before": "after", "after": "before"}


@dataclass(frozen=True)
class Questions:
    """Pairs of a true caption and a wrong one.

    Args:
        clip: [Q], what is looked at.
        caption: [Q], the true caption's position.
        wrong: Q graphs.
        group: [Q], accuracies are means over groups.
    """

    clip: Tensor
    caption: Tensor
    wrong: list[RoleGraph]
    group: np.ndarray


def order_questions(test: MovingScenes) -> Questions:
    """Captions with one *before* or *after*, and the same ones with the other word."""
    captions, wrong, group = [], [], []
    for position, graph in enumerate(test.role_graphs):
        words = graph.words
        places = [place for place, word in enumerate(words) if word in EXCHANGED]
        if len(places) != 1 or graph.caption.split().count(words[places[0]]) != 1:
            continue
        said = words[places[0]]
        words[places[0]] = EXCHANGED[said]
        graph["word"].text = words
        graph.caption = " ".join(EXCHANGED.get(word, word) for word in graph.caption.split())
        captions.append(position)
        wrong.append(graph)
        group.append(said)
    index = torch.tensor(captions)
    return Questions(test.video_of_caption[index], index, wrong, np.array(group))


def negative_questions(test: MovingScenes, kind: str) -> Questions:
    """The dataset's hard negatives of one kind."""
    rows = [row for row, negative in enumerate(test.negatives) if negative["kind"] == kind]
    caption = test.caption_of_negative[rows]
    wrong = [test.negative_graphs[row] for row in rows]
    return Questions(test.video_of_caption[caption], caption, wrong, np.zeros(len(rows)))


def answer(model: RetrievalModel, test: MovingScenes, scores: Tensor, asked: Questions, vocabulary: Any) -> np.ndarray:
    """Whether the true caption wins, [Q]."""
    graphs = vocabulary.encode_store(GraphStore.from_graphs(asked.wrong)).mapped(model.transform_text)
    videos = test.video_graphs.mapped(model.transform_video)
    with torch.inference_mode():
        text, video = encode_texts(model, graphs), encode_videos(model, videos)
        wrong = model.similarity(video, text).gather(0, asked.clip[None])[0]
    return (scores[asked.clip, asked.caption] > wrong).double().numpy()


def share_right(right: np.ndarray, group: np.ndarray, rows: np.ndarray) -> float:
    """Per cent, mean over groups, of the questions at ``rows``."""
    right, group = right[rows], group[rows]
    return float(np.mean([right[group == one].mean() for one in np.unique(group)]) * 100)


def resampled(right: np.ndarray, asked: Questions, samples: int = 1000) -> np.ndarray:
    """:func:`share_right` over clips drawn with all of their questions."""
    rng = np.random.default_rng(0)
    clip = asked.clip.numpy()
    rows_of = {one: np.flatnonzero(clip == one) for one in np.unique(clip)}
    clips = list(rows_of)
    draws = (np.concatenate([rows_of[c] for c in rng.choice(clips, len(clips))]) for _ in range(samples))
    return np.array([share_right(right, asked.group, rows) for rows in draws])


def open_data(clips: int, frames: int) -> tuple[dict[str, MovingScenes], dict[str, Any]]:
    """The splits and what decides them."""
    data = {"num_clips": clips, "num_frames": frames, "seed": 0}
    return {split: MovingScenes(None, split, **data) for split in ("train", "val", "test")}, data


def table(arguments: argparse.Namespace) -> None:
    """The six rows."""
    splits, data = open_data(arguments.clips, 16)
    vocabulary, test = make_vocabulary(splits["train"]), splits["test"]
    trials = Trials("vsrnet_moving_scenes", splits, vocabulary, data=data)
    asked = {"order": order_questions(test)}
    asked |= {name: negative_questions(test, kind) for name, kind in KINDS.items()}
    queries = torch.tensor([place for place, words in enumerate(test.words()) if {"before", "after"} & set(words)])
    models = {"chance": chance_runs(test.video_of_caption, len(test.videos))}
    right: dict[str, dict[str, np.ndarray]] = {}
    ordered: dict[str, float] = {}
    for trial in ROWS:
        trial = replace(trial, train={**TRAIN, "epochs": arguments.epochs or TRAIN["epochs"]})
        results = [trials.result(trial, seed) for seed in range(arguments.seeds)]
        scores = [result.scores["test"] for result in results]
        models[trial.name] = Runs.of(scores, test.video_of_caption)
        ordered[trial.name] = float(np.mean([recall(one, queries, test.video_of_caption) for one in scores]))
        right[trial.name] = {}
        for name, questions in asked.items():
            answers = [
                answer(load(result.checkpoint), test, result.scores["test"], questions, vocabulary)
                for result in results
            ]
            right[trial.name][name] = np.mean(answers, axis=0)
    report(arguments, models, right, asked, ordered, len(queries), data)


def recall(scores: Tensor, queries: Tensor, owner: Tensor, k: int = 10) -> float:
    """Recall at k of some captions among all clips."""
    columns, clips = scores[:, queries], owner[queries]
    better = (columns >= columns.gather(0, clips[None])).sum(0)
    return float((better <= k).double().mean() * 100)


def report(
    arguments: argparse.Namespace,
    models: dict[str, Runs],
    right: dict[str, dict[str, np.ndarray]],
    asked: dict[str, Questions],
    ordered: dict[str, float],
    queries: int,
    data: dict[str, Any],
) -> None:
    """Print and write the tables."""
    print_table(f"MovingScenes, {arguments.clips} clips, {arguments.seeds} seeds", models)
    rows: dict[str, Any] = {name: {"retrieval": runs.summary()} for name, runs in models.items()}
    everything = {name: np.arange(len(questions.wrong)) for name, questions in asked.items()}
    draws = {
        model: {name: resampled(one, asked[name]) for name, one in found.items()} for model, found in right.items()
    }
    counts = ", ".join(f"{len(questions.wrong)} {name}" for name, questions in asked.items())
    print(f"\nright of {counts}; R@10 of {queries} order queries")
    for model, found in right.items():
        parts = []
        for name, one in found.items():
            mean, interval = share_right(one, asked[name].group, everything[name]), percentiles(draws[model][name])
            rows[model][name] = {"mean": mean, "interval": interval}
            parts.append(f"{name} {mean:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]")
        rows[model]["order queries, t2v R@10"] = ordered[model]
        print(f"{model:8} {'  '.join(parts)}  R@10 {ordered[model]:.1f}")
    differences: dict[str, Any] = {}
    for other in ("VG", "VR_st", "VG+VR_m", "VG+VR_s", "VG+VR_t"):
        pair = f"full less {other}"
        differences[pair] = {"rsum": models["full"].difference(models[other])}
        for name in asked:
            one, two = (rows[model][name]["mean"] for model in ("full", other))
            change = draws["full"][name] - draws[other][name]
            differences[pair][name] = {"mean": one - two, "interval": percentiles(change)}
        line = (
            f"{k} {v['mean']:+.1f} [{v['interval'][0]:+.1f}, {v['interval'][1]:+.1f}]"
            for k, v in differences[pair].items()
        )
        print(f"{pair}: {'  '.join(line)}")
    if not arguments.epochs:
        write_result(
            "vsrnet_moving_scenes",
            rows,
            differences=differences,
            data=data,
            questions={name: len(questions.wrong) for name, questions in asked.items()},
            order_queries=queries,
            settings={"model": MODEL, "train": TRAIN, "seeds": arguments.seeds},
        )


def sweeps(arguments: argparse.Namespace) -> None:
    """L = 1..6 with lambda 1/2, and lambda = 0..1 with L = 1."""
    splits, data = open_data(arguments.sweep_clips, 12)
    vocabulary, owner = make_vocabulary(splits["train"]), splits["test"].video_of_caption
    trials = Trials("vsrnet_sweeps", splits, vocabulary, data=data)
    train = {**TRAIN, "epochs": arguments.epochs or arguments.sweep_epochs}

    def run(options: dict[str, float]) -> dict[str, Any]:
        trial = Trial(str(options), "vsrnet", {**SWEEP_MODEL, **options}, train)
        return trials.runs(trial, range(arguments.sweep_seeds)).summary()

    found = {
        "L": {str(layers): run({"num_layers": layers}) for layers in LAYERS},
        "lambda": {str(share): run({"relation_weight": share}) for share in SHARES},
    }
    for name, rows in found.items():
        for value, summary in rows.items():
            (low, high), mean = summary["rsum"]["interval"], summary["rsum"]["mean"]
            print(f"{name} {value}: R@10 {summary['t2v R@10']['mean']:.1f}, rsum {mean:.1f} [{low:.1f}, {high:.1f}]")
    chance = chance_runs(owner, len(splits["test"].videos)).summary()
    if not arguments.epochs:
        write_result(
            "vsrnet_sweeps",
            found,
            chance=chance,
            data=data,
            settings={"model": SWEEP_MODEL, "train": train, "seeds": arguments.sweep_seeds},
        )
        draw(found, chance, RESULTS / "vsrnet_sweeps.png")


def draw(found: dict[str, dict[str, Any]], chance: dict[str, Any], path: Path) -> None:
    """Figures 5 and 6: text-to-video R@10 over L and over lambda, with intervals over queries."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    for ax, (name, label) in zip(
        axes, (("L", "blocks a branch, L"), ("lambda", "share of the relation branch, λ")), strict=True
    ):
        x = [float(value) for value in found[name]]
        metric = [summary["t2v R@10"] for summary in found[name].values()]
        mean = np.array([one["mean"] for one in metric])
        low, high = np.array([one["interval"] for one in metric]).T
        ax.fill_between(x, low, high, color="#56B4E9", alpha=0.3, linewidth=0, label="95 % over queries")
        ax.plot(x, mean, "o-", color="#0072B2", label="mean over seeds")
        for place, one in zip(x, metric, strict=True):
            ax.plot([place] * len(one["seeds"]), one["seeds"], ".", color="#555555", markersize=4)
        ax.axhline(chance["t2v R@10"]["mean"], color="#999999", linestyle=":", label="chance")
        ax.set_xlabel(label)
        ax.set_xticks(x)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("text to video, R@10")
    axes[0].set_ylim(bottom=0)
    axes[1].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", action="store_true")
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sweep-clips", type=int, default=600)
    parser.add_argument("--sweep-seeds", type=int, default=2)
    parser.add_argument("--sweep-epochs", type=int, default=20)
    parser.add_argument("--epochs", type=int, help="fewer, to try the script out; nothing is written")
    arguments = parser.parse_args()
    run: Callable[[argparse.Namespace], None] = sweeps if arguments.sweeps else table
    run(arguments)


if __name__ == "__main__":
    main()
