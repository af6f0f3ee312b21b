"""Adding, deleting, merging: readers see the old state or the new one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.search import Index, build_index, verify
from graphvtr.search.index import arrays, editing
from graphvtr.search.index.manifest import SEGMENTS
from graphvtr.search.plain import MANIFEST
from graphvtr.video import FeatureStore
from tests.processes import clean_context
from tests.search.conftest import QUERY, WIDTH, Files, add_clips


def test_adding_passes_over_what_is_there(files: Files) -> None:
    index = files.build()
    add_clips(files.store, ["new"])
    change = index.add(files.store, metadata=files.metadata)
    assert (change.added, change.replaced, len(change.skipped)) == (["new"], [], 7)
    assert len(index) == 8
    assert len(index.segments) == 2
    change = index.add(files.store, metadata={**files.metadata, "clip 1": {"tags": ["other"]}})
    assert (change.added, change.replaced) == ([], ["clip 1"])
    assert index.item("clip 1").tags == ["other"]
    assert len(index) == 8
    assert sorted(result.name for result in index.search(QUERY)) == sorted(files.store.names)


def test_changed_features_replace_a_clip(files: Files) -> None:
    index = files.build()
    files.store.add("clip 2", {"frame_x": torch.ones(2, WIDTH), "frame_time": torch.arange(2.0)})
    assert index.add(files.store, metadata=files.metadata).replaced == ["clip 2"]
    assert index.times("clip 2") == [0.0, 1.0]


def test_deleting_and_merging(files: Files) -> None:
    index = files.build()
    change = index.delete(["clip 1", "nobody", "clip 1"])
    assert (change.deleted, change.missing) == (["clip 1"], ["nobody"])
    assert len(index) == 6
    before = [(r.name, r.score, r.levels) for r in index.search(QUERY)]
    captions = [(r.caption, r.score) for r in index.search_videos(["clip 3"], top=9)[0]]
    assert len(captions) == 5
    add_clips(files.store, ["new"])
    index.add(files.store, ["new"])
    index.delete(["new"])
    index.compact()
    assert len(index.segments) == 1
    assert index.segments[0].info.deleted == []
    assert [(r.name, r.score, r.levels) for r in index.search(QUERY)] == before
    assert [(r.caption, r.score) for r in index.search_videos(["clip 3"], top=9)[0]] == captions
    assert len(list((files.path / SEGMENTS).iterdir())) == 1
    assert verify(files.path) == {}


def test_everything_may_be_deleted(files: Files) -> None:
    index = files.build()
    index.delete(files.store.names)
    assert index.search(QUERY)[:] == []
    index.compact()
    assert (len(index), index.segments, index.search(QUERY)[:]) == (0, [], [])
    index.add(files.store)
    assert len(index) == 7


def test_large_stores_are_published_in_parts(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing, "PUBLISH_EVERY", 3)
    written: list[int] = []
    publish = editing.publish

    def watched(path: Path, manifest: Any) -> None:
        publish(path, manifest)
        written.append(Index.open(path).manifest.clips)

    monkeypatch.setattr(editing, "publish", watched)
    index = files.build(kind="hnsw")
    assert written == [3, 6, 7, 7]
    assert len(index.segments) == 1
    assert index.segments[0].info.kind == "hnsw"


def test_a_run_goes_on_where_it_was_stopped(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing, "PUBLISH_EVERY", 3)
    embed, calls = editing.embed_clips, []

    def stopped(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        embed(*args)

    monkeypatch.setattr(editing, "embed_clips", stopped)
    with pytest.raises(KeyboardInterrupt):
        files.build()
    assert len(Index.open(files.path)) == 3
    monkeypatch.setattr(editing, "embed_clips", embed)
    change = build_index(files.checkpoint, files.store, files.path, metadata=files.metadata)
    assert (len(change.added), len(change.skipped)) == (4, 3)
    assert Index.open(files.path).names == files.store.names


def _killed(path: Path, store: Path, after: int) -> None:
    """Add a clip, and be killed at the ``after``-th write."""
    calls = 0
    append = arrays.ArrayWriter.append

    def dying(self: arrays.ArrayWriter, values: np.ndarray[Any, Any]) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, values)

    arrays.ArrayWriter.append = dying  # type: ignore[method-assign]
    if after == 0:
        editing.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    Index.open(path).add(FeatureStore.open(store))


@pytest.mark.parametrize("after", [1, 6, 12, 0])
def test_killed_while_adding_the_old_index_is_whole(files: Files, after: int) -> None:
    index = files.build()
    before = (files.path / MANIFEST).read_bytes()
    add_clips(files.store, ["new"])
    child = clean_context().Process(target=_killed, args=(files.path, files.store.path, after))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert (files.path / MANIFEST).read_bytes() == before
    assert verify(files.path) == {}
    assert not index.refresh()
    assert len(Index.open(files.path).search(QUERY)) == 7
    assert index.add(files.store, metadata=files.metadata).added == ["new"]  # the lock died with its process
    assert len(list((files.path / SEGMENTS).iterdir())) == 2  # and what it left is swept


def _killed_merging(path: Path, step: str) -> None:
    """Merge an index, and be killed before or after the new manifest is there."""
    setattr(editing, step, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    Index.open(path).compact()


@pytest.mark.parametrize(("step", "segments"), [("copy_clips", 2), ("publish", 2), ("sweep", 1)])
def test_killed_while_merging_the_index_is_whole(files: Files, step: str, segments: int) -> None:
    index = files.build()
    add_clips(files.store, ["new"])
    index.add(files.store, ["new"])
    index.delete(["clip 1"])
    before = [(one.name, round(one.score, 5)) for one in index.search(QUERY)]
    child = clean_context().Process(target=_killed_merging, args=(files.path, step))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert verify(files.path) == {}
    left = Index.open(files.path)
    assert len(left.segments) == segments
    assert [(one.name, round(one.score, 5)) for one in left.search(QUERY)] == before
    left.compact()
    assert [(one.name, round(one.score, 5)) for one in Index.open(files.path).search(QUERY)] == before
    assert len(list((files.path / SEGMENTS).iterdir())) == 1


def test_other_features_are_refused(files: Files, tmp_path: Path) -> None:
    index = files.build()
    other = FeatureStore.create(tmp_path / "other", {"frame_x": WIDTH}, {"frames": {"num_frames": 3}})
    add_clips(other, ["new"])
    with pytest.raises(DataError, match=r"num_frames is 3, in training it was 4"):
        index.add(other)
