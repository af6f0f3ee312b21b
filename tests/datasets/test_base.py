"""The dataset contract."""

from __future__ import annotations

import logging
import pkgutil
from pathlib import Path

import pytest
import torch
import torch_geometric

import graphvtr.datasets
from graphvtr.datasets import DATASETS, DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.base import keep_available
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph, truncate
from graphvtr.text import Vocabulary


def dataset(**changes: object) -> RetrievalDataset:
    arguments = {
        "name": "tiny",
        "split": "train",
        "videos": ["a", "b"],
        "captions": ["a dog runs", "cats", "a cat sleeps"],
        "video_of_caption": torch.tensor([0, 1, 1]),
        "video_graphs": GraphStore.from_graphs([VideoGraph.build(torch.randn(2, 5), name=n) for n in "ab"]),
        "role_graphs": GraphStore.from_graphs(
            [
                RoleGraph.build(["a", "dog", "runs"], [[2]], [("ARG0", [0, 1])], [(0, 0)]),
                RoleGraph.build(["cats"], [], [("NOUN", [0])], []),
                RoleGraph.build(["a", "cat", "sleeps"], [[2]], [("ARG0", [0, 1])], [(0, 0)]),
            ]
        ),
    }
    return RetrievalDataset(**{**arguments, **changes})


def test_items_are_captions_with_their_video() -> None:
    tiny = dataset()
    assert (len(tiny), tiny.video_dim) == (3, 5)
    video, caption = tiny[2]
    assert (video.name, caption.caption) == ("b", "a cat sleeps")
    assert tiny.words() == [["a", "dog", "runs"], ["cats"], ["a", "cat", "sleeps"]]
    assert "tiny/train, 2 videos, 3 captions" in repr(tiny)


def test_encode_words_sets_ids_of_all_graphs() -> None:
    tiny = dataset()
    vocabulary = Vocabulary.from_captions(tiny.words()[:1])
    tiny.encode_words(vocabulary)
    assert tiny.role_graphs.batch([2])["word"].id.tolist() == vocabulary.ids(["a", "cat", "sleeps"])
    assert tiny.role_graphs[1]["word"].id.tolist() == [2]


def test_transformed_leaves_the_original_alone() -> None:
    tiny = dataset()
    short = tiny.transformed(None, lambda graph: truncate(graph, max_words=2))
    assert short.words() == [["a", "dog"], ["cats"], ["a", "cat"]]
    assert tiny.words()[0] == ["a", "dog", "runs"]
    assert short.video_graphs is tiny.video_graphs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"captions": []}, "tiny/train: has no captions"),
        ({"videos": ["a", "a"]}, "video 'a': is listed twice"),
        ({"videos": ["a", "b", "c"]}, "video_graphs: has 2 entries for 3"),
        ({"captions": ["x", "y"]}, "role_graphs: has 3 entries for 2"),
        ({"video_of_caption": torch.tensor([0])}, "video_of_caption: has 1 entries for 3"),
        ({"video_of_caption": torch.tensor([0, 1, 2])}, "video_of_caption: names item 2 of 2"),
        ({"video_of_caption": torch.tensor([0, 1, -1])}, "video_of_caption: names item -1 of 2"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(**changes)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(DataError, match=r"dataset 'msvdd': unknown .*did you mean 'msvd'"):
        build_dataset("msvdd", "train")
    with pytest.raises(DataError, match=r"split 'dev' of msvd: unknown .known: train, val, test"):
        build_dataset("msvd", "dev")
    with pytest.raises(DataError, match=r"needs the folder of its files .pass --root DIR"):
        build_dataset("msvd", "train")
    assert {"hgr", "msvd", "moving_scenes"} <= set(DATASETS)


def test_keep_available(caplog: pytest.LogCaptureFixture) -> None:
    has = {"a", "c"}.__contains__
    with caplog.at_level(logging.WARNING):
        assert keep_available("tiny/train", ["a", "b", "c"], has, DataSource(), "STORE", "skip") == ["a", "c"]
    assert "2 of 3 listed videos have features in STORE; not: b" in caplog.text
    with pytest.raises(DataError, match=r"STORE: video 'b': has no feature \(1 of 3.*or pass --missing skip"):
        keep_available("tiny/train", ["a", "b", "c"], has, DataSource(missing="error"), "STORE", "skip")
    with pytest.raises(DataError, match=r"video 'x': has no feature \(1 of 1 listed videos lack one\) \(run"):
        keep_available("tiny/train", ["x"], has, DataSource(), "STORE", "skip")
    with pytest.raises(DataError, match=r"run graphvtr extract on its clip; the clips there have names like 'clip 7'"):
        keep_available("tiny/train", ["x"], has, DataSource(), "STORE", "skip", "clip 7")
    with pytest.raises(DataError, match="missing: is 'maybe'"):
        keep_available("tiny/train", ["a"], has, DataSource(missing="maybe"), "STORE", "skip")


def test_it_is_a_dataset_of_pyg() -> None:
    tiny = dataset()
    assert isinstance(tiny, torch_geometric.data.Dataset)
    part = tiny[1:]
    assert isinstance(part, RetrievalDataset)
    assert (part.videos, part.captions, part.video_of_caption.tolist()) == (["b"], ["cats", "a cat sleeps"], [0, 0])
    assert [(video.name, text.caption) for video, text in part] == [("b", "cats"), ("b", "a cat sleeps")]
    for index in ([2, 0], torch.tensor([2, 0]), torch.tensor([2, 0]).numpy()):
        assert tiny[index].captions == ["a cat sleeps", "a dog runs"]
        assert [video.name for video, _ in tiny[index]] == ["b", "a"]
    assert tiny[torch.tensor([False, True, False])].captions == ["cats"]
    assert sorted(tiny.shuffle().captions) == sorted(tiny.captions)
    with pytest.raises(DataError, match="tiny/train: has no captions at these"):
        tiny[:0]


def test_pyg_s_loader_batches_both_graphs() -> None:
    tiny = dataset()
    (video, text) = next(iter(torch_geometric.loader.DataLoader(tiny, batch_size=3)))
    assert video["frame"].x.shape == (6, 5)
    assert video["frame"].ptr.tolist() == [0, 2, 4, 6]
    assert text["word"].ptr.tolist() == [0, 3, 4, 7]
    assert torch.equal(video["frame"].x[4:], tiny.video_graphs[1]["frame"].x)


def test_every_module_of_the_folder_is_registered() -> None:
    modules = {module.name for module in pkgutil.iter_modules(graphvtr.datasets.__path__)}
    assert modules - {"base", "captioned", "files", "parsing", "source"} == {
        entry.__module__.split(".")[2]
        for entry in (getattr(entry, "func", entry) for entry in map(DATASETS.__getitem__, DATASETS))
        if entry.__module__.startswith("graphvtr.")
    }


ONE_FILE = """
import torch
from graphvtr.datasets import DATASETS, RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph

@DATASETS.register("{name}")
def build(split, source):
    videos = [VideoGraph.build(torch.ones(2, 3), name=name) for name in ("first", "second")]
    captions = [RoleGraph.build([word], [], [("NOUN", [0])], []) for word in ("dog", "cat")]
    return RetrievalDataset(
        "{name}", split, ["first", "second"], ["dog", "cat"], torch.tensor([0, 1]),
        GraphStore.from_graphs(videos), GraphStore.from_graphs(captions),
    )
"""


def test_a_dataset_in_a_file_of_one_s_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(ONE_FILE.format(name="test_mine"))
    for split in ("train", "val"):  # the file is run once
        assert build_dataset(f"{path}:test_mine", split).split == split
    with pytest.raises(DataError, match=r"registers no dataset of that name .*test_mine"):
        build_dataset(f"{path}:test_min", "train")
    with pytest.raises(DataError, match=r"absent.py: no such file .give FILE.py:NAME, or a registered name"):
        build_dataset(f"{tmp_path / 'absent.py'}:test_mine", "train")
    (tmp_path / "broken.py").write_text("import graphvtr.no_such_module")
    with pytest.raises(DataError, match=r"broken.py: fails: ModuleNotFoundError: .*no_such_module"):
        build_dataset(f"{tmp_path / 'broken.py'}:test_mine", "train")
