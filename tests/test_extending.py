"""Models, datasets, parsers, backbones and detectors of one's own: one file each, named on the command line; and those
that an installed package offers."""

from __future__ import annotations

import json
import pickle
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch

import graphvtr
from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.nn import MODELS
from graphvtr.registry import RanFiles, Registry, split_file
from graphvtr.text import PARSERS, get_parser
from graphvtr.video import FeatureStore, build_detector, build_featurizer, build_motion
from tests.processes import clean_context
from tests.test_docs import commands, python_blocks

PAGE = Path(__file__).resolve().parents[1] / "docs" / "guides" / "extending.rst"
MINE = """
import torch
from torch import nn
from graphvtr.datasets import DATASETS, RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph, node_ptr
from graphvtr.nn import MODELS, CosineMatch, LevelEmbeddings, RetrievalModel, TripletRankingLoss
from graphvtr.ops import segment_reduce
from graphvtr.text import PARSERS, GraphLists, ListParser
from graphvtr.video import DETECTORS, FEATURIZERS, MOTION_FEATURIZERS, FrameDifferences, GridRegions, PixelDescriptor


@MODELS.register("bag")
class Bag(RetrievalModel):
    levels = ("event",)

    def __init__(self, vocab_size: int, video_dim: int, hidden: int = 8) -> None:
        super().__init__()
        self.words, self.frames = nn.Embedding(vocab_size, hidden), nn.Linear(video_dim, hidden)
        self.matchers = nn.ModuleDict({"event": CosineMatch()})
        self.ranking = TripletRankingLoss(0.2)

    def encode_video(self, graph):
        return LevelEmbeddings(event=self.frames(segment_reduce(graph["frame"].x, node_ptr(graph, "frame"), "mean")))

    def encode_text(self, graph):
        words = self.words(graph["word"].id)
        return LevelEmbeddings(event=segment_reduce(words, node_ptr(graph, "word"), "mean"))

    def loss(self, video, text, video_of_text):
        return {"loss": self.ranking(self.similarity(video, text), video_of_text)}


@PARSERS.register("flat")
class Flat(ListParser):
    name, version = "flat", "1"

    def sentences(self, captions, batch_size):
        for caption in captions:
            yield GraphLists(caption, caption.split(), [], [], [])


@FEATURIZERS.register("own")
class Own(PixelDescriptor):
    name = "own"

    def __init__(self, device="cpu"):
        super().__init__()


FEATURIZERS.register("mine")(lambda device="cpu": PixelDescriptor())
MOTION_FEATURIZERS.register("mine")(lambda: FrameDifferences())
DETECTORS.register("mine")(lambda num_regions=36, device="cpu": GridRegions(3))
"""


def name_of(sent: bytes, told: Connection) -> None:
    """Tell the name of a pickled featurizer, in another process."""
    told.send(pickle.loads(sent)[1].name)  # noqa: S301 - our own objects


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_the_page_is_trained_evaluated_and_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Model, parser, dataset and commands as docs/guides/extending.rst has them; only sizes are smaller."""
    pytest.importorskip("pytorch_lightning")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    blocks = {block.partition(".register(")[2].partition(")")[0].strip('"'): block for block in python_blocks(PAGE)}
    for name, file in (("bag_of_words", "my_model.py"), ("flat", "my_parser.py"), ("my_clips", "my_dataset.py")):
        Path(file).write_text(blocks[name])
    features = FeatureStore.create("features", {"frame_x": 4})
    for place, clip in enumerate(("dogs", "cats", "birds")):
        features.add(clip, {"frame_x": torch.full((3, 4), float(place)), "frame_time": torch.arange(3.0)})
    captions = {"dogs": ["a dog runs", "a dog barks"], "cats": ["a cat sleeps"], "birds": ["a bird sings"]}
    Path("mine").mkdir()
    Path("mine/captions.json").write_text(json.dumps(dict.fromkeys(("train", "val", "test"), captions)))
    Path("clips").mkdir()
    split = dict(zip(captions, ("train", "val", "test"), strict=True))
    lines = [f"{clip},{one},{split[clip]}" for clip in captions for one in captions[clip]]
    Path("clips/captions.csv").write_text("\n".join(["video,caption,split", *lines, "more,a dog eats,train"]))
    features.add("more", {"frame_x": torch.ones(2, 4), "frame_time": torch.arange(2.0)})
    said = {}
    for words in commands(PAGE.read_text()):
        verb = next(word for word in words[1:] if word in ("train", "eval", "search"))
        smaller = ["--epochs", "1", "--device", "cpu", "--parser", "my_parser.py:flat"] if verb == "train" else []
        if "hgr" in words:
            smaller += ["--model.hidden", "8", "--model.word_dim", "4"]
        assert main([*words[1:], *smaller]) == 0, words
        said[verb] = capsys.readouterr().out
    assert "chance" in said["eval"]
    assert all(clip in said["search"] for clip in features.names)
    assert main(["info", "my_model.py:bag_of_words", "--json"]) == 0
    model = graphvtr.load("runs/bag")
    assert (type(model).__name__, model.config["hidden"]) == ("BagOfWords", 64)
    model.save_pretrained("shared")
    assert torch.equal(graphvtr.load("shared").words.weight, model.words.weight)


def test_a_model_whose_file_is_not_named_is_unknown(mine: Path, tmp_path: Path) -> None:
    MODELS.find(f"{mine}:bag")(5, 4).save_pretrained(tmp_path / "shared")
    MODELS._entries.pop("bag")
    with pytest.raises(DataError, match="unknown model 'bag'"):
        graphvtr.load(tmp_path / "shared")


def test_a_name_in_a_file_runs_no_file(mine: Path, tmp_path: Path) -> None:
    """A checkpoint may say anything: only a user's own words run a file."""
    MODELS.find("hgr")(5, 4, hidden=8, word_dim=4).save_pretrained(tmp_path / "shared")
    config = json.loads((tmp_path / "shared" / "config.json").read_text())
    (tmp_path / "shared" / "config.json").write_text(json.dumps({**config, "model": f"{mine}:bag"}))
    with pytest.raises(DataError, match="unknown model"):
        graphvtr.load(tmp_path / "shared")
    assert "bag" not in MODELS


def test_parts_of_ones_own(mine: Path, capsys) -> None:
    assert get_parser(f"{mine}:flat").parse_one("a dog").words == ["a", "dog"]
    assert main(["parse", "a dog", "--parser", f"{mine}:flat"]) == 0
    assert "dog" in capsys.readouterr().out
    assert build_featurizer(f"{mine}:mine").name == "pixels"
    assert build_motion(f"{mine}:mine").name == "differences"
    assert build_detector(f"{mine}:mine", num_regions=5).settings == {"cells": 3}
    for build in (get_parser, build_featurizer, build_detector):
        with pytest.raises(DataError, match=r"none\.py: no such file"):
            build("none.py:mine")
    with pytest.raises(DataError, match=r"mine\.py:other: registers no model of that name"):
        MODELS.find(f"{mine}:other")


def test_a_backbone_of_ones_own_goes_to_other_processes(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run the file before they get what is made of its classes."""
    monkeypatch.setattr("graphvtr.registry._ran", [])  # of this test alone
    featurizer = build_featurizer(f"{mine}:own")
    assert type(featurizer).__module__ == "graphvtr_file_mine"
    sent = pickle.dumps((RanFiles(), featurizer))
    context = clean_context()  # whose processes have not run the file
    ours, theirs = context.Pipe()
    process = context.Process(target=name_of, args=(sent, theirs))
    process.start()
    assert ours.poll(60)
    assert ours.recv() == "own"
    process.join()


def test_an_installed_package_offers_by_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_package.py").write_text(MINE.replace('"bag"', '"theirs"').replace('"flat"', '"their_flat"'))
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[graphvtr.models]\ntheirs = their_package:Bag\n\n[graphvtr.parsers]\nbroken = no_such_module:Parser\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "theirs" in list(MODELS)
    assert MODELS["theirs"].__name__ == "Bag"
    with pytest.raises(DataError, match="parser 'broken': of the package theirs fails: ModuleNotFoundError"):
        PARSERS["broken"]
    sys.modules.pop("their_package")


def test_only_files_are_split_off() -> None:
    assert split_file("a:b.py:c") == (Path("a:b.py"), "c")
    assert split_file("bert-srl:archive=x.tar.gz") == (None, "bert-srl:archive=x.tar.gz")
    shapes: Registry[type] = Registry("shape")
    with pytest.raises(DataError, match="shape 'disc': unknown"):
        shapes.find("disc")
    with pytest.raises(DataError, match="of your own: FILE"):
        MODELS.find("disc")
