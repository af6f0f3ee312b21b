"""Table 3 of ViSERN's paper and what goes beyond it, where distractors outnumber actors.

    python benchmarks/accuracy/ablation_visern.py [--seeds 3]
    python benchmarks/accuracy/ablation_visern.py --attention  # where trained models look: at actors or bystanders

Written down on 21 November 2026 before any test figure of these runs was seen: MovingScenes with six bystanders in
every clip (one to three things act), 12 frames, seed 0; the first 300 training clips (1,500 captions) train, all
validation clips choose the epoch and the affinity, all clips of ``test`` and ``test_unseen`` are ranked. Rows differ
in the reasoning layer alone. Table 3 is run with R as printed (``dot``) and with R made positive (``softplus``,
``exp``); location and temporal edges are added to the row with ``softplus``. Means over seeds, intervals over clips
with all of their captions, paired differences. Finished runs are kept, so that a run that was stopped goes on.

Then every trained model is looked at: how many rows of R nearly cancel, how large P and the change of the features
are, and how the norms of the gradient spread over batches, before training and after it.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import statistics
from typing import Any

import torch
from torch import Tensor

from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.hgr_setup import first_videos, printed_to
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trial, Trials
from benchmarks.published import find, table_text
from graphvtr.datasets import RetrievalDataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.graphs import VideoGraph
from graphvtr.nn import ViSERN
from graphvtr.nn.ragged import batch_to_ptr
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.prepare import build_model, prepare

SEEDS, TRAIN_CLIPS = 3, 300
DATA = {"num_clips": 800, "num_frames": 12, "distractors": 6, "seed": 0}
TRAIN = {"epochs": 8, "batch_size": 64, "lr": 1e-3, "schedule": "cosine", "clip_grad": 2.0}
MODEL = {
    "hidden": 128,
    "word_dim": 64,
    "video_rnn": 64,
    "text_rnn": 64,
    "filters": 48,
    "video_kernels": [2, 3],
    "text_kernels": [2, 3],
    "mining": "all",
}
SPLITS = ("test", "test_unseen")
REASONING: dict[str, dict[str, Any]] = {
    "no_reasoning": {"normalization": "none"},
    "row, dot": {"normalization": "row", "affinity": "dot"},
    "symmetric, dot": {"normalization": "symmetric", "affinity": "dot"},
    "random_walk, dot": {"normalization": "random_walk", "affinity": "dot"},
    "symmetric, softplus": {"normalization": "symmetric", "affinity": "softplus"},
    "random_walk, softplus": {"normalization": "random_walk", "affinity": "softplus"},
    "random_walk, exp": {"normalization": "random_walk", "affinity": "exp"},
    "random_walk, softplus, location": {"affinity": "softplus", "location": True},
    "random_walk, softplus, temporal": {"affinity": "softplus", "temporal": True},
}
ROWS = {name: Trial(name, "visern", {**MODEL, **options}, TRAIN) for name, options in REASONING.items()}
AFFINITIES = ("random_walk, dot", "random_walk, softplus", "random_walk, exp")
CLAIMS = (  # what the paper's Table 3 says, in its order of the rows
    ("row, dot", "no_reasoning"),
    ("symmetric, dot", "no_reasoning"),
    ("random_walk, dot", "no_reasoning"),
    ("random_walk, dot", "symmetric, dot"),
    ("random_walk, softplus", "no_reasoning"),
    ("random_walk, softplus", "random_walk, dot"),
    ("random_walk, softplus", "symmetric, softplus"),
    ("random_walk, exp", "random_walk, softplus"),
    ("random_walk, softplus, location", "random_walk, softplus"),
    ("random_walk, softplus, temporal", "random_walk, softplus"),
)


def scenes(tiny: bool) -> dict[str, RetrievalDataset]:
    """The splits; training is cut to its first clips."""
    options = {**DATA, "num_clips": 60} if tiny else DATA
    splits: dict[str, RetrievalDataset] = {
        split: MovingScenes(None, split, progress=False, **options) for split in ("train", "val", *SPLITS)
    }
    splits["train"] = first_videos(splits["train"], 20 if tiny else TRAIN_CLIPS)
    return splits


def outnumbered(dataset: MovingScenes) -> dict[str, float]:
    """Actors and bystanders a clip, and the share of clips with more bystanders than actors."""
    actors = [len(script.actors) for script in dataset.scripts]
    others = [len(script.bystanders) for script in dataset.scripts]
    more = [other > actor for actor, other in zip(actors, others, strict=True)]
    return {
        "actors": statistics.fmean(actors),
        "bystanders": statistics.fmean(others),
        "outnumbered": statistics.fmean(more),
    }


@torch.no_grad()
def look(model: ViSERN, batch: VideoGraph) -> dict[str, float]:
    """The reasoning layer on a batch: share of rows that nearly cancel, largest |P|, change of a frame."""
    region = batch["region"]
    ptr = batch_to_ptr(region.frame, int(batch["frame"].num_nodes))
    layer = model.reasoning.layers[0]
    x = region.x.float()
    score = layer.phi(x) @ layer.theta(x).T
    score = (score + score.T).masked_fill(region.frame[:, None] != region.frame, 0.0)
    small = score.sum(1).abs() < 0.05 * score.abs().sum(1)
    matrix = model.reasoning.transition(x, ptr=ptr, box=region.box if model.location else None)
    change = (model.reason(batch) - x).norm(dim=1) / x.norm(dim=1)
    return {
        "small": float(small.double().mean()) if layer.affinity == "dot" else 0.0,
        "largest": float(matrix.abs().max()),
        "change": float(change.median()),
        "max change": float(change.max()),
    }


def gradient_norms(model: ViSERN, dataset: RetrievalDataset, batches: list[Tensor]) -> list[float]:
    """Norm of the gradient of the reasoning layer's parameters on each batch of captions."""
    norms = []
    parameters = list(model.reasoning.parameters())
    for captions in batches:
        owner = dataset.video_of_caption[captions]
        videos, place = owner.unique(return_inverse=True)
        video = model.encode_video(dataset.video_graphs.batch(videos))
        text = model.encode_text(dataset.role_graphs.batch(captions))
        loss = model.loss(video, text, video_of_text=place)["loss"]
        norms.append(float(torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]).norm()))
    return norms


def stability(trials: Trials, name: str, seed: int) -> dict[str, dict[str, float]]:
    """What :func:`look` and the gradients show of a row before and after training, on validation clips."""
    torch.manual_seed(seed)
    fresh = build_model("visern", trials.splits["train"], trials.vocabulary, dict(ROWS[name].options))
    trained = load(trials.result(ROWS[name], seed).checkpoint)
    found = {}
    generator = torch.Generator().manual_seed(0)
    dataset = prepare(trials.splits["val"], fresh, trials.vocabulary)
    batches = list(torch.randperm(len(dataset.captions), generator=generator).split(32))
    for when, model in (("before", fresh), ("after", trained)):
        model.eval()
        clips = min(16, len(dataset.videos))
        seen = look(model, dataset.video_graphs.batch(torch.arange(clips)))
        norms = gradient_norms(model, dataset, batches)
        found[when] = {**seen, "gradient": statistics.median(norms), "max gradient": max(norms)}
    return found


def stability_table(trials: Trials, seeds: range) -> dict[str, Any]:
    """All rows that reason, printed: means over seeds, the largest over seeds for the maxima."""
    print("\nThe reasoning layer on 16 validation clips, and gradients of its parameters over batches of 32 captions")
    heads = ("small |D|", "largest |P|", "change", "max change", "gradient", "max gradient")
    print(f"{'':33}{'':8}" + "".join(f"{head:>13}" for head in heads) + "   val rsum by epoch")
    table: dict[str, Any] = {}
    for name in (row for row in ROWS if row != "no_reasoning"):
        runs = [stability(trials, name, seed) for seed in seeds]
        curves = [trials.result(ROWS[name], seed).val_rsum for seed in seeds]
        curve = [statistics.fmean(values) for values in zip(*curves, strict=True)]
        table[name] = {"val_rsum": curve}
        for when in ("before", "after"):
            values = {
                key: (max if "max" in key or key == "largest" else statistics.fmean)([run[when][key] for run in runs])
                for key in runs[0][when]
            }
            table[name][when] = values
            numbers = [f"{100 * values['small']:.2f} %", *(f"{values[key]:.3g}" for key in list(values)[1:])]
            tail = "   " + " ".join(f"{value:.0f}" for value in curve) if when == "after" else ""
            print(f"{name if when == 'before' else '':33}{when:8}" + "".join(f"{n:>13}" for n in numbers) + tail)
    return table


def split_table(trials: Trials, split: str, seeds: range) -> dict[str, Any]:
    """One split, printed: all rows and the paired differences that the paper's table claims."""
    dataset = trials.splits[split]
    rows: dict[str, Runs] = {name: trials.runs(trial, seeds, split) for name, trial in ROWS.items()}
    chance = {"chance": chance_runs(dataset.video_of_caption, len(dataset.videos))}
    print_table(f"MovingScenes/{split}, {len(dataset.videos)} clips, 6 bystanders, {len(seeds)} seeds", chance | rows)
    differences = {f"{one} less {other}": rows[one].difference(rows[other]) for one, other in CLAIMS}
    for name, found in differences.items():
        low, high = found["interval"]
        print(f"rsum of {name}: {found['mean']:+.1f} [{low:+.1f}, {high:+.1f}]")
    return {"rows": {name: runs.summary() for name, runs in rows.items()}, "differences": differences}


@torch.no_grad()
def attention_on_actors(trials: Trials, seeds: range) -> dict[str, list[float]]:
    """Section 4.5's map: its share on the actors of a frame over their share of the regions; 1 is even."""
    dataset = trials.splits["test"]
    actors = [torch.tensor(script.actors) for script in dataset.scripts]  # type: ignore[attr-defined]
    found: dict[str, list[float]] = {}
    for name, trial in ROWS.items():
        for seed in seeds:
            model = load(trials.result(trial, seed).checkpoint)
            ratios = []
            for clip, acting in enumerate(actors):
                graph = dataset.video_graphs[clip]
                region = graph["region"]
                acts = torch.isin(region.track, acting).float()
                share = torch.zeros(2, int(graph["frame"].num_nodes)).index_add(
                    1, region.frame, torch.stack([model.attention_map(graph) * acts, acts])
                )
                count = torch.bincount(region.frame, minlength=share.size(1))
                seen = share[1] > 0
                ratios.append(float((share[0] * count / share[1])[seen].mean()))
            found.setdefault(name, []).append(statistics.fmean(ratios))
    print("\nAttention map (section 4.5): share on the actors over their share of a frame's regions; 1: no preference")
    for name, values in found.items():
        print(f"  {name:33} {statistics.fmean(values):.2f}   {', '.join(f'{value:.2f}' for value in values)}")
    return found


def draw(results: dict[str, dict[str, Any]], seeds: int) -> None:
    """rsum of every row with its interval, a column a split."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(11, 4), sharey=True, layout="constrained")
    for ax, (split, found) in zip(axes, results.items(), strict=True):
        names = list(reversed(found["rows"]))
        for place, name in enumerate(names):
            row = found["rows"][name]["rsum"]
            ax.plot(row["interval"], [place, place], color="#555555", linewidth=1.5)
            ax.plot(row["seeds"], [place] * seeds, "|", color="#0072B2", markersize=9)
            ax.plot(row["mean"], place, "o", color="#D55E00" if "dot" in name else "#0072B2")
        ax.set_yticks(range(len(names)), names)
        ax.set_xlabel("rsum: mean, seeds (|), 95 % interval over clips")
        ax.set_title(f"MovingScenes/{split}, six bystanders (orange: R of any sign)", fontsize=9)
        ax.grid(axis="x", alpha=0.3)
    figure.savefig(RESULTS / "ablation_visern.png", dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--attention", action="store_true", help="of the trained models only where they look")
    parser.add_argument("--tiny", action="store_true", help="a minute's check that everything runs; writes nothing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    splits = scenes(arguments.tiny)
    data = {"dataset": "moving_scenes", **DATA, "clips": {name: len(split.videos) for name, split in splits.items()}}
    vocabulary = make_vocabulary(splits["train"])
    trials = Trials("visern_scenes", splits, vocabulary, data=data, score=("val", *SPLITS))
    seeds = range(arguments.seeds)
    for seed in seeds:  # a seed of every row before the next: a run that is stopped has all rows
        for trial in ROWS.values():
            trials.result(trial, seed)
    if arguments.attention:
        with contextlib.nullcontext() if arguments.tiny else printed_to("ablation_visern_attention"):
            attention_on_actors(trials, seeds)
        return
    results: dict[str, dict[str, Any]] = {}
    with contextlib.nullcontext() if arguments.tiny else printed_to("ablation_visern"):
        who = outnumbered(splits["test"])  # type: ignore[arg-type]
        print(
            f"A test clip has {who['actors']:.1f} actors and {who['bystanders']:.1f} bystanders; in "
            f"{100 * who['outnumbered']:.0f} % of the clips bystanders outnumber actors."
        )
        validation = {name: trials.runs(trial, seeds, "val").summary()["rsum"] for name, trial in ROWS.items()}
        print("\nValidation rsum, mean and seeds:")
        for name, found in validation.items():
            print(f"  {name:33} {found['mean']:6.1f}   {', '.join(f'{value:.1f}' for value in found['seeds'])}")
        best = max(AFFINITIES, key=lambda name: validation[name]["mean"])
        print(f"best affinity of the random walk on validation clips: {best}")
        for split in SPLITS:
            results[split] = split_table(trials, split, seeds)
        looked = stability_table(trials, seeds)
        print(f"\nThe paper's:\n{table_text(find('visern', table='3'))}")
    if arguments.tiny:
        return
    draw(results, arguments.seeds)
    write_result(
        "ablation_visern",
        results,
        settings={"data": data, "train": TRAIN, "model": MODEL, "seeds": arguments.seeds},
        validation=validation,
        best_affinity=best,
        stability=looked,
        bystanders=who,
        paper=[vars(number) for number in find("visern", table="3")],
    )


if __name__ == "__main__":
    main()
