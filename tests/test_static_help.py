"""The help that is read from the sources says what training takes."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest

from graphvtr.cli.main import main
from graphvtr.datasets import DATASETS, DataSource
from graphvtr.nn import MODELS
from graphvtr.static_help import documented, help_text, options_of, registered_in
from graphvtr.tasks.config import RunConfig, make_parser
from graphvtr.tasks.options import TrainOptions
from graphvtr.tasks.prepare import DATA_ARGUMENTS

BUILT_IN = [name for name in MODELS if MODELS[name].__module__.startswith("graphvtr.")]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_argument_is_shown_with_its_default_and_text(name: str) -> None:
    shown = {option.name: option for option in options_of(name)}
    parameters = inspect.signature(MODELS[name]).parameters
    wanted = {f"model.{key}": value.default for key, value in parameters.items() if key not in DATA_ARGUMENTS}
    for kind in (RunConfig, DataSource, TrainOptions):
        wanted |= {field.name: field.default for field in dataclasses.fields(kind)}
    assert set(shown) == set(wanted)
    for key, default in wanted.items():
        assert shown[key].text, key
        told = shown[key].default
        if isinstance(default, (bool, int, float, str)) and not told.isupper():
            assert told.strip("\"'") == str(default), key


def test_words_of_a_choice_are_shown() -> None:
    kinds = {option.name: option.kind for option in options_of("hgr")}
    assert kinds["model.rnn"] == "{lstm,gru}"  # a name of another module
    assert kinds["model.loss"] == "{triplet,info_nce}"
    assert kinds["model.attention_channels"] == "int"
    assert kinds["deterministic"] == "true|false"


def test_it_takes_what_the_parser_of_a_training_takes() -> None:
    known = {action.dest for action in make_parser("hgr")._actions}
    assert {option.name for option in options_of("hgr")} <= known


def test_options_stand_in_groups_that_read() -> None:
    groups = list(dict.fromkeys(option.group for option in options_of("hgr") if option.name.startswith("model.")))
    assert groups[1:] == [
        "model: words",
        "model: reasoning over the role graph",
        "model: video",
        "model: match",
        "model: loss",
        "model: what is read of long captions and clips",
    ]


def test_all_datasets_are_named() -> None:
    told = help_text("vse").split("Known: ")[1].split(".")[0]
    assert " ".join(told.split()).split(", ") == list(DATASETS)


def test_a_model_of_elsewhere_is_left_to_the_parser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert registered_in("none") is None
    with pytest.raises(LookupError):
        options_of("none")
    assert main(["train", "none", "--help"]) == 2
    assert "model 'none': unknown" in capsys.readouterr().err


def test_a_docstring_is_read_by_its_args() -> None:
    text = """Sum.

    Args:
        a, b: numbers,
            any.
        c: a ``third``, see :class:`int`.

    Raises:
        ValueError: never.
    """
    assert documented(text) == {"a": "numbers, any.", "b": "numbers, any.", "c": "a third, see int."}
