"""What a training loads: batches of its pairs and of the validation split, in which order."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import check_choice
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.metrics.twins import twin_positions
from graphvtr.nn.models import RetrievalModel
from graphvtr.tasks.batches import EncodeBatch, EncodeData, PairBatch, PairData
from graphvtr.tasks.loader import BatchLoader
from graphvtr.tasks.negatives import HardNegatives
from graphvtr.tasks.sampler import CaptionSampler, CaptionsPerVideo
from graphvtr.video.store import DiskGraphs

pl: Any = optional_import("pytorch_lightning", "train", "training")

Bucket = Literal["none", "words", "frames"]


class RetrievalData(pl.LightningDataModule):  # type: ignore[misc,name-defined]
    """Training pairs and the validation split, both prepared by :func:`graphvtr.tasks.prepare.prepare`.

    Batches are cut by threads ahead of time (:class:`~graphvtr.tasks.loader.BatchLoader`). For a model on a CUDA
    device, videos that stay on disk are read in half precision into page-locked memory and become float32 on the
    device. In a distributed run every process takes its share of each batch.

    Args:
        train: training split.
        val: validation split.
        batch_size: captions a training batch (of all processes together), and items a validation batch.
        seed: seed of the order.
        captions_per_video: see :class:`~graphvtr.tasks.sampler.CaptionSampler`.
        distinct_videos: see :class:`~graphvtr.tasks.sampler.CaptionSampler`.
        bucket: put captions with a similar number of ``words``, or with videos of a similar number of ``frames``,
            into a batch; ``none`` for no such bucketing.
        workers: threads that cut batches; 0 cuts them when they are asked for.
        negatives: hard negatives of the training videos.
        twins: clips and their twins (:mod:`graphvtr.metrics.twins`) meet in a batch.
        steps: batches an epoch, see :class:`~graphvtr.tasks.sampler.CaptionSampler`.
        model: as of :class:`PairData`.

    Raises:
        DataError: an unknown ``bucket``, and as :class:`~graphvtr.tasks.sampler.CaptionSampler`.
    """

    def __init__(
        self,
        train: RetrievalDataset,
        val: RetrievalDataset,
        *,
        batch_size: int = 128,
        seed: int = 0,
        captions_per_video: CaptionsPerVideo = "all",
        distinct_videos: bool = False,
        bucket: Bucket = "none",
        workers: int = 0,
        negatives: HardNegatives | None = None,
        twins: bool = False,
        steps: int | None = None,
        model: RetrievalModel | None = None,
    ) -> None:
        super().__init__()
        self.train, self.val, self.batch_size, self.workers = train, val, batch_size, workers
        self.val_counts: dict[str, list[int]] = {}
        self.negatives, self.model = negatives, model
        self.sampler = CaptionSampler(
            train.video_of_caption,
            batch_size,
            seed=seed,
            captions_per_video=captions_per_video,
            distinct_videos=distinct_videos,
            lengths=_lengths(train, bucket),
            groups=_groups(train) if twins else None,
            steps=steps,
        )

    def train_dataloader(self) -> BatchLoader[PairBatch]:
        """Batches of pairs; the sampler gives whole index tensors, so nothing is collated item by item."""
        data = PairData(self._on_its_way(self.train), *self._rank(), negatives=self.negatives, model=self.model)
        return self._loader(data, self.sampler)

    def whole_batch(self, position: int) -> PairBatch:
        """The training batch at ``position`` of the epoch, of all processes together."""
        return PairData(self.train, negatives=self.negatives, model=self.model)[list(self.sampler)[position]]

    def val_dataloader(self) -> BatchLoader[EncodeBatch]:
        """All videos and captions of the validation split."""
        data = EncodeData(self._on_its_way(self.val), self.batch_size, *self._rank(), model=self.model)
        self.val_counts = data.counts
        return self._loader(data, range(len(data)))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Half-precision features become float32 (the default dtype), on the device where they are now."""
        graphs = [batch.video] if isinstance(batch, PairBatch) else [batch.graph]
        for graph in graphs:
            for node_type in graph.node_types:
                if graph[node_type].get("x") is not None:
                    graph[node_type].x = graph[node_type].x.to(torch.get_default_dtype())
        return batch

    def _loader(self, data: Any, sampler: Any) -> BatchLoader[Any]:
        cut = data.__getitem__
        return BatchLoader((lambda index: cut(index).pin_memory()) if self._to_cuda() else cut, sampler, self.workers)

    def _rank(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _to_cuda(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def _on_its_way(self, dataset: RetrievalDataset) -> RetrievalDataset:
        """The dataset as the loader reads it: half as many bytes to the device where videos stay on disk."""
        if not self._to_cuda() or not isinstance(dataset.video_graphs, DiskGraphs):
            return dataset
        other = copy.copy(dataset)
        other.video_graphs = dataset.video_graphs.with_options(raw=True, pin=True)
        return other


def _groups(dataset: RetrievalDataset) -> Tensor:
    """A number for each video, the same for twins."""
    twin, own = twin_positions(dataset.videos), torch.arange(len(dataset.videos))
    return torch.where(twin < 0, own, torch.minimum(own, twin))


def _lengths(dataset: RetrievalDataset, bucket: str) -> Tensor | None:
    """What batches are bucketed by, one number a caption."""
    check_choice("bucket", bucket, Bucket)
    if bucket == "words":
        return dataset.role_graphs.nodes["word"].ptr.diff()
    return _num_frames(dataset.video_graphs)[dataset.video_of_caption] if bucket == "frames" else None


def _num_frames(graphs: GraphStore[VideoGraph]) -> Tensor:
    """[Nv], frames of every video as the model gets it.

    A transform of videos that stay on disk is applied when they are read: one video of each length is, and tells what
    becomes of videos as long.
    """
    stored = graphs.nodes["frame"].ptr.diff()
    if not isinstance(graphs, DiskGraphs) or graphs.transform is None:
        return stored
    lengths, which = stored.unique(return_inverse=True)
    first = {length: video for video, length in reversed(list(enumerate(which.tolist())))}
    return torch.tensor([graphs[first[length]].num_frames for length in range(len(lengths))])[which]
