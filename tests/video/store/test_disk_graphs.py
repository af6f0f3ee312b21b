"""Graphs that stay on disk equal those in memory, bit for bit, and name what is wrong with a file."""

from __future__ import annotations

import gc
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph, sample_frames
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs, disk_graphs, layout
from graphvtr.video.store.buffers import BufferPool
from graphvtr.video.store.layout import Layout
from graphvtr.video.store.tensor_file import tensor_places

SHAPES = {"a": (3, 5), "b/c": (1, 0), "d": (7, 11), "e f": (2, 2)}  # frames, regions


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Four clips with ragged regions, one without any, in two shards and a file of its own."""
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 4, "region_x": 6})
    for name, (frames, regions) in SHAPES.items():
        low = torch.rand(regions, 2) / 2
        store.add(
            name,
            {
                "frame_x": torch.randn(frames, 4),
                "frame_time": torch.arange(frames) / 4,
                "region_x": torch.randn(regions, 6),
                "region_box": torch.cat([low, low + 0.3], 1),
                "region_score": torch.rand(regions),
                "region_frame": torch.randint(frames, (regions,)).sort().values,
                "region_track": torch.randint(-1, 4, (regions,)),
            },
        )
        if name == "b/c":
            store.pack(shard_bytes=1)
    return store


def assert_equal(one: VideoGraph, other: VideoGraph) -> None:
    assert one.validate()
    assert one.node_types == other.node_types
    for kind in one.node_types:
        assert set(one[kind].keys()) - {"num_nodes"} == set(other[kind].keys()) - {"num_nodes"}
        assert one[kind].num_nodes == other[kind].num_nodes
        for key, value in other[kind].items():
            if key == "num_nodes":
                continue
            if isinstance(value, torch.Tensor):
                assert one[kind][key].dtype == value.dtype, key
                assert torch.equal(one[kind][key], value), key
            else:
                assert one[kind][key] == value


@pytest.mark.parametrize("index", [[0, 1, 2, 3], [2], [3, 1, 3], [1], []])
def test_batches_equal_those_in_memory(store: FeatureStore, index: list[int]) -> None:
    disk, memory = DiskGraphs(store), store.video_graphs()
    assert_equal(disk.batch(index, strings=True), memory.batch(index, strings=True))
    assert disk.batch(index).num_graphs == len(index)


@pytest.mark.parametrize("piece", [2, 6, 48, 2**20])
def test_pieces_change_nothing(store: FeatureStore, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(disk_graphs, "PIECE", piece)
    assert_equal(DiskGraphs(store).batch([2, 0, 1]), store.video_graphs().batch([2, 0, 1]))
    disk, path = DiskGraphs(store), store.file_of("d")
    path.write_bytes(path.read_bytes()[: disk._found().columns["region_x"].offset[2] + 50])
    with pytest.raises(DataError, match=r"ends after 50 bytes of region_x of clip 'd'"):
        disk.batch([2])


def test_single_graphs_and_shapes(store: FeatureStore) -> None:
    disk, memory = DiskGraphs(store, ["e f", "a"]), store.video_graphs(["e f", "a"])
    assert len(disk) == 2
    assert [graph.name for graph in disk] == ["e f", "a"]
    assert_equal(disk[-1], memory[1])
    assert disk.nodes["frame"].tensors["x"].shape == (5, 4)
    assert disk.nodes["region"].tensors["x"].size(1) == 6
    with pytest.raises(IndexError):
        disk[2]
    assert_equal(disk.in_memory().batch([0, 1]), memory.batch([0, 1]))
    assert_equal(disk.subset([1]).batch([0]), memory.batch([1]))


def test_raw_gives_what_is_stored(store: FeatureStore) -> None:
    batch = DiskGraphs(store, raw=True).batch([0, 2])
    assert (batch["frame"].x.dtype, batch["region"].x.dtype, batch["region"].box.dtype) == (
        torch.float16,
        torch.float16,
        torch.float32,
    )
    assert torch.equal(batch["region"].x.float(), DiskGraphs(store).batch([0, 2])["region"].x)


def test_transforms_are_applied_when_reading(store: FeatureStore) -> None:
    disk = DiskGraphs(store).mapped(lambda graph: sample_frames(graph, 2))
    memory = store.video_graphs().mapped(lambda graph: sample_frames(graph, 2))
    assert_equal(disk.batch([2, 0]), memory.batch([2, 0]))
    assert disk[2].num_frames == 2
    assert_equal(
        disk.mapped(lambda graph: sample_frames(graph, 1)).batch([2]),
        memory.mapped(lambda graph: sample_frames(graph, 1)).batch([2]),
    )


def test_saved_like_a_store_in_memory(store: FeatureStore, tmp_path: Path) -> None:
    DiskGraphs(store).save(tmp_path / "graphs.safetensors")
    assert_equal(GraphStore.load(tmp_path / "graphs.safetensors").batch([2]), store.video_graphs().batch([2]))


def test_packed_by_another_process_meanwhile(store: FeatureStore) -> None:
    disk, wanted = DiskGraphs(store), store.video_graphs().batch([0, 1, 2, 3])
    FeatureStore.open(store.path).pack()
    assert_equal(disk.batch([0, 1, 2, 3]), wanted)


def test_travels_to_another_process(store: FeatureStore) -> None:
    disk = DiskGraphs(store)
    disk.batch([0])
    assert_equal(pickle.loads(pickle.dumps(disk)).batch([2]), disk.batch([2]))  # noqa: S301  our own bytes


def test_many_threads_read_at_a_time(store: FeatureStore) -> None:
    disk, memory = DiskGraphs(store), store.video_graphs()
    orders = [torch.randperm(4) for _ in range(60)]
    with ThreadPoolExecutor(8) as pool:
        for order, batch in zip(orders, pool.map(disk.batch, orders), strict=True):
            assert_equal(batch, memory.batch(order))


def test_faults_are_named(store: FeatureStore) -> None:
    disk = DiskGraphs(store)
    with pytest.raises(DataError, match="names: there are none"):
        DiskGraphs(store, [])
    with pytest.raises(DataError, match="clip 'x': is not in the store"):
        DiskGraphs(store, ["x"])
    path = store.file_of("d")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(DataError, match=r"ends after \d+ bytes of .* of clip 'd'"):
        disk.batch([2])
    with pytest.raises(DataError, match=r"is cut short: [\d,]+ of [\d,]+ bytes"):
        tensor_places(path)
    path.write_bytes(b"not a safetensors file")
    with pytest.raises(DataError, match="is no safetensors file"):
        tensor_places(path)


def test_clips_with_other_fields_are_refused(store: FeatureStore) -> None:
    store.add(
        "plain",
        {
            "frame_x": torch.ones(1, 4),
            "frame_time": torch.zeros(1),
            "region_x": torch.ones(1, 6),
            "region_box": torch.tensor([[0.0, 0, 1, 1]]),
            "region_score": torch.ones(1),
            "region_frame": torch.tensor([0]),
        },
    )
    with pytest.raises(DataError, match="clip 'plain': differs from 'a' in region_track"):
        DiskGraphs(store, ["a", "plain"])


def test_memory_is_used_again_when_nobody_holds_it() -> None:
    pool = BufferPool(keep=1)
    one, other = pool.empty((600, 600), torch.float32), pool.empty((600, 600), torch.float32)
    places = {one.data_ptr(), other.data_ptr()}
    assert len(places) == 2
    one.fill_(1.0)
    other.fill_(2.0)
    part = one[3:].flatten()
    del one
    assert pool.empty((600, 600), torch.float32).data_ptr() not in places
    assert part.sum() == 597 * 600
    del other
    again = pool.empty((500, 600), torch.float32)
    assert again.data_ptr() != part.data_ptr()
    again.fill_(3.0)
    assert part.eq(1.0).all()
    assert pool.empty((0, 3), torch.float32).shape == (0, 3)


def test_the_system_is_told_ahead_and_not_too_far(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(Layout, "_announce", lambda self, key, clip, size: told.append((key, clip)))
    monkeypatch.setattr(layout, "AHEAD", 20)
    found = Layout(store, store.names, ["frame_x"])
    clips = [(0, 10), (1, 0), (2, 10), (3, 50), (1, 10)]
    turns = [(clip, len(told)) for clip in found.in_turn("frame_x", clips)]
    assert turns == [((0, 10), 3), ((2, 10), 4), ((3, 50), 4), ((1, 10), 5)]
    assert told == [("frame_x", clip) for clip, _ in clips]


def test_few_files_stay_open(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened() -> int:
        """Descriptors of files of this store: others come and go with what earlier tests left to be collected."""
        targets = (descriptor.resolve() for descriptor in Path("/proc/self/fd").iterdir())
        return sum(target.is_relative_to(store.path.resolve()) for target in targets)

    monkeypatch.setattr(layout, "MOST_OPEN", 1)
    disk = DiskGraphs(store)
    for _ in range(5):
        assert_equal(disk.batch([0, 1, 2, 3]), store.video_graphs().batch([0, 1, 2, 3]))
    held = opened()
    assert 1 <= held <= 1 + len({store.file_of(name) for name in store.names})  # ours, and the store's maps
    assert len(disk._layout._open) == 1
    del disk
    gc.collect()
    assert opened() == held - 1


def test_regions_without_their_features(store: FeatureStore) -> None:
    whole = DiskGraphs(store)
    boxes = whole.without_features("region")
    for graphs in (boxes, boxes.subset([2, 0, 1]).subset([1, 2, 0])):
        batch, wanted = graphs.batch(range(3)), whole.batch(range(3))
        assert "x" not in batch["region"]
        for key in ("box", "score", "frame", "ptr"):
            assert torch.equal(batch["region"][key], wanted["region"][key])
        frames = sample_frames(batch, 1)
        assert torch.equal(frames["region"].box, sample_frames(wanted, 1)["region"].box)
