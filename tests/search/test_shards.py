"""An index in shards: the same answers as a whole one, also when a shard dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from graphvtr.errors import DataError
from graphvtr.search import ShardedIndex, build_index, describe_index, open_index
from graphvtr.serve import Limits, create_app
from tests.search.conftest import QUERY, Files, add_clips

ray = pytest.importorskip("ray")
testclient = pytest.importorskip("starlette.testclient")
for package in ("fastapi", "prometheus_client"):
    pytest.importorskip(package)


@pytest.fixture
def sharded(files: Files, two_workers: None) -> Iterator[ShardedIndex]:
    build_index(files.checkpoint, files.store, files.folder / "shards", metadata=files.metadata, shards=2)
    index = open_index(files.folder / "shards")
    yield index
    index.close()


def kill(actor: Any) -> None:
    os.kill(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)


def told(results: Any) -> list[tuple[str, str, float]]:
    return [(one.name, one.caption, round(one.score, 5)) for one in results]


def test_same_answers_as_a_whole_index_and_after_a_death(files: Files, sharded: ShardedIndex) -> None:
    whole = files.build()
    assert len(sharded) == 7
    assert sorted(sharded.names) == sorted(whole.names)
    assert describe_index(sharded.path)["clips"] == 7
    assert told(sharded.search(QUERY, top=5)) == told(whole.search(QUERY, top=5))
    assert told(sharded.search([QUERY, "a cat"], where=["tag=even"])[1]) == told(
        whole.search("a cat", where=["tag=even"])
    )
    for find in ("captions", "clips"):
        ours = sharded.search_videos(["clip 3"], top=4, find=find)[0]  # type: ignore[arg-type]
        assert told(ours) == told(whole.search_videos(["clip 3"], top=4, find=find)[0])  # type: ignore[arg-type]
    assert sharded.item("clip 2") == whole.item("clip 2")
    with pytest.raises(DataError, match="empty"):
        sharded.search(" ")

    with testclient.TestClient(create_app(sharded, Limits(rate=0, seconds=300))) as page:  # graphvtr serve
        kill(sharded._actors[0])
        found = page.get("/api/search", params={"q": QUERY, "top": 7}).json()
        assert found["missing"] == ["shard-000"]
        assert {one["name"] for one in found["results"]} == set(sharded.parts[1].names)
        assert page.get("/api/info").json()["clips"] == 7
        found = page.get("/api/search", params={"q": QUERY, "top": 7}).json()  # what was missing is asked again
        assert found["missing"] == []
        again = sharded.search(QUERY, top=7)
        assert [one["name"] for one in found["results"]] == [one.name for one in again]
    assert again.missing == []
    assert told(again) == told(whole.search(QUERY, top=7))

    add_clips(files.store, ["new"])
    assert sharded.add(files.store, metadata=files.metadata).added == ["new"]
    assert sharded.delete(["clip 1", "nobody"]).deleted == ["clip 1"]
    names = {one.name for one in sharded.search(QUERY, top=9)}
    assert names == {*files.store.names} - {"clip 1"}
    sharded.compact()
    assert {one.name for one in sharded.search(QUERY, top=9)} == names
    assert describe_index(sharded.path)["deleted"] == 0
    assert sharded.verify() == {}
    with pytest.raises(DataError, match="is in 2 shards"):
        build_index(files.checkpoint, files.store, sharded.path, shards=3)
