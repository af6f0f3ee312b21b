"""Batches of videos and captions for training and validation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from graphvtr._optional import optional_import
from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph

pl: Any = optional_import("pytorch_lightning", "train", "training")

CaptionsPerVideo = Literal["all", "one"]


@dataclass
class PairBatch:
    """Captions and their videos; a video that several captions describe stands once.

    Args:
        video: packed batch of Nv videos.
        text: packed batch of Nt captions.
        video_of_text: [Nt], position of each caption's video among the Nv.
    """

    video: VideoGraph
    text: RoleGraph
    video_of_text: Tensor

    def to(self, device: torch.device | str, **kwargs: Any) -> PairBatch:
        """The batch on ``device``."""
        return PairBatch(
            self.video.to(device, **kwargs), self.text.to(device, **kwargs), self.video_of_text.to(device, **kwargs)
        )

    def pin_memory(self) -> PairBatch:
        """The batch in page-locked memory."""
        return PairBatch(self.video.pin_memory(), self.text.pin_memory(), self.video_of_text.pin_memory())


@dataclass
class EncodeBatch:
    """Videos or captions to be embedded: ``side`` is ``'video'`` or ``'text'``."""

    side: str
    graph: VideoGraph | RoleGraph

    def to(self, device: torch.device | str, **kwargs: Any) -> EncodeBatch:
        """The batch on ``device``."""
        return EncodeBatch(self.side, self.graph.to(device, **kwargs))

    def pin_memory(self) -> EncodeBatch:
        """The batch in page-locked memory."""
        return EncodeBatch(self.side, self.graph.pin_memory())


class CaptionSampler(Sampler[Tensor]):
    """Index tensors of captions, one a batch, shuffled anew every epoch.

    The order is a function of ``seed`` and the epoch alone, so that a resumed run sees what an uninterrupted one
    would have seen.

    Args:
        video_of_caption: [Nc], the video of each caption.
        batch_size: captions a batch; the last batches may be smaller.
        seed: seed of the order.
        captions_per_video: ``'all'`` captions of a video every epoch, or ``'one'`` drawn anew each epoch.
        distinct_videos: no two captions of one video meet in a batch (more, smaller batches where a video has
            more captions than there would be batches).

    Raises:
        DataError: a batch size below 1, or an unknown option.
    """

    def __init__(
        self,
        video_of_caption: Tensor,
        batch_size: int,
        *,
        seed: int = 0,
        captions_per_video: CaptionsPerVideo = "all",
        distinct_videos: bool = False,
    ) -> None:
        if batch_size < 1:
            raise DataError("batch_size", f"is {batch_size}", "give 1 or more")
        if captions_per_video not in get_args(CaptionsPerVideo):
            raise DataError(f"captions_per_video='{captions_per_video}'", "unknown", "known: all, one")
        self.video_of_caption, self.batch_size, self.seed = video_of_caption, batch_size, seed
        self.captions_per_video, self.distinct_videos = captions_per_video, distinct_videos
        self.epoch = 0
        self._batches: tuple[int, list[Tensor]] | None = None  # of the last epoch asked for

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next; Lightning calls it."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._of_epoch())

    def __len__(self) -> int:
        return len(self._of_epoch())

    def _of_epoch(self) -> list[Tensor]:
        if self._batches is None or self._batches[0] != self.epoch:
            self._batches = (self.epoch, self._draw())
        return self._batches[1]

    def _draw(self) -> list[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.video_of_caption), generator=generator)
        if self.captions_per_video == "one":
            order = _first_of_each(self.video_of_caption, order)
        if not self.distinct_videos or self.captions_per_video == "one":
            return list(order.split(self.batch_size))
        return self._without_meetings(order)

    def _without_meetings(self, order: Tensor) -> list[Tensor]:
        """Fill batch after batch in the given order; a caption whose video is in already waits for the next one."""
        video = self.video_of_caption.tolist()
        full = min(self.batch_size, len(set(video)))
        waiting = deque(order.tolist())
        batches: list[Tensor] = []
        while waiting:
            batch: list[int] = []
            held: list[int] = []
            seen: set[int] = set()
            while waiting and len(batch) < full:
                caption = waiting.popleft()
                if video[caption] in seen:
                    held.append(caption)
                else:
                    seen.add(video[caption])
                    batch.append(caption)
            waiting.extendleft(reversed(held))
            batches.append(torch.tensor(batch))
        return batches


def _first_of_each(video_of_caption: Tensor, order: Tensor) -> Tensor:
    """Of a shuffled order of captions, the first one of every video, in that order."""
    video = video_of_caption[order]
    first = torch.full((int(video.max()) + 1,), len(order))
    first.scatter_reduce_(0, video, torch.arange(len(order)), "amin")
    return order[first[first < len(order)].sort().values]


class PairData(Dataset[PairBatch]):
    """Indexed by a tensor of captions, gives the batch of these and their videos."""

    def __init__(self, dataset: RetrievalDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, captions: Tensor) -> PairBatch:
        videos, video_of_text = self.dataset.video_of_caption[captions].unique(return_inverse=True)
        return PairBatch(
            self.dataset.video_graphs.batch(videos), self.dataset.role_graphs.batch(captions), video_of_text
        )


class EncodeData(Dataset[EncodeBatch]):
    """All videos, then all captions, in batches and in order."""

    def __init__(self, dataset: RetrievalDataset, batch_size: int) -> None:
        self.dataset = dataset
        self.parts = [("video", part) for part in torch.arange(len(dataset.videos)).split(batch_size)]
        self.parts += [("text", part) for part in torch.arange(len(dataset.captions)).split(batch_size)]

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, position: int) -> EncodeBatch:
        side, part = self.parts[position]
        store = self.dataset.video_graphs if side == "video" else self.dataset.role_graphs
        return EncodeBatch(side, store.batch(part))


class RetrievalData(pl.LightningDataModule):  # type: ignore[misc,name-defined]
    """Training pairs and the validation split, both prepared by :func:`graphvtr.tasks.prepare.prepare`.

    Args:
        train: training split.
        val: validation split.
        batch_size: captions a training batch, and items a validation batch.
        seed: seed of the order.
        captions_per_video: see :class:`CaptionSampler`.
        distinct_videos: see :class:`CaptionSampler`.
        workers: processes that cut batches; 0 cuts them in the main one.
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
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.train, self.val, self.batch_size, self.workers = train, val, batch_size, workers
        self.sampler = CaptionSampler(
            train.video_of_caption,
            batch_size,
            seed=seed,
            captions_per_video=captions_per_video,
            distinct_videos=distinct_videos,
        )

    def train_dataloader(self) -> DataLoader[PairBatch]:
        """Batches of pairs; the sampler gives whole index tensors, so nothing is collated item by item."""
        return self._loader(PairData(self.train), self.sampler)

    def val_dataloader(self) -> DataLoader[EncodeBatch]:
        """All videos and captions of the validation split."""
        return self._loader(EncodeData(self.val, self.batch_size), None)

    def _loader(self, dataset: Dataset[Any], sampler: Sampler[Any] | None) -> DataLoader[Any]:
        return DataLoader(
            dataset,
            batch_size=None,
            sampler=sampler,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.workers > 0,
        )
