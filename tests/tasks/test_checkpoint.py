from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.provenance import Provenance
from graphvtr.tasks.checkpoint import FORMAT, CheckpointInfo, load, load_checkpoint, save_checkpoint

INFO = CheckpointInfo(
    "hgr", dataset="toy", parser="spacy", featurizer="pixels", video_dim=10, epoch=3, scores=[1.0, 2.0]
)


@pytest.fixture
def saved(tmp_path: Path, toy_model, toy_vocabulary):
    """A checkpoint, its model, and ``change(function)`` to damage its content."""
    path, model = tmp_path / "model.ckpt", toy_model(margin=0.3)
    save_checkpoint(path, model, toy_vocabulary, INFO)

    def change(edit) -> Path:
        content = torch.load(path, weights_only=True)
        edit(content)
        torch.save(content, path)
        return path

    return path, model, change


def test_comes_back_without_a_dataset(saved, toy_vocabulary) -> None:
    path, model, _ = saved
    loaded = load(path)
    vocabulary, info = loaded.vocabulary, CheckpointInfo.of(loaded)
    assert isinstance(loaded, HGR)
    assert not loaded.training
    assert loaded.config == model.config
    assert vocabulary == toy_vocabulary
    assert info == INFO
    state = model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())
    assert not path.with_name("model.ckpt.partial").exists()


def test_old_names_of_load_work_and_say_so(saved) -> None:
    path, _, _ = saved
    with pytest.warns(FutureWarning, match=r"load_checkpoint will be gone in graphvtr 0.4; write load\(path\)"):
        model, vocabulary, info = load_checkpoint(path, model_name="hgr", max_frames=3)
    assert vocabulary is model.vocabulary
    assert (info.model, model.config["max_frames"]) == ("hgr", 3)
    with pytest.warns(FutureWarning), pytest.raises(DataError, match=r"is a checkpoint of hgr, not of visern"):
        load_checkpoint(path, model_name="visern")


@pytest.mark.parametrize("name", ["runs/none.ckpt", "none.ckpt", "{folder}/none", "/none/none"])
def test_a_file_that_is_missing_is_not_looked_for_on_the_hub(name: str, saved, monkeypatch) -> None:
    path, _, _ = saved
    monkeypatch.chdir(path.parent.parent)
    with pytest.raises(DataError, match="no such file"):
        load(name.format(folder=path.parent.name))


def test_overrides(saved) -> None:
    path, _, _ = saved
    model = load(path, max_frames=3, fusion="embed")
    assert isinstance(model, HGR)
    assert (model.config["max_frames"], model.config["fusion"], model.config["margin"]) == (3, "embed", 0.3)
    with pytest.raises(DataError, match=r"config.colour: is no option of hgr"):
        load(path, colour="red")
    with pytest.raises(DataError, match=r"has shape|is missing|is no weight"):
        load(path, hidden=8)


def test_released_file(tmp_path: Path, toy_model) -> None:
    from graphvtr.nn.models.hgr_released import released_name

    model = HGR.released(20, 10, hidden=8, word_dim=4)
    state: dict[str, dict[str, torch.Tensor]] = {"video_encoder": {}, "text_encoder": {}}
    for name, tensor in model.state_dict().items():
        part, _, rest = released_name(name).partition(".")
        state[part][rest] = tensor
    torch.save(state, tmp_path / "epoch.th")
    loaded = load(tmp_path / "epoch.th", max_words=7)
    vocabulary, info = loaded.vocabulary, CheckpointInfo.of(loaded)
    assert vocabulary is None
    assert info.released
    assert info.video_dim == 10
    assert isinstance(loaded, HGR)
    assert (loaded.config["rnn"], loaded.config["hidden"], loaded.config["max_words"]) == ("gru", 8, 7)
    del state["text_encoder"]["rnn.bias_hh_l0"]
    torch.save(state, tmp_path / "epoch.th")
    with pytest.raises(DataError, match=r"epoch.th: checkpoint key 'text_encoder.rnn.bias_hh_l0': is missing"):
        load(tmp_path / "epoch.th")
    torch.save({"video_encoder": 1, "text_encoder": 2}, tmp_path / "epoch.th")
    with pytest.raises(DataError, match="is no released HGR checkpoint"):
        load(tmp_path / "epoch.th")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.pop("graphvtr"), "is no graphvtr checkpoint .it holds state_dict"),
        (lambda c: c["graphvtr"].update(format="other"), "is no graphvtr checkpoint"),
        (lambda c: c["graphvtr"].update(format_version=2), "format version 2, newer than 1 .update graphvtr"),
        (lambda c: c["graphvtr"].update(format_version=None), "format version None"),
        (lambda c: c["graphvtr"].pop("config"), "has no field 'config'"),
        (lambda c: c["graphvtr"].pop("vocabulary"), "has no field 'vocabulary'"),
        (lambda c: c["graphvtr"].pop("info"), "has no field 'info'"),
        (lambda c: c["graphvtr"]["info"].update(colour=1), "wrong field in its info"),
        (lambda c: c["graphvtr"]["info"].pop("model"), "wrong field in its info"),
        (lambda c: c["graphvtr"]["info"].update(model="nonsense"), "unknown model 'nonsense' .known: .*hgr"),
        (lambda c: c["graphvtr"]["config"].update(hidden=8), r"has shape|is missing|is no weight"),
        (lambda c: c["graphvtr"]["config"].update(rnn="elman"), "configuration that hgr does not take"),
        (lambda c: c["graphvtr"]["vocabulary"].update(words=[1, 2, 3]), "vocabulary: words: is not a list"),
        (lambda c: c.pop("state_dict"), "has no field 'state_dict'"),
        (lambda c: c["state_dict"].popitem(), r"has shape|is missing|is no weight"),
    ],
)
def test_damaged_content(saved, edit, message: str) -> None:
    path = saved[2](edit)
    with pytest.raises(DataError, match=f"model.ckpt: .*{message}|model.ckpt: {message}") as error:
        load(path)
    assert "\n" not in str(error.value)


class Payload:
    """An object that weights-only loading must not revive."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged"),
        (b"nonsense", "is damaged"),
        ([1, 2], "holds a list"),
        ({"graphvtr": Payload()}, "is damaged, no checkpoint, or holds more than tensors"),
        ({}, "is no graphvtr checkpoint .it holds nothing"),
    ],
)
def test_other_files(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "x.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(DataError, match=f"x.ckpt: {message}"):
        load(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_cut_short(saved, share: float) -> None:
    path, _, _ = saved
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match="is damaged"):
        load(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.ckpt: no such file"):
        load(tmp_path / "none.ckpt")


def test_features_of_another_kind(saved) -> None:
    model = load(saved[0])
    width = model.config["video_dim"]
    assert model.check(Provenance({"features": {"name": "pixels", "version": 2}}, {"frame_x": width}), "store") == []
    assert model.check(Provenance({}, {"frame_x": width})) == []
    with pytest.raises(DataError, match=r"store: frame.x: is 4 wide, .*ckpt was trained on .*extract .* of pixels"):
        model.check(Provenance({}, {"frame_x": 4}), "store")
    with pytest.raises(DataError, match=r"store: is not what .*: features.name is cnn, in training it was pixels"):
        model.check(Provenance({"features": "cnn"}, {"frame_x": width}), "store")


def test_header_is_plain(saved) -> None:
    content = torch.load(saved[0], weights_only=True)
    assert content["graphvtr"]["format"] == FORMAT
    assert content["graphvtr"]["info"] == asdict(INFO)
    assert set(content["graphvtr"]["info"]) >= {"version", "dataset", "featurizer", "video_dim", "epoch"}
