from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

pytest.importorskip("jsonargparse")
from graphvtr.datasets import DATASETS, DataSource
from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.nn.models import MODELS
from graphvtr.nn.models.dual_encoding import DualEncoding
from graphvtr.static_help import SHIPPED
from graphvtr.tasks import load
from graphvtr.tasks.config import Configuration, RunConfig, start_from_vectors, train
from graphvtr.tasks.schedule import LearningRate
from graphvtr.tasks.trainer import TrainOptions

BASE = ["--data", "toy", "--out", "run"]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, toy_dataset) -> None:
    monkeypatch.setitem(DATASETS._entries, "toy", lambda split, source: toy_dataset(split))


def test_flags() -> None:
    found = Configuration(
        "hgr", [*BASE, "--batch-size", "7", "--lr=0.5", "--root", "x", "--model.hidden", "9", "--resume"]
    )
    assert found.part(RunConfig) == RunConfig("toy", Path("run"), resume=True)
    assert found.part(DataSource) == DataSource(Path("x"))
    assert found.part(TrainOptions) == TrainOptions(batch_size=7, lr=0.5)
    assert found.model_options["hidden"] == 9
    assert "vocab_size" not in found.model_options


def test_options_of_a_dataset_are_given_as_in_other_commands(tmp_path: Path) -> None:
    given = ["--option", "max_captions=5", "--option=features=disk", "--lr", "1", "--option", "sizes=[1, 2]"]
    wanted = {"max_captions": 5, "features": "disk", "sizes": [1, 2]}
    found = Configuration("hgr", [*BASE, *given])
    assert found.part(DataSource).options == wanted
    assert found.part(TrainOptions).lr == 1
    (tmp_path / "run.yaml").write_text(found.yaml())
    again = Configuration("hgr", ["--config", str(tmp_path / "run.yaml"), "--option", "max_captions=7"])
    assert again.part(DataSource).options == {**wanted, "max_captions": 7}
    with pytest.raises(DataError, match="--option 5: is not NAME=VALUE"):
        Configuration("hgr", [*BASE, "--option", "5"])


def test_defaults_are_those_of_the_classes() -> None:
    found = Configuration("hgr", BASE)
    assert found.part(TrainOptions) == TrainOptions()
    config = HGR(10, 4).config
    assert found.model_options == {key: config[key] for key in config if key not in ("vocab_size", "video_dim")}


def test_yaml_round_trip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--patience 4 --schedule plateau --model.max_words 12 --cache a/b".split()
    arguments = [*BASE, "--options", '{"num_clips": 3}', *flags, "--model.level_weights", "[1, 0.5, 2]"]
    first = Configuration("hgr", arguments)
    (tmp_path / "a.yaml").write_text(first.yaml())
    again = Configuration("hgr", ["--config", str(tmp_path / "a.yaml")])
    assert again.yaml() == first.yaml()
    for kind in (RunConfig, DataSource, TrainOptions):
        assert again.part(kind) == first.part(kind)
    assert again.model_options == first.model_options
    assert again.model_options["level_weights"] == [1, 0.5, 2]
    with pytest.raises(SystemExit) as stop:
        Configuration("hgr", [*arguments, "--print_config"])
    assert stop.value.code == 0
    (tmp_path / "b.yaml").write_text(capsys.readouterr().out)
    assert Configuration("hgr", ["--config", str(tmp_path / "b.yaml")]).yaml() == first.yaml()


def test_flags_after_a_file_win(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lr: 0.5\nmodel:\n  hidden: 9\n  margin: 0.3\n")
    found = Configuration("hgr", ["--config", str(tmp_path / "a.yaml"), *BASE, "--model.hidden", "11"])
    assert found.part(TrainOptions).lr == 0.5
    assert (found.model_options["hidden"], found.model_options["margin"]) == (11, 0.3)


def test_shipped_configurations() -> None:
    paper = Configuration("hgr", ["--config", "hgr", *BASE])
    assert paper.part(TrainOptions) == TrainOptions(epochs=50, batch_size=128, lr=1e-4)
    assert paper.model_options == Configuration("hgr", BASE).model_options
    released = Configuration("hgr", ["--config", "hgr_released", *BASE])
    config = HGR.released(10, 4).config
    assert released.model_options == {key: config[key] for key in config if key not in ("vocab_size", "video_dim")}
    assert released.part(TrainOptions).batch_size == 64
    released = Configuration("dual_encoding", ["--config", "dual_encoding_released", *BASE])
    assert released.part(TrainOptions).rate == LearningRate(1e-4, "drop", 0.5, 3, 50, 0.99)
    config = DualEncoding.released(10, 4).config
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in released.model_options.items()}
    assert plain == {key: config[key] for key in config if key not in ("vocab_size", "video_dim")}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_is_taken(path: Path) -> None:
    model = max((name for name in MODELS if f"{path.stem}_".startswith(f"{name}_")), key=len)
    assert Configuration(model, ["--config", path.stem, *BASE]).model_options
    assert max(map(len, path.read_text().splitlines())) <= 120


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Configuration("hgr", ["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "captions a batch, of all devices together" in text  # of TrainOptions
    assert "width of the joint space." in text  # of the model
    assert "see graphvtr.graphs.truncate.truncate; None for all." in text  # one entry for three arguments
    assert "<class" not in text


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("hrg", BASE, "model 'hrg': unknown .*did you mean 'hgr'"),
        ("hgr", [*BASE, "--colour", "red"], "graphvtr train hgr: .*colour"),
        ("hgr", [*BASE, "--model.hiden", "3"], "graphvtr train hgr: .*hiden"),
        ("hgr", [*BASE, "--epochs", "many"], "graphvtr train hgr: .*epochs"),
        ("hgr", [*BASE, "--model.rnn", "elman"], "graphvtr train hgr: .*model.rnn"),
        ("hgr", [*BASE, "--config", "none.yaml"], "graphvtr train hgr: --config none.yaml: no such file .*known: hgr"),
        ("hgr", [*BASE, "--config=hgr_relased"], "did you mean 'hgr_released'. known: hgr, hgr_"),
        ("hgr", [*BASE, "--schedule-monitor", "mrr"], "schedule_monitor"),
        ("hgr", ["--out", "run"], "graphvtr train hgr: needs --data"),
        ("hgr", ["--data", "toy"], "graphvtr train hgr: needs --out"),
    ],
)
def test_errors_are_one_line(model: str, arguments: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        Configuration(model, arguments)
    assert "\n" not in str(error.value)


def test_unknown_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("learning_rate: 0.5\n")
    with pytest.raises(DataError, match="learning_rate"):
        Configuration("hgr", ["--config", str(tmp_path / "a.yaml"), *BASE])
    (tmp_path / "a.yaml").write_text("lr: [\n")
    with pytest.raises(DataError, match=r"a.yaml: is not YAML"):
        Configuration("hgr", ["--config", str(tmp_path / "a.yaml"), *BASE])


@pytest.mark.usefixtures("registered")
def test_training_writes_its_configuration(tmp_path: Path) -> None:
    arguments = "--data toy --epochs 2 --batch-size 8 --device cpu --progress false".split()
    arguments += "--model.hidden 8 --model.word_dim 4 --seed 5 --min-count 2".split()
    first = train(Configuration("hgr", [*arguments, "--out", str(tmp_path / "a")]))
    written = tmp_path / "a" / "config.yaml"
    assert yaml.safe_load(written.read_text())["model"]["hidden"] == 8
    again = train(Configuration("hgr", ["--config", str(written), "--out", str(tmp_path / "b")]))
    assert again.scores == first.scores
    states = [load(result.best).state_dict() for result in (first, again)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    more = train(Configuration("hgr", ["--config", str(written), "--epochs", "3", "--resume"]))
    assert more.scores[:2] == first.scores
    assert len(more.scores) == 3


class Wordless(HGR):
    """A model without word embedding of its own, as one with a language model."""

    word_embedding = None  # type: ignore[assignment]


def test_word_vectors_of_the_paper(registered, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A recipe names the file; without it training does not begin, and a run that does without says so."""
    small = ["--epochs=1", "--device=cpu", "--progress=false", "--model.hidden=4"]
    with pytest.raises(DataError, match=r"word vectors 'glove.6B.300d.txt': no such file .*nlp.stanford.edu.*null"):
        train(Configuration("hgr", [*BASE, "--word_vectors", "glove.6B.300d.txt"]))
    train(Configuration("hgr", ["--data=toy", f"--out={tmp_path}", *small]))
    assert "hgr starts from 300-d GloVe in its paper, this run from random word vectors" in caplog.text


def test_word_vectors(toy_vocabulary, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("dog 1 2 3\nrhino 4 5 6\n")
    model = HGR(len(toy_vocabulary), 10, hidden=8, word_dim=3)
    share = start_from_vectors(model, toy_vocabulary, str(tmp_path / "v.txt"))
    assert share == pytest.approx(1 / len(toy_vocabulary))
    row = model.text_encoder.words.embedding.weight[toy_vocabulary.ids(["dog"])[0]]
    assert row.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(DataError, match="word vectors: have shape"):
        start_from_vectors(HGR(len(toy_vocabulary), 10, hidden=8, word_dim=4), toy_vocabulary, str(tmp_path / "v.txt"))
    with pytest.raises(DataError, match="Wordless has no word embedding"):
        start_from_vectors(Wordless(len(toy_vocabulary), 10, hidden=8), toy_vocabulary, str(tmp_path / "v.txt"))
