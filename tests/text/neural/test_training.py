"""The training script: its batches, its answers, and a run that is stopped and goes on."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.text.frames import Argument
from graphvtr.text.neural.batches import Example
from graphvtr.text.neural.features import Columns
from graphvtr.text.neural.model import RoleTagger, Sizes
from graphvtr.text.neural.tags import BIOTags

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "accuracy" / "role_labelling"
COLUMNS = Columns(BIOTags.of_labels(["ARG0", "ARG1", "C-ARG1"]), ("NN", "VB"), ("nsubj", "ROOT"))
SIZES = Sizes(width=16, heads=2, hidden=24, shared_layers=1, predicate_layers=1, positions=40)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("spacy")
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    spec = importlib.util.spec_from_file_location("roles_train", FOLDER / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sentences(script: ModuleType, count: int) -> list[Any]:
    """Random sentences with one predicate each."""
    draw = np.random.default_rng(0)
    found = []
    for _ in range(count):
        length = int(draw.integers(2, 9))
        pieces = draw.integers(0, 30, length + 2).tolist()
        rows = [[0, 3, 6]] * length
        pair_rows = draw.integers(0, sum(COLUMNS.pair_sizes), (length, 8)).tolist()
        tags = COLUMNS.rule_tags.encode([Argument("ARG0", 0, 0)], length)
        is_predicate = [position == 1 for position in range(length)]
        found.append(
            script.Sentence(Example(pieces, list(range(1, length + 1)), rows), [(1, pair_rows)], [tags], is_predicate)
        )
    return found


def network() -> RoleTagger:
    torch.manual_seed(0)
    words = {
        "words": torch.randn(30, 16),
        "positions": torch.randn(40, 16),
        "types": torch.randn(2, 16),
        "scale": torch.ones(16),
        "shift": torch.zeros(16),
    }
    return RoleTagger(COLUMNS, words, SIZES)


def test_batches_hold_every_sentence_once(script: ModuleType) -> None:
    made = sentences(script, 50)
    groups = script.batches(made, 60, np.random.default_rng(1))
    assert sorted(index for group in groups for index in group) == list(range(50))
    assert len(groups) > 3
    assert groups == script.batches(made, 60, np.random.default_rng(1))
    assert groups != script.batches(made, 60, np.random.default_rng(2))


def test_rare_labels_and_the_predicate_itself(script: ModuleType) -> None:
    data = sys.modules["benchmarks.accuracy.role_labelling.training_data"]
    given = [Argument("R-ARG0", 0, 0), Argument("C-ARG1", 3, 3), Argument("ARG1", 2, 4), Argument("C-V", 5, 5)]
    assert data._plain(given, 4, COLUMNS) == [Argument("ARG0", 0, 0), Argument("C-ARG1", 3, 3), Argument("C-V", 5, 5)]


def test_a_stopped_run_ends_where_a_whole_one_does(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = sentences(script, 24)
    monkeypatch.setattr(script, "evaluate", lambda model, dev, gold: {"f1": 0.0})
    monkeypatch.setattr(script, "read_gold", lambda path: [])
    args = argparse.Namespace(
        data=tmp_path,
        limit=None,
        epochs=3,
        budget=40,
        seed=0,
        lr=1e-2,
        head_lr=1e-2,
        precision="float32",
        drop_rules=0.1,
        loss_scale=10.0,
        minutes=1e9,
    )
    data = {"train": made, "dev": []}
    whole = network()
    script.train(whole, data, argparse.Namespace(**vars(args), work=tmp_path_of(tmp_path, "whole")))
    work = tmp_path_of(tmp_path, "stopped")
    stopped, steps = network(), [0]
    plain = script.loss_of

    def until_step_seven(*given: Any) -> Any:
        steps[0] += 1
        if steps[0] == 7:
            raise KeyboardInterrupt
        return plain(*given)

    monkeypatch.setattr(script, "loss_of", until_step_seven)
    with pytest.raises(KeyboardInterrupt):
        script.train(stopped, data, argparse.Namespace(**{**vars(args), "minutes": 0.0}, work=work))
    assert (work / "checkpoint.pt").exists()
    monkeypatch.setattr(script, "loss_of", plain)
    again = network()
    script.train(again, data, argparse.Namespace(**vars(args), work=work))
    for (name, one), other in zip(whole.named_parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)
    assert not torch.equal(whole.mark, network().mark)
    assert '"epoch": 2' in capsys.readouterr().out


def tmp_path_of(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name
