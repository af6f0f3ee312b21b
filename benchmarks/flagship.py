"""GraphVTR on the MSR-VTT subset: beside its baselines, without each of its parts, with and without hard negatives.

    python benchmarks/flagship.py --seeds 5          # trains what is missing, a seed of every row before the next
    python benchmarks/flagship.py --rows "GraphVTR"  # only these
    python benchmarks/flagship.py --tables-only      # of what is there
    python benchmarks/flagship.py --quick            # minutes: shows that all works, writes to runs/

Rows are compared on validation; test is measured for the table at the end and chooses nothing. Intervals resample seeds
and videos. VITATECS by aspect stands beside retrieval. About 3 CPU minutes a row and seed, 15 with role graphs; 5 more
to make hard negatives once.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import vitatecs
from benchmarks.lib import msrvtt
from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.hgr_setup import printed_to, study_line
from benchmarks.lib.paths import CACHE
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.tables import print_differences
from benchmarks.lib.trials import Trial
from benchmarks.msrvtt_real import note_of, ridges
from graphvtr.datasets import RetrievalDataset
from graphvtr.nn import GraphVTR
from graphvtr.tasks.checkpoint import load
from graphvtr.text.pairs import ALL_KINDS, write_pairs
from graphvtr.text.perturb import perturb

FULL = msrvtt.GRAPHVTR
BOTH = "hub offsets of captions too"
CHANGED = {
    "without hub offsets": {"hubs": False},
    BOTH: {"hubs": True},
    "without the bag": {"bag": 0},
    "without role slots": {"slots": False},
    "one network": {"members": 1},
    "start: ridge": {"start": "ridge"},
    "with role graphs": {"graphs": True},
}
NEGATIVES = "with hard negatives"


def rows(pairs: Path | None) -> dict[str, Trial]:
    """The model, the model with hard negatives, the model with each part taken away, or a further one."""
    made = [FULL]
    if pairs is not None:
        made.append(replace(FULL, name=NEGATIVES, train={**FULL.train, "negatives": str(pairs)}))
    made += [replace(FULL, name=name, options={**FULL.options, **options}) for name, options in CHANGED.items()]
    return {trial.name: trial for trial in made}


def small(trial: Trial) -> Trial:
    """A row of a quick run."""
    return replace(trial, options={**trial.options, "inner": 32}, train={**trial.train, "epochs": 1})


def hard_pairs(train: RetrievalDataset, captions: int, quick: bool) -> Path:
    """Negatives of the training captions, made once: up to one of each kind and video."""
    path = CACHE / f"msrvtt_pairs_{'quick' if quick else captions}_directions.jsonl"
    if not path.is_file():
        kinds = [kind for kind in ALL_KINDS if kind != "incomplete events"]  # what is missing there is not wrong
        write_pairs(path, perturb(train.videos, train.video_of_caption, train.role_graphs, seed=0, kinds=kinds))
    return path


@functools.cache
def gates_of(checkpoint: Path) -> dict[str, float]:
    """What the levels of a trained model weigh beside its start."""
    model = load(checkpoint)
    assert isinstance(model, GraphVTR)
    return dict(zip(model.levels[1:], model.gates.tolist(), strict=True))


def draw(found: dict[str, dict[str, Any]], path: Path) -> None:
    """rsum of every row with its interval and its seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7.5, 0.8 + 0.32 * len(found)), layout="constrained")
    for place, (name, row) in enumerate(reversed(found.items())):
        one = row["rsum"]
        colour = "#D55E00" if name.startswith(FULL.name) else "#0072B2"
        ax.plot(one["interval"], [place, place], color="#555555", linewidth=1.5)
        ax.plot(one["seeds"], [place] * len(one["seeds"]), "|", color=colour, markersize=9)
        ax.plot(one["mean"], place, "o", color=colour)
    ax.set_yticks(range(len(found)), list(reversed(found)))
    ax.set_xlabel("rsum on 1,032 test videos: mean, seeds (|), 95 % over seeds and videos", fontsize=9)
    ax.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    parser = study_line(__doc__, "videos")
    parser.add_argument("--captions", type=int, default=20, help="training captions a video (default: all 20)")
    parser.add_argument("--no-negatives", action="store_true", help="leave out the row that needs perturbed captions")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    quick = arguments.quick
    path = msrvtt.store()
    size = {"videos": 60 if quick else None, "captions": 2 if quick else arguments.captions}
    splits = msrvtt.splits(path, **size)
    if quick:
        splits["test"] = splits["test"][: 20 * 60]
    trials = msrvtt.trials("msrvtt_quick" if quick else "msrvtt_real", splits, path, "minilm", **size)
    pairs = None if arguments.no_negatives else hard_pairs(splits["train"], arguments.captions, quick)
    chosen = {name: trial for name, trial in rows(pairs).items() if not arguments.rows or name in arguments.rows}
    if quick:
        chosen = {name: small(one) for name, one in chosen.items()}
    owner = splits["test"].video_of_caption
    closed = {"chance": chance_runs(owner, len(splits["test"].videos), 3)}
    closed |= {name: Runs.of([scores], owner) for name, scores in ridges(trials).items()}
    binary = vitatecs.Pairs(splits["test"], vitatecs.read(splits["test"].videos, 5 if quick else None))
    margins = vitatecs.closed_forms(trials, binary)
    if pairs is not None:
        blind = trials.kept("blind", lambda: vitatecs.blind(pairs, binary)[0], binary.digest, pairs.name)
        margins["no video: reads like a true caption"] = [blind]

    def write() -> None:
        found = dict(closed)
        there = {name: trials.finished(one, range(arguments.seeds)) for name, one in chosen.items()}
        there = {name: seeds for name, seeds in there.items() if seeds}
        about: dict[str, Any] = {}
        accuracies = dict(margins)
        for name, seeds in there.items():
            results = [trials.result(chosen[name], seed) for seed in seeds]
            found[name] = trials.runs(chosen[name], seeds)
            accuracies |= binary.rows(name, [result.checkpoint for result in results])
            about[name] = {
                "seeds": seeds,
                "val_rsum": [max(one.val_rsum) for one in results],
                "curves": [one.val_rsum for one in results],
                "gates": [gates_of(one.checkpoint) for one in results],
                "seconds": [one.seconds for one in results],
                "commits": [one.commit for one in results],
                "options": dict(chosen[name].options),
                "train": dict(chosen[name].train),
            }
        best = "ridge, MiniLM"
        differences = {name: found[name].difference(found[best]) for name in found if name not in ("chance", best)}
        parts = {
            name: found[FULL.name].difference(found[name]) for name in there if FULL.name in there and name != FULL.name
        }
        selection = {name: binary.accuracy(some) for name, some in accuracies.items()}
        with contextlib.nullcontext() if quick else printed_to("flagship"):
            print_table(f"{len(splits['test'].videos)} test videos, {len(owner)} captions;\n{msrvtt.NOTE}", found)
            print_differences(f"rsum less {best}'s", differences)
            print_differences(f"{FULL.name} less the row", parts)
            print("\nseeds and validation rsum:")
            for name, row in about.items():
                print(f"  {name:27} {len(row['seeds'])}   {', '.join(f'{value:.0f}' for value in row['val_rsum'])}")
            print("\ngates, chosen on validation, of each seed:")
            for name, row in about.items():
                levels = row["gates"][0]
                each = (f"{level} {'/'.join(f'{gates[level]:g}' for gates in row['gates'])}" for level in levels)
                print(f"  {name:27} {', '.join(each)}")
            print()
            vitatecs.show(
                selection,
                {name: len(seeds) for name, seeds in there.items()},
                "VITATECS, test videos with frames here",
            )
        summaries = {name: runs.summary() for name, runs in found.items()}
        if not quick:
            draw(summaries, RESULTS / "flagship.png")
            write_result(
                "flagship",
                {"rows": summaries, "about": about, f"less {best}": differences, "parts": parts, "vitatecs": selection},
                note=note_of(arguments),
            )

    write()
    for seed in () if arguments.tables_only else range(1 if quick else arguments.seeds):
        for trial in chosen.values():
            if not trials.finished(trial, [seed]):
                trials.result(trial, seed)
                write()


if __name__ == "__main__":
    main()
