"""A model knows how it was fed: features of another network, rate, motion or detector are refused or named by every
command, and so is another parser."""

from __future__ import annotations

import csv
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import graphvtr
from graphvtr._optional import is_installed
from graphvtr.cli.main import main
from graphvtr.datasets import DataSource, build_dataset
from graphvtr.errors import DataError
from graphvtr.nn import MCSAN, MODELS
from graphvtr.nn.feeding import parser_of
from graphvtr.provenance import Provenance, digest, listed
from graphvtr.tasks.checkpoint import CheckpointInfo, load, save_checkpoint
from graphvtr.tasks.evaluate import evaluate_checkpoint
from graphvtr.tasks.prepare import build_model, make_vocabulary
from graphvtr.tasks.ranking import EvalOptions
from graphvtr.video import ClipPipeline, FeatureStore, FrameDifferences, GridRegions, PixelDescriptor, build_featurizer
from graphvtr.video import extract as extract_clips
from tests.clips import write_clip

av = pytest.importorskip("av")
pytest.importorskip("spacy")
pytest.importorskip("pytorch_lightning")

WORDS = ("red", "green", "blue", "white")
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (230, 230, 230)}
SIZES = {"hidden": 8, "word_dim": 4}


def growing(colour: tuple[int, int, int]) -> Callable[[int, int, int], np.ndarray]:
    """A square that grows before a colour."""
    rng = np.random.default_rng(sum(colour))

    def picture(step: int, width: int, height: int) -> np.ndarray:
        out = np.full((height, width, 3), colour, np.uint8) + rng.integers(0, 20, (height, width, 3), dtype=np.uint8)
        out[8 : 8 + step, 10 : 10 + step] = 128
        return out

    return picture


def random_network(path: Path, seed: int) -> Path:
    """A random ONNX network of eight features a picture."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kinds = onnx.helper, onnx.TensorProto
    weight = np.random.default_rng(seed).normal(size=(8, 3, 5, 5)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["map"], strides=[4, 4]),
        helper.make_node("Relu", ["map"], ["r"]),
        helper.make_node("ReduceMean", ["r"], ["y"], axes=[2, 3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kinds.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("y", kinds.FLOAT, [1, 8])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    with (root / "captions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "caption", "split"])
        for number, word in enumerate(WORDS):
            write_clip(root / f"{word}.mp4", 12, width=48, height=32, rate=6, picture=growing(COLOURS[word]))
            for split in ("train",) if number < 2 else ("val",) if number == 2 else ("test",):
                writer.writerow([f"{word}.mp4", f"a {word} square grows", split])
    return root


@pytest.fixture(scope="module")
def fed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Stores that differ in one thing each from ``plain``, and a model of every kind trained on it."""
    folder = tmp_path_factory.mktemp("fed")
    one, other = (random_network(folder / name, seed) for seed, name in enumerate(("one.onnx", "other.onnx")))
    (folder / "moved").mkdir()
    moved = folder / "moved" / "one.onnx"
    moved.write_bytes(one.read_bytes())
    options: dict[str, dict[str, Any]] = {
        "plain": {"num_frames": 4},
        "again": {"num_frames": 4, "featurizer": moved},
        "weights": {"num_frames": 4, "featurizer": other},
        "frames": {"num_frames": 6},
        "rate": {"rate": 2.0},
        "regions": {"num_frames": 4, "detector": GridRegions(2)},
        "cells": {"num_frames": 4, "detector": GridRegions(3)},
        "motion": {"num_frames": 4, "motion": FrameDifferences()},
    }
    stores = {}
    for name, told in options.items():
        featurizer = build_featurizer(told.pop("featurizer", one))
        if "detector" in told:
            featurizer = PixelDescriptor()
        stores[name] = folder / name
        extract_clips(clips, stores[name], featurizer, progress=False, **told)
    return SimpleNamespace(folder=folder, stores=stores, clips=clips, one=one, other=other)


def source(fed: SimpleNamespace, store: str) -> DataSource:
    return DataSource(fed.clips, fed.stores[store], cache=fed.folder / "cache")


def trained(fed: SimpleNamespace, name: str, store: str, **options: Any) -> Path:
    """A checkpoint of a model for the clips of a store."""
    path = fed.folder / f"{name}-{store}.ckpt"
    if not path.exists():
        dataset = build_dataset("folder", "train", source(fed, store))
        words = make_vocabulary(dataset)
        model = build_model(name, dataset, words, {**SIZES, **options})
        record = dataset.provenance.with_words(words.words).to_dict()
        info = CheckpointInfo(name, dataset="folder", video_dim=dataset.video_dim, provenance=record)
        save_checkpoint(path, model, words, info)
    return path


MESSAGES = {
    "weights": r"features\.version is other\.onnx \w+, in training it was one\.onnx \w+",
    "frames": r"frames\.num_frames is 6, in training it was 4",
    "rate": r"frames\.num_frames is none, in training it was 4; frames\.rate is 2\.0, in training it was none",
}


@pytest.mark.parametrize("store", MESSAGES)
def test_eval_search_and_check_refuse_what_the_model_was_not_trained_on(fed: SimpleNamespace, store: str) -> None:
    checkpoint = trained(fed, "vse", "plain")
    model = graphvtr.load(checkpoint)
    with pytest.raises(DataError, match=MESSAGES[store]):
        model.check(FeatureStore.open(fed.stores[store]))
    with pytest.raises(DataError, match=MESSAGES[store]):
        evaluate_checkpoint(checkpoint, "folder", "test", source(fed, store))
    assert len(model.check(FeatureStore.open(fed.stores[store]), mismatch="warn")) == len(MESSAGES[store].split("; "))
    found = evaluate_checkpoint(
        checkpoint, "folder", "test", source(fed, store), EvalOptions(samples=2), mismatch="warn"
    )
    assert found.num_videos == 1
    assert model.check(FeatureStore.open(fed.stores["plain"])) == []
    with pytest.raises(DataError, match="mismatch: is 'maybe'"):
        model.check(FeatureStore.open(fed.stores["plain"]), mismatch="maybe")  # type: ignore[arg-type]


REFUSED = {  # what the model was trained on, what it is given, what is said
    **{store: ("plain", store, message) for store, message in MESSAGES.items()},
    "regions": ("regions", "cells", r"regions\.settings\.cells is 3, in training it was 2"),
    "motion": ("motion", "plain", r"is 8 wide"),
}


@pytest.mark.parametrize("difference", REFUSED)
def test_every_command_refuses_every_difference(fed: SimpleNamespace, difference: str, capsys: Any) -> None:
    store, other, message = REFUSED[difference]
    looks = {"video_rnn": 8, "text_rnn": 8, "filters": 8} if difference == "regions" else {}
    checkpoint, given = str(trained(fed, "visern" if looks else "vse", store, **looks)), str(fed.stores[other])
    data = ["--data", "folder", "--root", str(fed.clips), "--store", given, "--cache", str(fed.folder / "cache")]
    out = fed.folder / f"refused-{difference}"
    commands = [
        ["eval", checkpoint, *data, "--split", "test"],
        ["plot", "gallery", checkpoint, *data, "--clips", str(fed.clips), "--out", f"{out}.png"],
    ]
    if is_installed("faiss"):
        commands.append(["index", checkpoint, given, "--out", str(out)])
        run = fed.folder / f"run-{difference}"  # a run, but for what a search of it does not read
        run.mkdir()
        (run / "best.ckpt").write_bytes(Path(checkpoint).read_bytes())
        (run / "config.yaml").write_text(f"data: folder\nroot: {fed.clips}\nstore: {fed.stores[store]}\n")
        assert main(["search", str(run), "a red square grows"]) == 0
        commands.append(["search", str(run), "a red square grows", "--store", given])
    if difference != "regions":  # MCSAN, whose tags these are, looks at none
        commands.append(["tag", str(trained(fed, "mcsan", store, sentence=None)), "red", "--store", given])
    for command in commands:
        assert main(command) == 2, command
        assert re.search(message, capsys.readouterr().err), command
    assert not out.exists()
    assert not out.with_suffix(".png").exists()


def test_an_index_is_built_of_and_grows_by_the_same_features_only(fed: SimpleNamespace) -> None:
    pytest.importorskip("faiss")
    from graphvtr.search import build_index
    from graphvtr.search.opening import open_index

    checkpoint, out = trained(fed, "vse", "plain"), fed.folder / "index"
    for store, message in MESSAGES.items():
        with pytest.raises(DataError, match=message):
            build_index(checkpoint, fed.stores[store], out)
    build_index(checkpoint, fed.stores["plain"], out)
    index = open_index(out)
    assert index.manifest.provenance["features"] == FeatureStore.open(fed.stores["plain"]).settings
    with pytest.raises(DataError, match=MESSAGES["weights"]):
        index.add(fed.stores["weights"])
    assert len(list(index.search(["a red square grows"], 4)[0])) == 4


def test_a_search_by_another_parser_says_so(fed: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("faiss")
    index = ["index", str(trained(fed, "vse", "plain")), str(fed.stores["plain"]), "--out"]
    own, neural = (str(fed.folder / f"index-{name}") for name in ("own", "neural"))
    assert main([*index, own]) == 0
    assert main([*index, neural, "--parser", "neural"]) == 0
    for asked, warned in (([own], False), ([own, "--parser", "neural"], True), ([neural], True)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert main(["search", asked[0], "a red square grows", *asked[1:]]) == 0
        assert ("captions are parsed by neural" in caplog.text) == warned, asked


def test_the_same_weights_elsewhere_are_the_same(fed: SimpleNamespace) -> None:
    model = graphvtr.load(trained(fed, "vse", "plain"))
    assert model.check(FeatureStore.open(fed.stores["again"])) == []


def test_regions_count_for_models_that_look_at_them(fed: SimpleNamespace) -> None:
    visern = graphvtr.load(trained(fed, "visern", "regions", video_rnn=8, text_rnn=8, filters=8))
    with pytest.raises(DataError, match=r"regions\.settings\.cells is 3, in training it was 2"):
        visern.check(FeatureStore.open(fed.stores["cells"]))
    blind = graphvtr.load(trained(fed, "vse", "regions"))
    assert blind.check(FeatureStore.open(fed.stores["cells"])) == []


def test_motion_counts(fed: SimpleNamespace) -> None:
    model = graphvtr.load(trained(fed, "vse", "motion"))
    told = FeatureStore.open(fed.stores["motion"])
    still = Provenance({key: value for key, value in told.settings.items() if key != "motion"}, told.widths)
    with pytest.raises(DataError, match=r"motion is none, in training it was differences 1"):
        model.check(still)
    with pytest.raises(DataError, match="is 8 wide"):
        model.check(FeatureStore.open(fed.stores["plain"]))


def test_another_parser_is_named(fed: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = trained(fed, "vse", "plain")
    model = graphvtr.load(checkpoint)
    assert model.provenance.parser["name"] == "spacy"
    with caplog.at_level(logging.WARNING):
        assert parser_of(model).name == "spacy"
        assert not caplog.records
        assert parser_of(model, "neural").name == "neural"
    assert "captions are parsed by neural" in caplog.text
    caplog.clear()
    other = DataSource(fed.clips, fed.stores["plain"], parser="neural", cache=fed.folder / "cache")
    evaluate_checkpoint(checkpoint, "folder", "test", other, EvalOptions(samples=2))
    assert "captions are parsed by neural" in caplog.text
    assert "was trained with spacy" in caplog.text


def test_a_record_names_parsers_the_library_knows_and_nothing_else(fed: SimpleNamespace) -> None:
    model = graphvtr.load(trained(fed, "vse", "plain"))
    for name in ("allennlp:python=/bin/sh", "/tmp/graphs.json", "evil.py:Parser"):
        model.info = {**model.info, "provenance": {**model.provenance.to_dict(), "parser": {"name": name}}}
        with pytest.raises(DataError, match=r"asks for the parser .* a file may only name a registered one"):
            parser_of(model)
    model.info = {**model.info, "provenance": {"features": {"features": {"name": "/tmp/net.onnx"}}}}
    with pytest.raises(DataError, match="a file of its own"):
        model.encode_video([fed.clips / "red.mp4"])
    model.info = {**model.info, "provenance": {"features": 3}}
    with pytest.raises(DataError, match="provenance: features: is a int"):
        model.check(FeatureStore.open(fed.stores["plain"]))


def test_sentences_and_files_are_scored_as_the_store_is(fed: SimpleNamespace) -> None:
    """Two lines: a model of a file, and how well each sentence fits each clip."""
    model = graphvtr.load(trained(fed, "vse", "plain"))
    files = [fed.clips / f"{word}.mp4" for word in WORDS]
    with pytest.raises(DataError, match=r"has features of 'onnx' one\.onnx"):
        model.score(["a red square grows"], files)
    model.pipeline = ClipPipeline(build_featurizer(fed.other), num_frames=4)
    with pytest.raises(DataError, match=MESSAGES["weights"]):
        model.score(["a red square grows"], files)
    model.pipeline = ClipPipeline(build_featurizer(fed.one), num_frames=4)
    sentences = ["a red square grows", "a white square grows"]
    scores = model.score(sentences, files)
    assert scores.shape == (2, 4)
    assert not scores.requires_grad
    store = FeatureStore.open(fed.stores["plain"])
    dataset = build_dataset("folder", "all", source(fed, "plain"))
    dataset.encode_words(model.vocabulary)
    with torch.inference_mode():
        video = model.encode_video(store.video_graphs(WORDS).batch(range(4)))
        captions = [dataset.captions.index(sentence) for sentence in sentences]
        expected = model.similarity(video, model.encode_text(dataset.role_graphs.batch(captions)))
    torch.testing.assert_close(scores, expected.t())
    torch.testing.assert_close(model.score(sentences, store.video_graphs(WORDS)), scores)
    with pytest.raises(DataError, match="captions: is a string"):
        model.encode_text("a red square grows")  # type: ignore[arg-type]


@pytest.mark.parametrize("store", ["regions", "motion"])
def test_known_parts_are_made_again_from_the_record(fed: SimpleNamespace, store: str) -> None:
    """A model of built-in features needs nothing but the files."""
    name = "visern" if store == "regions" else "vse"
    told = {"video_rnn": 8, "text_rnn": 8, "filters": 8} if name == "visern" else {}
    if store == "motion":
        target = fed.folder / "pixels-motion"
        if not target.exists():
            extract_clips(fed.clips, target, PixelDescriptor(), motion=FrameDifferences(), num_frames=4, progress=False)
        fed.stores["pixels-motion"] = target
        store = "pixels-motion"
    model = graphvtr.load(trained(fed, name, store, **told))
    files = [fed.clips / "red.mp4", fed.clips / "blue.mp4"]
    kept = FeatureStore.open(fed.stores[store]).video_graphs(["red", "blue"])
    torch.testing.assert_close(model.score(["a red square"], files), model.score(["a red square"], kept))


def test_tag_describes_a_file_as_in_training(fed: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """The same clip as a file and from the store: the same tags, whatever the number of frames."""
    target = fed.folder / "pixels"
    extract_clips(fed.clips, target, PixelDescriptor(), num_frames=3, progress=False)
    fed.stores["pixels"] = target
    checkpoint = trained(fed, "mcsan", "pixels", sentence=None)
    model = load(checkpoint)
    assert isinstance(model, MCSAN)
    asked = ["tag", str(checkpoint), "--json"]
    assert main([*asked, str(fed.clips / "red.mp4")]) == 0
    of_file = json.loads(capsys.readouterr().out)["tags"]
    assert main([*asked, "red", "--store", str(target)]) == 0
    assert json.loads(capsys.readouterr().out)["tags"] == of_file
    assert main([*asked, "red", "--store", str(fed.stores["cells"])]) == 2
    assert "frames.num_frames is 4, in training it was 3" in capsys.readouterr().err


def test_train_writes_the_record_and_resume_compares_it(fed: SimpleNamespace, capsys: Any) -> None:
    run = fed.folder / "run"
    shared = "--data folder --epochs 1 --device cpu --model.hidden 8 --model.word_dim 4".split()
    shared += ["--root", str(fed.clips), "--out", str(run), "--cache", str(fed.folder / "cache")]
    assert main(["train", "vse", *shared, "--store", str(fed.stores["plain"])]) == 0
    model = graphvtr.load(run)  # a run's folder is a model
    store = FeatureStore.open(fed.stores["plain"])
    assert model.provenance.features == store.settings
    assert model.provenance.vocabulary == digest(model.vocabulary.words)
    assert model.provenance.dataset["split"] == "train"
    again = [part if part != "1" else "2" for part in shared]
    told = {other: f"was trained on other features or graphs: .*{message}" for other, message in MESSAGES.items()}
    for other, message in {**told, "motion": "was trained with other model options: video_dim 8 instead of"}.items():
        assert main(["train", "vse", *again, "--store", str(fed.stores[other]), "--resume"]) == 2
        assert re.search(message, capsys.readouterr().err), other
    assert main(["train", "vse", *again, "--store", str(fed.stores["plain"]), "--parser", "neural", "--resume"]) == 2
    assert re.search(
        r"other features or graphs: .*parser\.name is neural, in training it was spacy", capsys.readouterr().err
    )
    assert main(["train", "vse", *again, "--store", str(fed.stores["plain"]), "--resume"]) == 0
    model.save_pretrained(fed.folder / "exported")
    exported = graphvtr.load(fed.folder / "exported")
    assert exported.provenance == model.provenance
    with pytest.raises(DataError, match=MESSAGES["weights"]):
        exported.check(FeatureStore.open(fed.stores["weights"]))


def test_resume_compares_regions(fed: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"hidden": 8, "word_dim": 4, "video_rnn": 8, "text_rnn": 8, "filters": 8}
    shared = "train visern --data folder --device cpu".split()
    shared += ["--root", str(fed.clips), "--out", str(fed.folder / "regions-run"), "--cache", str(fed.folder / "cache")]
    shared += [f"--model.{name}={size}" for name, size in sizes.items()]
    assert main([*shared, "--store", str(fed.stores["regions"]), "--epochs", "1"]) == 0
    assert main([*shared, "--store", str(fed.stores["cells"]), "--epochs", "2", "--resume"]) == 2
    assert re.search(
        r"other features or graphs: .*regions\.settings\.cells is 3, in training it was 2", capsys.readouterr().err
    )


def test_old_checkpoints_load_with_a_notice(fed: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = trained(fed, "vse", "plain")
    content = torch.load(checkpoint, weights_only=True)
    del content["graphvtr"]["info"]["provenance"]
    content["graphvtr"]["info"]["featurizer"] = "onnx"
    old = fed.folder / "old.ckpt"
    torch.save(content, old)
    model = graphvtr.load(old)
    assert model.provenance == Provenance(version="")
    with caplog.at_level(logging.WARNING):
        assert model.check(FeatureStore.open(fed.stores["weights"])) == []
    assert "did not note how its features were made" in caplog.text
    other = Provenance(FeatureStore.open(fed.stores["cells"]).settings, {"frame_x": 8})
    with pytest.raises(DataError, match=r"features\.name is pixels, in training it was onnx"):
        model.check(other)


def test_load_says_what_it_wants(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no best\.ckpt, last\.ckpt or config\.json"):
        graphvtr.load(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        graphvtr.load(tmp_path / "absent.ckpt")


def test_long_lists_are_cut() -> None:
    assert listed([str(number) for number in range(10)]).endswith("7; and 2 more")
    assert set(MODELS) >= {"vse", "visern", "mcsan"}
