"""Models on data they were not trained on (HGR, Table 2): MovingScenes' models in other worlds, and MSVD's clips.

    python benchmarks/accuracy/cross_dataset.py [--seeds 3] --root ../shared/data/msvd98 --store STORE

Worlds: the checkpoints of ``hgr_setup.py`` (``ablation_hgr.py --train-only`` trains them), trained on MovingScenes
of seed 0. They rank, without further training,

- ``test``: other clips of the same world, for comparison,
- ``test_unseen``: compositions of colours and actions that training never showed,
- ``crowded``: another seed and three bystanders in every clip, where training has none to two,
- ``long``: another seed and 24 frames a clip, where training has 16.

The features are those of training, as Table 2's are. Then MovingScenes to MSVD and back: ``cross_msvd.py``, whose runs
``--train-only`` trains. Means over seeds; intervals resample clips with all captions. Finished runs are kept.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from benchmarks.lib import cross_msvd
from benchmarks.lib.harness import write_result
from benchmarks.lib.hgr_setup import CLIPS, ROWS, TRAIN, command_line, first_videos, printed_to, scene_trials, scenes
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trials
from benchmarks.published import find, table_text
from graphvtr.datasets import RetrievalDataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.open import known_words
from graphvtr.tasks.prepare import prepare

MODELS = ("VSE", "VSE++", "Dual Encoding", "ViSERN", "VSR-Net", "HANet", "MCSAN", "full HGR model")
WORLDS: dict[str, dict[str, Any]] = {
    "crowded": {"seed": 1, "distractors": 3, "num_clips": 1000},
    "long": {"seed": 2, "num_frames": 24, "num_clips": 1000},
}


def scores_on(trials: Trials, name: str, seeds: list[int], world: RetrievalDataset, split: str) -> Runs:
    """All seeds of a model in a world."""
    if split in ("test", "test_unseen"):
        return trials.runs(ROWS[name], seeds, split)
    trials.splits = {**trials.splits, split: world}
    models = [load(trials.result(ROWS[name], seed).checkpoint) for seed in seeds]
    return Runs.of([trials.scores_of(model, split) for model in models], world.video_of_caption)


def in_worlds(seeds: range, tiny: bool) -> dict[str, Any]:
    """MovingScenes' models in each world, printed and as plain values."""
    clips = {"train": 12, "val": 6, "test": 6, "test_unseen": 6} if tiny else CLIPS
    small = {"num_clips": 60} if tiny else {}
    splits = scenes(clips, **small)
    trials = scene_trials(splits)
    worlds = {name: splits[name] for name in ("test", "test_unseen")}
    for name, options in WORLDS.items():
        world = MovingScenes(None, "test", progress=False, **{**options, **small})
        worlds[name] = first_videos(world, 6) if tiny else world
    results: dict[str, Any] = {}
    for split, world in worlds.items():
        owner = world.video_of_caption
        rows = {"chance": chance_runs(owner, len(world.videos))}
        for name in MODELS:
            done = trials.finished(ROWS[name], seeds)
            if done:
                rows[f"{name} ({len(done)})"] = scores_on(trials, name, done, world, split)
        model = load(trials.result(ROWS[MODELS[-1]], 0).checkpoint)
        vocabulary = model.vocabulary
        share = known_words(prepare(world, model, vocabulary or trials.vocabulary))
        title = f"trained on MovingScenes, ranked on {split}: {len(world.videos)} clips, {len(owner)} captions"
        print_table(f"{title},\n{share:.1%} of the words known; in brackets: seeds", rows)
        results[split] = {name: runs.summary() for name, runs in rows.items()}
    return results


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--train-only", action="store_true", help="train what is missing for MSVD, no tables")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    seeds = range(1 if arguments.tiny else arguments.seeds)
    epochs = 1 if arguments.tiny else None
    trials = cross_msvd.trials_of(cross_msvd.datasets(arguments.root, arguments.store, arguments.tiny))
    cross_msvd.train_all(trials, seeds, epochs)
    if arguments.train_only:
        return
    with contextlib.nullcontext() if arguments.tiny else printed_to("cross_dataset"):
        worlds = in_worlds(seeds, arguments.tiny)
        real = cross_msvd.tables(trials, seeds, epochs)
        print(f"\nThe paper's (MSR-VTT to Youtube2Text):\n{table_text(find('hgr', table='2'))}")
    if not arguments.tiny:
        models = {name: {"model": trial.model, **trial.options} for name, trial in cross_msvd.MODELS.items()}
        settings = {
            "worlds": {"train": TRAIN, "clips": CLIPS, "worlds": WORLDS},
            "MSVD": {"models": models, "train": {name: cross_msvd.rows_of(name)["HGR"].train for name in trials}},
        }
        write_result("cross_dataset", {"worlds": worlds, "MSVD": real}, settings=settings)


if __name__ == "__main__":
    main()
