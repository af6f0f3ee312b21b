"""Training from a configuration: a YAML file, command-line flags, or both."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from graphvtr._optional import optional_import
from graphvtr.datasets import DATASETS, DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.captioned import CAPTION_OPTIONS
from graphvtr.errors import DataError
from graphvtr.nn.models import MODELS, RetrievalModel
from graphvtr.static_help import documented, shipped_names
from graphvtr.tasks.callbacks import AfterEpoch
from graphvtr.tasks.checkpoint import CheckpointInfo
from graphvtr.tasks.flags import flag, given, tidy
from graphvtr.tasks.learning_rate_range import RateRange, learning_rate_range
from graphvtr.tasks.prepare import DATA_ARGUMENTS, build_model, make_vocabulary
from graphvtr.tasks.run_state import check_new
from graphvtr.tasks.splits import split_summary
from graphvtr.tasks.trainer import FitResult, TrainOptions, first_process, fit, run_lock
from graphvtr.terminal import printable
from graphvtr.text import Vocabulary
from graphvtr.text.parser import named_in_file, parser_from_file
from graphvtr.text.word_vectors import PACKAGE, load_word_vectors
from graphvtr.yaml_files import check_yaml

logger = logging.getLogger(__name__)
GLOVE = "https://nlp.stanford.edu/data/glove.6B.zip"
PUBLISHED_WIDTH = 300


@dataclass(frozen=True)
class RunConfig:
    """What to train on and where to write.

    Args:
        data: name of the dataset, or FILE.py:NAME for one of your own.
        out: folder of the run.
        train_split: split to train on.
        val_split: split that picks the best epoch.
        min_count: words used less often in the training captions are unknown words.
        word_vectors: pretrained word vectors to start from: ``glove-package``, or a ``.txt``, ``.npy`` or ``.th`` file.
        progress: show a progress bar and a line for every epoch.
        resume: continue the run in ``out``.
        find_lr: look which learning rates train, print them, and train nothing.
    """

    data: str
    out: Path
    train_split: str = "train"
    val_split: str = "val"
    min_count: int = 1
    word_vectors: str | None = None
    progress: bool = True
    resume: bool = False
    find_lr: bool = False


class Configuration:
    """The parsed configuration of one training run.

    Args:
        model: registered name of the model.
        arguments: command-line flags; ``--config FILE.yaml`` (or the name of a shipped configuration) may come
            first, and ``--print_config`` prints a file that gives the same run again.

    Raises:
        DataError: an unknown model, flag or key, or a value of the wrong kind.
    """

    def __init__(self, model: str, arguments: Sequence[str]) -> None:
        jsonargparse = optional_import("jsonargparse", "train", "graphvtr train")
        self.model, self._parser = MODELS.name_of(model), make_parser(model)
        flags = tidy(model, arguments)
        files = given(flags, "--config")
        for file in files:
            if Path(file).exists():
                check_yaml(file)
        try:
            self.values = self._parser.parse_args(flags)
        except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
            raise DataError(
                f"graphvtr train {model}", " ".join(str(error).split()), f"see graphvtr train {model} --help"
            ) from error
        for name in ("data", "out"):
            if self.values.get(name) is None:
                raise DataError(f"graphvtr train {model}", f"needs --{name}", f"see graphvtr train {model} --help")
        if files:
            self._check_told_by_file(files[-1], flags)

    @classmethod
    def of(cls, model: str, *, config: str | Path | None = None, resume: bool = False, **values: Any) -> Configuration:
        """The same from Python: values by the names of the flags, ``of("hgr", data="msvd", epochs=3)``."""
        flags = [] if config is None else ["--config", str(config)]
        flags += [f"--{name}={flag(value)}" for name, value in values.items()]
        return cls(model, [*flags, "--resume"] if resume else flags)

    def _check_told_by_file(self, file: str, flags: Sequence[str]) -> None:
        """A file of options names no programs: what is run is said on the command line."""
        parser, data = self.values["parser"], self.values["data"]
        if parser is not None and not given(flags, "--parser"):
            parser_from_file(parser, file)
        if ".py:" in data and not given(flags, "--data"):
            known = f"a file may only name a registered dataset ({', '.join(DATASETS)})"
            raise DataError(
                f"{file}: data", f"is '{printable(data)}', and {known}", "if you trust it: --data FILE.py:NAME"
            )

    def part(self, kind: type[Any]) -> Any:
        """The values of one of the dataclasses that make up the configuration."""
        return kind(**{field.name: self.values[field.name] for field in dataclasses.fields(kind)})

    @property
    def model_options(self) -> dict[str, Any]:
        """The model's constructor arguments, but for those that follow from the data."""
        return dict(self.values.get("model") or {})

    def yaml(self) -> str:
        """The configuration as YAML; feeding it back gives an equal one."""
        values = self.values.clone()
        values["resume"] = False
        return str(self._parser.dump(values, skip_unset=False))


def make_parser(model: str) -> Any:
    """The parser of ``graphvtr train MODEL``: run, data source, training and ``--model.*`` options."""
    jsonargparse = optional_import("jsonargparse", "train", "graphvtr train")
    model_class = MODELS.find(model)
    parser = jsonargparse.ArgumentParser(
        prog=f"graphvtr train {model}",
        exit_on_error=False,
        description=f"Train {model}. Every option can stand in a YAML file given with --config; --print_config prints "
        "one. --config also takes the name of a shipped configuration: "
        f"{', '.join(shipped_names())}.",
    )
    parser.add_argument("--config", action="config")
    parser.add_argument("--data", type=str | None, help=f"name of the dataset: {', '.join(DATASETS)}; or FILE.py:NAME")
    parser.add_argument("--out", type=Path | None, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_class_arguments(RunConfig, skip={"data", "out", "resume"})
    parser.add_class_arguments(DataSource)
    parser.add_class_arguments(TrainOptions)
    parser.add_class_arguments(model_class, "model", skip=set(DATA_ARGUMENTS), instantiate=False)
    _explain(parser, {"": (RunConfig, DataSource, TrainOptions), "model.": (model_class,)})
    return parser


def train(configuration: Configuration, *, after_epoch: AfterEpoch | None = None) -> FitResult:
    """Build the datasets, the vocabulary and the model of a configuration, and train.

    Args:
        configuration: of the run.
        after_epoch: see :func:`graphvtr.tasks.trainer.fit`.

    Raises:
        DataError: see :func:`graphvtr.datasets.build_dataset`, :func:`graphvtr.tasks.prepare.build_model` and
            :func:`graphvtr.tasks.trainer.fit`.
    """
    run, source, options = _parts(configuration)
    if run.word_vectors is not None and run.word_vectors != PACKAGE and not Path(run.word_vectors).is_file():
        raise DataError(
            f"word vectors '{run.word_vectors}'",
            "no such file",
            f"get GloVe's from {GLOVE} and pass --word_vectors FILE; --word_vectors null starts from random ones",
        )
    with run_lock(run.out):  # refused before anything is read
        return _train(configuration, run, source, options, after_epoch)


def find_learning_rate(configuration: Configuration) -> RateRange:
    """:func:`graphvtr.tasks.learning_rate_range.learning_rate_range` of a configuration; nothing is written.

    Raises:
        DataError: as :func:`train`.
    """
    run, source, options = _parts(configuration)
    train_set = build_dataset(run.data, run.train_split, source)
    vocabulary, model = _build(configuration, run, options, train_set)
    return learning_rate_range(model, vocabulary, train_set, options)


def _parts(configuration: Configuration) -> tuple[RunConfig, DataSource, TrainOptions]:
    """The parts of a configuration; regions are not read for a model that cannot look at them."""
    run, source, options = (configuration.part(kind) for kind in (RunConfig, DataSource, TrainOptions))
    looks = "region_dim" in inspect.signature(MODELS.find(configuration.model)).parameters
    return run, dataclasses.replace(source, regions=source.regions and looks), options


def _train(
    configuration: Configuration,
    run: RunConfig,
    source: DataSource,
    options: TrainOptions,
    after_epoch: AfterEpoch | None,
) -> FitResult:
    if not run.resume:
        check_new(run.out / "last.ckpt")
    train_set = build_dataset(run.data, run.train_split, source)
    val_set = build_dataset(run.data, run.val_split, source)
    if run.progress and first_process():
        tqdm.write(split_summary(train_set, val_set))
    vocabulary, model = _build(configuration, run, options, train_set)
    record = train_set.provenance.with_words(vocabulary.words)
    info = CheckpointInfo(
        configuration.model,
        dataset=run.data,
        parser=named_in_file(source.parser),
        featurizer=record.made_by,
        provenance=record.to_dict(),
        video_dim=train_set.video_dim,
        captions={name: value for name, value in source.options.items() if name in CAPTION_OPTIONS},
    )
    return fit(
        model,
        vocabulary,
        train_set,
        val_set,
        run.out,
        options,
        info=info,
        resume=run.resume,
        progress=run.progress,
        config=configuration.yaml(),
        after_epoch=after_epoch,
    )


def _build(
    configuration: Configuration, run: RunConfig, options: TrainOptions, train_set: RetrievalDataset
) -> tuple[Vocabulary, RetrievalModel]:
    """The vocabulary of the training captions and a fresh model."""
    pl = optional_import("pytorch_lightning", "train", "graphvtr train")
    vocabulary = make_vocabulary(train_set, run.min_count)
    pl.seed_everything(options.seed, workers=True, verbose=False)
    model = build_model(configuration.model, train_set, vocabulary, configuration.model_options)
    if run.word_vectors is not None:
        start_from_vectors(model, vocabulary, run.word_vectors)
    elif (
        model.published_vectors and model.word_embedding is not None and model.config.get("word_dim") == PUBLISHED_WIDTH
    ):
        logger.warning(
            "%s starts from %s in its paper, this run from random word vectors: give --word_vectors FILE",
            configuration.model,
            model.published_vectors,
        )
    return vocabulary, model


def start_from_vectors(model: RetrievalModel, vocabulary: Vocabulary, source: str) -> float:
    """Start a model's word embedding from pretrained vectors.

    Returns:
        The share of the vocabulary that has a vector.

    Raises:
        DataError: the model has no word embedding, or one of another width.
    """
    matrix, found = load_word_vectors(source, keep=vocabulary.words).matrix_for(vocabulary)
    model.load_word_vectors(matrix, found)
    return float(found.float().mean())


def _explain(parser: Any, classes: dict[str, tuple[type[Any], ...]]) -> None:
    """Take help texts from the ``Args`` of the docstrings and short titles for the groups."""
    helps = {
        f"{prefix}{name}": text
        for prefix, kinds in classes.items()
        for kind in kinds
        for name, text in documented(kind.__doc__ or "").items()
    }
    for action in parser._actions:
        if not action.help:
            action.help = helps.get(action.dest)
    for group in parser._action_groups:
        for kind in (kind for kinds in classes.values() for kind in kinds):
            if group.title and kind.__qualname__ in group.title:
                group.title = f"{kind.__name__} ({kind.__module__})"
