"""Table 2 for real: models that were trained on MovingScenes rank MSVD's clips, and the other way round.

``cross_dataset.py`` runs it. Written down on 21 November 2026 before any test figure of these runs was seen. Both
datasets have frame features of the same EfficientNet-Lite0; MovingScenes is its world of 600 clips (419 train, 45
choose the epoch, 68 are ranked; pictures of 64 x 64, enlarged), MSVD the clips at hand (57, 6 and 35, of training the
first 20 captions). In both directions the model's options are the same, word embeddings start from 50-d GloVe, and the
vocabulary stays that of training: other words are unknown words. Training is that of ``hgr_setup.py`` on MovingScenes
and of ``common_msvd.py`` on MSVD.

ViSERN and VSR-Net are left out: they need regions, and the regions of MovingScenes (crops of 8 x 8 pixels, 198 numbers)
and of MSVD (EfficientNet on detected boxes) have nothing in common. The ridge regression of GloVe means onto mean frame
features needs no vocabulary of its own: it reads unknown words too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.accuracy.common_msvd import TRAIN as MSVD_TRAIN
from benchmarks.lib.hgr_setup import TRAIN
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trial, Trials
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.baselines import ridge_scores
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.open import known_words
from graphvtr.tasks.prepare import prepare
from graphvtr.text.word_vectors import load_word_vectors

NUM_CLIPS, CAPTIONS, FEATURES = 600, 20, "efficientnet_lite0"
DROP = {"mining": "all", "word_dropout": 0.2, "video_dropout": 0.2}
CONCEPTS = {"hidden": 128, "word_dim": 50, "concept_sizes": [128, 64, 64], **DROP}
MODELS = {
    trial.name: trial
    for trial in (
        Trial("VSE", "vse", {"hidden": 128, "word_dim": 50, "reduction": "mean"}),
        Trial("VSE++", "vse++", {"hidden": 128, "word_dim": 50, "reduction": "mean"}),
        Trial(
            "Dual Encoding",
            "dual_encoding",
            {"hidden": 128, "word_dim": 50, "video_rnn": 64, "text_rnn": 64, "filters": 64, "mining": "all"},
        ),
        Trial("HGR", "hgr", {"hidden": 128, "word_dim": 50, "node_reduce": "mean", "video_bias": True, **DROP}),
        Trial("HANet", "hanet", CONCEPTS),
        Trial("MCSAN", "mcsan", {**CONCEPTS, "frame_width": 128, "feedforward": 256}),
    )
}
SPLITS = ("train", "val", "test")
OTHER = {"MovingScenes": "MSVD", "MSVD": "MovingScenes"}


def datasets(root: Path, store: Path, tiny: bool = False) -> dict[str, dict[str, RetrievalDataset]]:
    """The splits of both, with features of the same network."""
    clips = 20 if tiny else NUM_CLIPS
    return {
        "MovingScenes": {
            split: MovingScenes(None, split, num_clips=clips, num_frames=12 if tiny else 16, features=FEATURES)
            for split in SPLITS
        },
        "MSVD": {
            split: build_dataset("msvd", split, DataSource(root=root, store=store, options=options))
            for split, options in zip(SPLITS, ({"max_captions": CAPTIONS}, {}, {}), strict=True)
        },
    }


def trials_of(data: dict[str, dict[str, RetrievalDataset]]) -> dict[str, Trials]:
    """The runs on each dataset."""
    vectors = load_word_vectors("glove-package")
    settings = {
        "MovingScenes": {"num_clips": sum(len(split.videos) for split in data["MovingScenes"].values())},
        "MSVD": {"captions": CAPTIONS},
    }
    return {
        name: Trials(
            "cross_msvd",
            splits,
            make_vocabulary(splits["train"]),
            vectors=vectors,
            data={"dataset": name, "features": FEATURES, **settings[name]},
        )
        for name, splits in data.items()
    }


def rows_of(name: str, epochs: int | None = None) -> dict[str, Trial]:
    """The rows as they are trained on a dataset."""
    train = {"MovingScenes": TRAIN, "MSVD": MSVD_TRAIN}[name]
    train = train if epochs is None else {**train, "epochs": epochs}
    return {row: replace(trial, train=train) for row, trial in MODELS.items()}


def train_all(trials: dict[str, Trials], seeds: range, epochs: int | None = None) -> None:
    """What is missing, all seeds of a row on both datasets before the next row."""
    for row in MODELS:
        for name, own in trials.items():
            for seed in seeds:
                own.result(rows_of(name, epochs)[row], seed)


def tables(trials: dict[str, Trials], seeds: range, epochs: int | None = None) -> dict[str, Any]:
    """Each dataset ranked by the models of the other and, for comparison, by its own; printed and as plain values."""
    results: dict[str, Any] = {}
    for source, own in trials.items():
        for target in (OTHER[source], source):
            key = f"{source} to {target}"
            test = trials[target].splits["test"]
            rows, share = one_table(own, rows_of(source, epochs), seeds, test, key)
            title = f"trained on {source}, ranked on {target}: {len(test.videos)} clips, {len(test.captions)} captions"
            print_table(f"{title},\n{share:.1%} of the words known; in brackets: seeds", rows)
            results[key] = {
                "known words": share,
                "rows": {name: runs.summary() for name, runs in rows.items()},
                "less chance": {name: runs.difference(rows["chance"]) for name, runs in rows.items()},
            }
            for name, found in results[key]["less chance"].items():
                if name != "chance":
                    low, high = found["interval"]
                    print(f"  rsum of {name} less chance: {found['mean']:+.1f} [{low:+.1f}, {high:+.1f}]")
    return results


def one_table(
    own: Trials, trials: dict[str, Trial], seeds: range, test: RetrievalDataset, key: str
) -> tuple[dict[str, Runs], float]:
    """Rows of models trained on one dataset that rank ``test``, and the share of its words that they know."""
    owner, share = test.video_of_caption, 0.0
    rows = {"chance": chance_runs(owner, len(test.videos))}
    ridge = ridge_scores(own.splits["train"], own.splits["val"], test, vectors=own.vectors)
    rows["ridge, GloVe"] = Runs.of([ridge.scores], owner)
    scored = {**own.splits, key: test}
    there = Trials(
        own.folder.name,
        scored,
        own.vocabulary,
        data=own.data,
        score=own.score,
        vectors=own.vectors,
        root=own.folder.parent,
    )
    for name, trial in trials.items():
        done = there.finished(trial, seeds)
        if not done:
            continue
        models = [load(there.result(trial, seed).checkpoint) for seed in done]
        rows[f"{name} ({len(done)})"] = Runs.of([there.scores_of(model, key) for model in models], owner)
        share = known_words(prepare(test, models[0], own.vocabulary))
    return rows, share
