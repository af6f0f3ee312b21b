"""A row of a paper's table as it is trained here: by its recipe, on data at hand, at full or at small size."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.lib.paper_rows import Block, Row
from benchmarks.lib.trial import Trial
from graphvtr.datasets import DataSource
from graphvtr.nn import MODELS
from graphvtr.tasks.config import Configuration, RunConfig
from graphvtr.tasks.options import TrainOptions
from graphvtr.text.word_vectors import PACKAGE

SMALL_TRAIN = {"epochs": 2, "batch_size": 64, "lr": 1e-3, "schedule": "none", "warmup_epochs": 1, "clip_grad": 2.0}
SMALL_MODEL = {
    "hidden": 128,
    "word_dim": 50,
    "video_rnn": 64,
    "text_rnn": 64,
    "filters": 32,
    "rnn": 64,
    "frame_width": 128,
    "feedforward": 256,
    "concept_sizes": [256, 128, 256],
    "heads": 2,
    "mlp_ratio": 2.0,
    "language_model": "minilm",
    "key_channels": 64,
    "attention_channels": 64,
}
"""What ``--small`` sets of the options that a model has: a row within minutes on two cores, and not the paper's."""
FEW_CAPTIONS = ("cad120", "moving_scenes")
"""Collections that have few captions a video, and no option to take fewer."""
ONE_LAYER = ("vsrnet",)
"""Models of which ``--small`` takes one block as well."""


@dataclass(frozen=True)
class Place:
    """Where data are, and how far a run may be from the paper's.

    Args:
        root, store: of the dataset that rows are trained on.
        data: another dataset than the table's, where that is not at hand.
        test_root, test_store: of the dataset of a cross-dataset table.
        pairs: file of binary selection.
        parser: of the captions.
        subset: videos without features, or other numbers of them than the official ones, are taken as they are.
        clips: training videos at most, and a quarter as many to validate and to test on; 0 for all.
        small: small models, two epochs.
        overrides: ``KEY=VALUE`` of the configuration on top.
        video_files: folder of the clips, for the pictures of a gallery.
    """

    root: Path | None = None
    store: Path | None = None
    data: str | None = None
    test_root: Path | None = None
    test_store: Path | None = None
    pairs: Path | None = None
    parser: str | None = None
    subset: bool = False
    clips: int = 0
    small: bool = False
    overrides: tuple[str, ...] = ()
    video_files: Path | None = None

    def source(self, options: Mapping[str, Any], test: bool = False) -> DataSource:
        """Of the dataset that is trained on, or of the one that is tested on."""
        root, store = (self.test_root, self.test_store) if test else (self.root, self.store)
        missing = "skip" if self.subset else "error"
        return DataSource(root, store, None, self.parser, missing, options=dict(options))

    @property
    def deviations(self) -> list[str]:
        """What is not the paper's about a run here."""
        found = ["a subset of the videos"] if self.subset or self.clips else []
        found += [f"{self.clips} training videos"] if self.clips else []
        longer = any(override.startswith("epochs=") for override in self.overrides)
        found += ["small models" + ", 2 epochs" * (not longer)] if self.small else []
        found += ["2 captions a video"] if self.small and self.data not in FEW_CAPTIONS else []
        return found + [f"data: {self.data}"] * bool(self.data) + list(self.overrides)


@dataclass(frozen=True)
class Recipe:
    """A row as it is trained here."""

    row: Row
    trial: Trial
    options: dict[str, Any]  # of the dataset
    min_count: int
    word_vectors: str | None


def recipe(row: Row, block: Block, place: Place) -> Recipe:
    """The configuration of a row, read as ``graphvtr train --config`` reads it."""
    model = max((name for name in MODELS if f"{row.recipe}_".startswith(f"{name}_")), key=len)
    data = place.data or block.data
    given = ["--config", row.recipe, "--data", data, "--out", "unused"]
    overrides = [f"--{override}" for override in place.overrides]
    found = Configuration(model, [*given, *overrides])
    if place.small:
        small = _small_flags(model, row.recipe, data, found.model_options)
        found = Configuration(model, [*given, *small, *overrides])
    run, train = found.part(RunConfig), dataclasses.asdict(found.part(TrainOptions))
    for name in ("seed", "device", "workers"):
        train.pop(name)
    options = {**found.model_options, **row.options}
    source = found.part(DataSource)
    return Recipe(row, Trial(row.system, model, options, train), source.options, run.min_count, run.word_vectors)


def _small_flags(model: str, name: str, data: str, full: Mapping[str, Any]) -> list[str]:
    """Flags that make sizes smaller, never larger."""
    flags = [f"--{key}={value}" for key, value in SMALL_TRAIN.items()]
    if data not in FEW_CAPTIONS:
        flags.append("--options.max_captions=2")
    for key, value in SMALL_MODEL.items():
        was = full.get(key, value)
        kind = isinstance(was, str) and key == "rnn"  # HGR's `rnn` is a kind of network, VSE's a width
        least = isinstance(was, int | float) and isinstance(value, int | float) and was <= value
        if key in full and not kind and not least:
            flags.append(f"--model.{key}={json.dumps(value) if isinstance(value, list) else value}")
    if model in ONE_LAYER:
        flags.append("--model.num_layers=1")
    starts = MODELS[model].published_vectors or name.startswith("pvse")
    return [*flags, f"--word_vectors={PACKAGE if starts else 'null'}"]
