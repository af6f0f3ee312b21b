"""Many clips at once, and small files into large ones."""

from __future__ import annotations

import os

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import FeatureStore


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    return FeatureStore.create(tmp_path / "store", {"frame_x": 6})


def test_a_batch_is_one_file(store, random_fields):
    clips = {f"clip/{i}": random_fields(frames=i + 1) for i in range(5)}
    store.add_many(clips)
    store.add_many({})
    assert len(list(store.path.glob("clips/*.safetensors"))) == 1
    for view in (store, FeatureStore.open(store.path)):
        assert view.names == sorted(clips)
        assert view.verify() == {}
        for name, fields in clips.items():
            assert torch.equal(view.read(name)["frame_x"], fields["frame_x"].half().float())
    store.pack()
    assert not list(store.path.glob("clips/*"))
    assert FeatureStore.open(store.path).names == sorted(clips)


def test_one_wrong_clip_and_nothing_of_the_batch_is_written(store, random_fields):
    with pytest.raises(DataError, match=r"clip 'b': frame_x: has shape \[4, 7\]"):
        store.add_many({"a": random_fields(), "b": random_fields(width=7)})
    assert not list(store.path.glob("clips/*"))
    assert len(store) == 0


def test_of_two_files_the_later_one_counts(store, random_fields):
    new = {}
    for _ in range(4):  # names of batches are random: their order says nothing
        new = {name: random_fields() for name in "abc"}
        store.add_many(new)
        for file in store.path.glob("clips/*"):  # as if some time had passed
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 10**9))
    new["b"] = random_fields()
    store.add("b", new["b"])
    for _ in range(2):
        for name, fields in new.items():
            assert torch.equal(FeatureStore.open(store.path).read(name)["frame_x"], fields["frame_x"].half().float())
        store.pack()
        assert not list(store.path.glob("clips/*"))  # those that nobody needs are gone too


def test_damaged_batches_stay(store, random_fields):
    store.add_many({"a": random_fields()})
    (file,) = store.path.glob("clips/*")
    file.write_bytes(file.read_bytes()[:-1])
    store.add("a", random_fields())
    store.pack()
    assert [found.name for found in store.path.glob("clips/*")] == [file.name]
    assert store.names == ["a"]
    assert list(store.damaged) == [f"clips/{file.name}"]


def test_a_large_file_becomes_a_shard_as_it_is(store, random_fields):
    store.add("large", random_fields(frames=100))
    store.add("small", random_fields())
    store.add("tiny", random_fields(frames=1))
    (large,) = store.path.glob("clips/large*")
    number = large.stat().st_ino
    before = store.checksum()
    store.pack(shard_bytes=1000)
    assert not list(store.path.glob("clips/*"))
    shards = sorted(store.path.glob("shards/*"))
    assert [file.stat().st_ino == number for file in shards] == [True, False]
    again = FeatureStore.open(store.path)
    assert again.checksum() == before
    assert again.verify() == {}


def test_texts(tmp_path):
    store = FeatureStore.create(tmp_path / "texts", {"token_x": 3}, {"model": "tiny"})
    rows = {"a dog": torch.randn(2, 3), "": torch.randn(1, 3)}
    with pytest.raises(DataError, match="is not a name"):
        store.add_many({name: {"token_x": value} for name, value in rows.items()})
    store.add("a dog", {"token_x": rows["a dog"]})
    assert torch.equal(store.read("a dog")["token_x"], rows["a dog"].half().float())
    assert store.verify() == {}
    with pytest.raises(DataError, match="holds features of texts, no clips"):
        store.video_graph("a dog")
    for value, problem in (
        (torch.full((1, 3), float("inf")), "has NaN or infinite"),
        (torch.zeros(1, 4), r"has shape \[1, 4\]"),
        (torch.full((1, 3), 1e5), "reaches 1e.05, beyond float16"),
    ):
        with pytest.raises(DataError, match=f"token_x: {problem}"):
            store.add("bad", {"token_x": value})
    with pytest.raises(DataError, match="frame_x: has no place in a store of token_x"):
        store.add("bad", {"token_x": torch.zeros(1, 3), "frame_x": torch.zeros(1, 3)})
    with pytest.raises(DataError, match="token_x alone"):
        FeatureStore.create(tmp_path / "both", {"token_x": 3, "frame_x": 3})
