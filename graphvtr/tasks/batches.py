"""Batches of videos and captions, cut from prepared splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.shared_batch import batch_shares, shares
from graphvtr.tasks.negatives import HardNegatives

PAIR = ("video", "text", "video_of_text", "hard", "video_of_hard")


@dataclass
class PairBatch:
    """Captions and their videos; a video that several captions describe stands once.

    Args:
        video: packed batch of Nv videos.
        text: packed batch of Nt captions.
        video_of_text: [Nt], position of each caption's video among the Nv.
        shares: in a distributed run, videos and captions of every process; ``video`` and ``text`` are then those of
            this one (one item for company where it has none), ``video_of_text`` is of all.
        hard: 2 n captions, n true ones and then for each a wrong one; None without hard negatives.
        video_of_hard: [n], position of each such pair's video among the Nv.
    """

    video: VideoGraph
    text: RoleGraph
    video_of_text: Tensor
    shares: tuple[list[int], list[int]] | None = None
    hard: RoleGraph | None = None
    video_of_hard: Tensor | None = None

    def to(self, device: torch.device | str, **kwargs: Any) -> PairBatch:
        """The batch on ``device``."""
        return self._each(lambda part: part.to(device, **kwargs))

    def pin_memory(self) -> PairBatch:
        """The batch in page-locked memory."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, move: Callable[[Any], Any]) -> PairBatch:
        parts = {name: getattr(self, name) for name in PAIR}
        return replace(self, **{name: move(part) for name, part in parts.items() if part is not None})


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


class PairData(Dataset[PairBatch]):
    """Indexed by a tensor of captions, gives the batch of these and their videos.

    Args:
        dataset: prepared.
        rank: of this process in a distributed run.
        ranks: processes of the run; each gets its share of the videos and of the captions of every batch.
        negatives: hard negatives of the training videos.
        model: does on a batch what is not to wait for a device (:meth:`RetrievalModel.before_transfer`).

    Raises:
        DataError: hard negatives in a distributed run.
    """

    def __init__(
        self,
        dataset: RetrievalDataset,
        rank: int = 0,
        ranks: int = 1,
        negatives: HardNegatives | None = None,
        model: RetrievalModel | None = None,
    ) -> None:
        if negatives is not None and ranks > 1:
            raise DataError("negatives", f"come in a run of {ranks} processes", "train with one process")
        self.dataset, self.rank, self.ranks, self.negatives = dataset, rank, ranks, negatives
        self.model = model

    def __getitem__(self, captions: Tensor) -> PairBatch:
        videos, video_of_text = self.dataset.video_of_caption[captions].unique(return_inverse=True)
        divided = None if self.ranks == 1 else (shares(len(videos), self.ranks), shares(len(captions), self.ranks))
        if divided is not None:
            videos, captions = (
                own_share(items, counts, self.rank) for items, counts in zip((videos, captions), divided, strict=True)
            )
        batch = PairBatch(
            self.dataset.video_graphs.batch(videos), self.dataset.role_graphs.batch(captions), video_of_text, divided
        )
        if self.negatives is not None:  # which captions meet differs from epoch to epoch, and is the same in every run
            hard, video_of_hard = self.negatives.draw(videos, seed=int(captions.sum()))
            if len(video_of_hard):
                batch.hard, batch.video_of_hard = hard, video_of_hard
        for part in (batch.text, batch.hard):
            if self.model is not None and part is not None:
                self.model.before_transfer(part)
        return batch


def own_share(items: Tensor, counts: Sequence[int], rank: int) -> Tensor:
    """The items of one process; the first of all where it has none."""
    part = items.split(list(counts))[rank]
    return part if len(part) else items[:1]


class EncodeData(Dataset[EncodeBatch]):
    """All videos, then all captions, in batches and in order; in a distributed run the share of one process.

    Args:
        dataset: prepared.
        batch_size: videos or captions a batch.
        rank: of this process.
        ranks: processes of the run. Each takes consecutive whole batches, so that they are the same however many ranks
            there are.
        model: as of :class:`PairData`.

    Attributes:
        counts: videos and captions of every process.
    """

    def __init__(
        self,
        dataset: RetrievalDataset,
        batch_size: int,
        rank: int = 0,
        ranks: int = 1,
        model: RetrievalModel | None = None,
    ) -> None:
        self.dataset, self.model = dataset, model
        self.parts: list[tuple[str, Tensor]] = []
        self.counts: dict[str, list[int]] = {}
        for side, number in (("video", len(dataset.videos)), ("text", len(dataset.captions))):
            of_ranks = batch_shares(number, batch_size, ranks)
            self.counts[side] = [sum(map(len, own)) for own in of_ranks]
            self.parts += [(side, part) for part in of_ranks[rank] or [torch.zeros(min(number, 1), dtype=torch.long)]]

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, position: int) -> EncodeBatch:
        side, part = self.parts[position]
        if side == "video":
            return EncodeBatch(side, self.dataset.video_graphs.batch(part))
        text = self.dataset.role_graphs.batch(part)
        return EncodeBatch(side, text if self.model is None else self.model.before_transfer(text))
