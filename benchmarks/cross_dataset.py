"""Models on data they were not trained on (HGR, Table 2): MovingScenes' models in other worlds.

    python benchmarks/cross_dataset.py [--seeds 3]

Models: the checkpoints of ``hgr_setup.py`` (``ablation_hgr.py --train-only`` trains them), trained on MovingScenes
of seed 0. They rank, without further training,

- ``test``: other clips of the same world, for comparison,
- ``test_unseen``: compositions of colours and actions that training never showed,
- ``crowded``: another seed and three bystanders in every clip, where training has none to two,
- ``long``: another seed and 24 frames a clip, where training has 16.

The features are those of training, as Table 2's are. Means over seeds; intervals resample clips with all captions.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from typing import Any

from accuracy import Runs, chance_runs, print_table
from harness import write_result
from hgr_setup import CLIPS, ROWS, SEEDS, TRAIN, first_videos, printed_to, scene_trials, scenes
from published import find, table_text
from trials import Trials

from graphvtr.datasets import RetrievalDataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.tasks.checkpoint import load_checkpoint
from graphvtr.tasks.open import known_words
from graphvtr.tasks.prepare import prepare

MODELS = ("VSE", "VSE++", "Dual Encoding", "ViSERN", "full HGR model")
WORLDS: dict[str, dict[str, Any]] = {
    "crowded": {"seed": 1, "distractors": 3, "num_clips": 1000},
    "long": {"seed": 2, "num_frames": 24, "num_clips": 1000},
}


def scores_on(trials: Trials, name: str, seeds: list[int], world: RetrievalDataset, split: str) -> Runs:
    """All seeds of a model in a world."""
    if split in ("test", "test_unseen"):
        return trials.runs(ROWS[name], seeds, split)
    trials.splits = {**trials.splits, split: world}
    models = [load_checkpoint(trials.result(ROWS[name], seed).checkpoint)[0] for seed in seeds]
    return Runs.of([trials.scores_of(model, split) for model in models], world.video_of_caption)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--tiny", action="store_true", help="a check that everything runs; writes nothing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    clips = {"train": 12, "val": 6, "test": 6, "test_unseen": 6} if arguments.tiny else CLIPS
    small = {"num_clips": 60} if arguments.tiny else {}
    splits = scenes(clips, **small)
    trials = scene_trials(splits)
    worlds = {name: splits[name] for name in ("test", "test_unseen")}
    for name, options in WORLDS.items():
        world = MovingScenes(None, "test", progress=False, **{**options, **small})
        worlds[name] = first_videos(world, 6) if arguments.tiny else world
    results: dict[str, Any] = {}
    with contextlib.nullcontext() if arguments.tiny else printed_to("cross_dataset"):
        for split, world in worlds.items():
            owner = world.video_of_caption
            rows = {"chance": chance_runs(owner, len(world.videos))}
            for name in MODELS:
                seeds = trials.finished(ROWS[name], range(arguments.seeds))
                if seeds:
                    rows[f"{name} ({len(seeds)})"] = scores_on(trials, name, seeds, world, split)
            model, vocabulary, _ = load_checkpoint(trials.result(ROWS[MODELS[-1]], 0).checkpoint)
            share = known_words(prepare(world, model, vocabulary or trials.vocabulary))
            title = f"trained on MovingScenes, ranked on {split}: {len(world.videos)} clips, {len(owner)} captions"
            print_table(f"{title}, {share:.1%} of the words known; in brackets: seeds", rows)
            results[split] = {name: runs.summary() for name, runs in rows.items()}
        print(f"\nThe paper's (MSR-VTT to Youtube2Text):\n{table_text(find('hgr', table='2'))}")
    if not arguments.tiny:
        write_result("cross_dataset", results, settings={"train": TRAIN, "clips": clips, "worlds": WORLDS})


if __name__ == "__main__":
    main()
