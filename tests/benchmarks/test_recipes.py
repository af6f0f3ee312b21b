"""Recipes of the papers: one table a system, one configuration a system and dataset, and the two agree."""

from __future__ import annotations

import csv
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("jsonargparse")
from graphvtr.nn.models import MODELS
from graphvtr.static_help import SHIPPED
from graphvtr.tasks.config import Configuration

RECIPES = Path(__file__).resolve().parents[2] / "benchmarks" / "published" / "recipes"
COLUMNS = ["recipes", "detail", "key", "paper", "section", "ours", "deviation"]
OURS = {"hgr_moving_scenes", "mcsan_moving_scenes", "vsrnet_moving_scenes", "vsrnet_cad120"}
"""Configurations that no paper gives."""
IN_WORDS = {"data", "word_vectors", "model.language_model", "model.sentence"}
"""Keys whose value the papers tell by name."""

NO_SETTINGS = {
    "vocab_size",
    "video_dim",
    "region_dim",
    "concepts",  # of the data
    "budget_bytes",
    "text_cache",
    "sentence_cache",
    "eps",  # of the computation
    "loss_temperature",
    "video_filters",
    "text_filters",
    "bow_size",  # follow from an option that is told
    "text",  # another text side than the paper's
}


def rows() -> list[dict[str, str]]:
    """All rows of all tables."""
    found = []
    for path in sorted(RECIPES.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            assert reader.fieldnames == COLUMNS, path
            found += [{**row, "table": path.stem} for row in reader]
    return found


ROWS = rows()
NAMES = sorted({name for row in ROWS for name in row["recipes"].split()})


@cache
def model_of(recipe: str) -> str:
    """The model that a configuration is of."""
    return max((name for name in MODELS if f"{recipe}_".startswith(f"{name}_")), key=len)


def at(values: Any, key: str) -> Any:
    """The value at ``model.hidden``."""
    for part in key.split("."):
        values = values[part]
    return values


def test_every_configuration_is_a_recipe_or_ours() -> None:
    shipped = {path.stem for path in SHIPPED.glob("*.yaml") if not path.stem.startswith("graphvtr")}
    assert shipped == {*NAMES, *OURS}
    papers = {
        "hgr": "msrvtt tgif vatex youtube2text released",
        "visern": "msrvtt msvd",
        "vsrnet": "msrvtt msrvtt_1ka msrvtt_1ka_7k msrvtt_1kb msvd released",
        "mcsan": "msrvtt vatex",
    }
    for system, names in papers.items():
        assert {f"{system}_{name}" for name in names.split()} <= shipped


@pytest.mark.parametrize("recipe", NAMES)
def test_print_config_equals_the_table(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = [] if "data:" in (SHIPPED / f"{recipe}.yaml").read_text() else ["--data", "toy"]
    with pytest.raises(SystemExit):
        Configuration(model_of(recipe), ["--config", recipe, *dataset, "--out", "run", "--print_config"])
    printed = yaml.safe_load(capsys.readouterr().out)
    mine = [row for row in ROWS if recipe in row["recipes"].split()]
    told = [row["key"] for row in mine if row["key"]]
    assert len(told) == len(set(told))
    for row in mine:
        if row["key"]:
            assert at(printed, row["key"]) == yaml.safe_load(row["ours"]), row

    def keys(values: dict[str, Any], before: str = "") -> set[str]:
        nested = [keys(value, f"{name}.") if isinstance(value, dict) else {name} for name, value in values.items()]
        return {before + name for one in nested for name in one}

    assert keys(yaml.safe_load((SHIPPED / f"{recipe}.yaml").read_text())) <= set(told)  # nothing that the table hides


@pytest.mark.parametrize("system", ["hgr", "mcsan", "visern", "vsrnet"])
def test_every_option_of_the_papers_models_is_told(system: str) -> None:
    """A table is no choice of settings: what it leaves out changes no figure, or follows from others."""
    told = {row["key"] for row in ROWS if system in row["recipes"].split()}
    options = {f"model.{name}" for name in inspect.signature(MODELS[system]).parameters}
    assert sorted(options - told) == sorted(options & {f"model.{name}" for name in NO_SETTINGS})


def test_what_differs_says_so() -> None:
    for row in ROWS:
        if row["paper"] == "silent":
            assert not row["section"], row
            continue
        assert row["section"], row
        same = row["paper"] == row["ours"] or row["key"] in IN_WORDS or not row["key"]
        assert same or row["deviation"], row
    deviations = {row["key"] or row["detail"] for row in ROWS if row["deviation"] and row["table"] == "mcsan"}
    assert {"model.negatives", "model.attribute_norm", "parser of concepts"} <= deviations


def test_a_table_names_its_own_system() -> None:
    for row in ROWS:
        assert {model_of(name) for name in row["recipes"].split()} == {row["table"]}, row
