"""Which captions make a batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import Sampler

from graphvtr.errors import DataError, check_choice

CaptionsPerVideo = Literal["all", "one"]
WINDOW = 32  # batches whose captions are sorted by length together


class CaptionSampler(Sampler[Tensor]):
    """Index tensors of captions, one a batch, shuffled anew every epoch.

    The order is a function of ``seed`` and the epoch alone, so that a resumed run sees what an uninterrupted one
    would have seen, and all processes of a distributed run, which take a share of every batch, agree on it.

    Args:
        video_of_caption: [Nc], the video of each caption.
        batch_size: captions a batch; the last batches may be smaller.
        seed: seed of the order.
        captions_per_video: ``'all'`` captions of a video every epoch, or ``'one'`` drawn anew each epoch.
        distinct_videos: no two captions of one video meet in a batch (more, smaller batches where a video has
            more captions than there would be batches).
        lengths: [Nc], to put captions of similar length (or with videos of similar length) into a batch: each
            stretch of 32 batches of the shuffled order is sorted by it, and its batches are shuffled. None for no
            such bucketing.
        groups: [Nv], a number for each video; captions of videos with the same number follow each other, so that they
            meet in a batch (but for those that a batch's end parts). None for no such groups.
        steps: batches an epoch; epochs then follow each other through pass after pass over the captions. None makes
            an epoch of every pass.

    Raises:
        DataError: a batch size below 1, an unknown option, lengths of another number.

    Example:
        >>> sampler = CaptionSampler(torch.tensor([0, 0, 1, 1, 2]), batch_size=2, distinct_videos=True)
        >>> sorted(torch.cat(list(sampler)).tolist())
        [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        video_of_caption: Tensor,
        batch_size: int,
        *,
        seed: int = 0,
        captions_per_video: CaptionsPerVideo = "all",
        distinct_videos: bool = False,
        lengths: Tensor | None = None,
        groups: Tensor | None = None,
        steps: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise DataError("batch_size", f"is {batch_size}", "give 1 or more")
        check_choice("captions_per_video", captions_per_video, CaptionsPerVideo)
        if lengths is not None and lengths.shape != video_of_caption.shape:
            raise DataError("lengths", f"has shape {list(lengths.shape)}", f"give [{len(video_of_caption)}]")
        self.video_of_caption, self.batch_size, self.seed = video_of_caption, batch_size, seed
        self.captions_per_video, self.distinct_videos, self.lengths = captions_per_video, distinct_videos, lengths
        self.epoch, self.steps, self.groups = 0, steps, groups
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
            drawn = self._draw(self.epoch) if self.steps is None else self._stretch(self.steps)
            self._batches = (self.epoch, drawn)
        return self._batches[1]

    def _stretch(self, steps: int) -> list[Tensor]:
        """The epoch's batches of the passes laid end to end."""
        wanted = range(self.epoch * steps, (self.epoch + 1) * steps)
        found: list[Tensor] = []
        begin = turn = 0
        while len(found) < steps:
            batches = self._draw(turn)
            found += batches[max(wanted.start - begin, 0) : max(wanted.stop - begin, 0)]
            begin, turn = begin + len(batches), turn + 1
        return found

    def _draw(self, turn: int) -> list[Tensor]:
        """The batches of a pass over the captions."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + turn)
        order = torch.randperm(len(self.video_of_caption), generator=generator)
        if self.captions_per_video == "one":
            order = _first_of_each(self.video_of_caption, order)
        if self.groups is not None:
            order = _together(order, self.groups[self.video_of_caption])
        if self.lengths is not None:
            order = _sorted_in_windows(order, self.lengths, WINDOW * self.batch_size)
        apart = self.distinct_videos and self.captions_per_video != "one"
        batches = self._without_meetings(order) if apart else list(order.split(self.batch_size))
        if self.lengths is None:
            return batches
        return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]

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


def _together(order: Tensor, group: Tensor) -> Tensor:
    """An order in which the captions of a group stand where its first one stood."""
    mine = group[order]
    first = torch.full((int(group.max()) + 1,), len(order))
    first.scatter_reduce_(0, mine, torch.arange(len(order)), "amin")
    return order[first[mine].argsort(stable=True)]


def _sorted_in_windows(order: Tensor, lengths: Tensor, window: int) -> Tensor:
    """An order whose stretches of ``window`` entries are sorted by length, equal ones left in order."""
    return torch.cat([part[lengths[part].argsort(stable=True)] for part in order.split(window)])
