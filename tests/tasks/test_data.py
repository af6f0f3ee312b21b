from __future__ import annotations

import copy
import threading
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("pytorch_lightning")
from graphvtr.errors import DataError
from graphvtr.tasks import prepare
from graphvtr.tasks.batches import EncodeData, PairBatch, PairData
from graphvtr.tasks.data import RetrievalData
from graphvtr.tasks.sampler import CaptionSampler
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs, disk_graphs

OWNER = torch.tensor([0] * 5 + [1] * 3 + [2] * 9 + [4] * 2)  # video 3 has no caption


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_every_caption_once(batch_size: int) -> None:
    sampler = CaptionSampler(OWNER, batch_size)
    batches = list(sampler)
    assert sorted(torch.cat(batches).tolist()) == list(range(len(OWNER)))
    assert len(sampler) == len(batches) == -(-len(OWNER) // batch_size)
    assert all(len(batch) <= batch_size for batch in batches)


def test_order_follows_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = CaptionSampler(OWNER, 4, seed=seed)
        sampler.set_epoch(epoch)
        return torch.cat(list(sampler)).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1, 2)}) == 6
    sampler = CaptionSampler(OWNER, 4)
    first = list(sampler)
    sampler.set_epoch(1)
    assert torch.cat(list(sampler)).tolist() == order(0, 1)
    sampler.set_epoch(0)
    assert torch.cat(list(sampler)).tolist() == torch.cat(first).tolist()


def test_one_caption_a_video() -> None:
    sampler = CaptionSampler(OWNER, 3, captions_per_video="one")
    drawn = set()
    for epoch in range(60):
        sampler.set_epoch(epoch)
        captions = torch.cat(list(sampler))
        assert sorted(OWNER[captions].tolist()) == [0, 1, 2, 4]
        drawn.update(captions.tolist())
    assert drawn == set(range(len(OWNER)))  # every caption has its turn


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_captions_of_one_video_do_not_meet(batch_size: int) -> None:
    for seed in range(5):
        batches = list(CaptionSampler(OWNER, batch_size, seed=seed, distinct_videos=True))
        assert sorted(torch.cat(batches).tolist()) == list(range(len(OWNER)))
        for batch in batches:
            assert len(OWNER[batch].unique()) == len(batch) <= batch_size
    together = CaptionSampler(OWNER, 6)
    assert any(len(OWNER[batch].unique()) < len(batch) for batch in together)


def test_bad_options() -> None:
    with pytest.raises(DataError, match="batch_size: is 0"):
        CaptionSampler(OWNER, 0)
    with pytest.raises(DataError, match="captions_per_video: is 'two'"):
        CaptionSampler(OWNER, 1, captions_per_video="two")  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, 1])
def test_loaders(toy_dataset, toy_model, toy_vocabulary, workers: int) -> None:
    train, val = (prepare(toy_dataset(split), toy_model(), toy_vocabulary) for split in ("train", "val"))
    data = RetrievalData(train, val, batch_size=5, seed=3, workers=workers)
    sizes = [len(batch.video_of_text) for batch in data.train_dataloader()]
    assert sizes == [5, 5, 5, 1]
    assert sum(batch.graph.num_graphs for batch in data.val_dataloader()) == len(val.videos) + len(val.captions)


@pytest.fixture
def on_disk(toy_dataset, tmp_path):
    """The toy dataset with its videos in a feature store, in memory and left on disk."""
    memory = toy_dataset()
    store = FeatureStore.create(tmp_path / "store", {"frame_x": memory.video_dim})
    for name, graph in zip(memory.videos, memory.video_graphs, strict=True):
        store.add(name, {"frame_x": graph["frame"].x, "frame_time": graph["frame"].time})
    memory.video_graphs = store.video_graphs(memory.videos)
    disk = copy.copy(memory)
    disk.video_graphs = DiskGraphs(store, memory.videos)
    return memory, disk


@pytest.mark.parametrize("bucket", ["none", "words", "frames"])
@pytest.mark.parametrize("workers", [0, 3])
def test_videos_on_disk_give_the_same_batches(on_disk, toy_model, toy_vocabulary, bucket: str, workers: int) -> None:
    loaders = []
    for dataset in on_disk:
        prepared = prepare(dataset, toy_model(max_frames=3), toy_vocabulary)
        data = RetrievalData(prepared, prepared, batch_size=5, bucket=bucket, workers=workers)
        loaders.append((data.train_dataloader(), data.val_dataloader()))
    for memory, disk in zip(*loaders, strict=True):
        for one, other in zip(memory, disk, strict=True):
            graphs = [batch.video if isinstance(batch, PairBatch) else batch.graph for batch in (one, other)]
            first, second = (
                {(kind, key): value for kind in graph.node_types for key, value in graph[kind].items()}
                for graph in graphs
            )
            assert first.keys() == second.keys()
            for key, value in first.items():
                same = torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
                assert same, key


def test_lengths_are_those_after_the_model_s_sampling(tmp_path, toy_dataset, toy_model, toy_vocabulary) -> None:
    dataset = toy_dataset(videos=6, captions=2)
    store = FeatureStore.create(tmp_path / "store", {"frame_x": dataset.video_dim})
    frames = [1, 5, 2, 9, 5, 3]
    for name, count in zip(dataset.videos, frames, strict=True):
        store.add(name, {"frame_x": torch.randn(count, dataset.video_dim), "frame_time": torch.arange(float(count))})
    dataset.video_graphs = DiskGraphs(store, dataset.videos)
    plain = RetrievalData(dataset, dataset, bucket="frames")
    assert plain.sampler.lengths.tolist() == [count for count in frames for _ in range(2)]
    prepared = prepare(dataset, toy_model(max_frames=3), toy_vocabulary)
    sampled = RetrievalData(prepared, prepared, bucket="frames")
    assert sampled.sampler.lengths.tolist() == [min(count, 3) for count in frames for _ in range(2)]


def test_batches_for_a_cuda_device_are_pinned_by_the_workers(on_disk, toy_model, toy_vocabulary, monkeypatch) -> None:
    """Without a device: what the loader asks for."""
    _, disk = (prepare(dataset, toy_model(), toy_vocabulary) for dataset in on_disk)
    asked = []
    empty = torch.empty

    def pageable(*args, pin_memory: bool = False, **kwargs) -> torch.Tensor:
        asked.append(pin_memory)
        return empty(*args, **kwargs)

    monkeypatch.setattr(disk_graphs.torch, "empty", pageable)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor, *_: tensor)
    threads = set()
    monkeypatch.setattr(PairBatch, "pin_memory", lambda batch: threads.add(threading.current_thread().name) or batch)
    data = RetrievalData(disk, disk, batch_size=5, workers=2)
    data.trainer = SimpleNamespace(
        global_rank=0, world_size=1, strategy=SimpleNamespace(root_device=torch.device("cuda"))
    )
    batches = list(data.train_dataloader())
    assert {batch.video["frame"].x.dtype for batch in batches} == {torch.float16}
    assert any(asked)
    assert threads
    assert all(name.startswith("batches") for name in threads)


def test_half_precision_on_the_way_becomes_float32(on_disk, toy_model, toy_vocabulary) -> None:
    memory, disk = (prepare(dataset, toy_model(), toy_vocabulary) for dataset in on_disk)
    raw = copy.copy(disk)
    raw.video_graphs = disk.video_graphs.with_options(raw=True)
    batch = PairData(raw)[torch.tensor([3, 1])]
    assert batch.video["frame"].x.dtype == torch.float16
    moved = RetrievalData(disk, disk).on_after_batch_transfer(batch, 0)
    assert torch.equal(moved.video["frame"].x, PairData(memory)[torch.tensor([3, 1])].video["frame"].x)
    texts = EncodeData(raw, 4)[len(EncodeData(raw, 4)) - 1]
    assert RetrievalData(disk, disk).on_after_batch_transfer(texts, 0) is texts


def test_unknown_buckets(toy_dataset) -> None:
    with pytest.raises(DataError, match=r"bucket: is 'pixels' .use one of none, words, frames"):
        RetrievalData(toy_dataset(), toy_dataset(), bucket="pixels")  # type: ignore[arg-type]


def test_preparing_leaves_the_dataset_alone(toy_dataset, toy_model, toy_vocabulary) -> None:
    dataset = toy_dataset()
    prepared = prepare(dataset, toy_model(max_frames=2, max_words=2, max_entities=0), toy_vocabulary)
    assert "id" not in dataset.role_graphs.nodes["word"].tensors
    assert prepared.video_graphs[0].num_frames == 2 < dataset.video_graphs[0].num_frames
    assert prepared.role_graphs[0].words == ["a", "dog"]
    assert prepared.role_graphs[0].num_entities == 0
    assert prepared.captions == dataset.captions


@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_ranks_share_every_batch(ranks: int, toy_dataset, toy_model, toy_vocabulary) -> None:
    dataset = prepare(toy_dataset(), toy_model(), toy_vocabulary)
    whole = list(RetrievalData(dataset, dataset, batch_size=5).train_dataloader())
    per_rank = []
    for rank in range(ranks):
        data = RetrievalData(dataset, dataset, batch_size=5)
        device = SimpleNamespace(root_device=torch.device("cpu"))
        data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks, strategy=device)
        per_rank.append(list(data.train_dataloader()))
    assert {len(batches) for batches in per_rank} == {len(whole)}
    for step, batch in enumerate(whole):
        for side, node, field, part in (("video", "frame", "x", 0), ("text", "word", "id", 1)):
            rows = []
            for rank, batches in enumerate(per_rank):
                own = getattr(batches[step], side)
                counts = batches[step].shares[part]
                assert own.num_graphs == max(counts[rank], 1)  # one for company where there is none
                rows.append(own[node][field] if counts[rank] else own[node][field][:0])
            assert torch.equal(torch.cat(rows), getattr(batch, side)[node][field])
        assert all(torch.equal(batches[step].video_of_text, batch.video_of_text) for batches in per_rank)
