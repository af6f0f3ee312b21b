"""Hard negatives in training: for a video of the batch a true caption and one that is wrong in one thing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphvtr.datasets import DataSource, RetrievalDataset
from graphvtr.datasets.parsing import parse_captions
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.nn.models import RetrievalModel
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.text import Vocabulary
from graphvtr.text.pairs import BinaryPair


class HardNegatives:
    """Pairs of captions of the training videos, made by :func:`graphvtr.text.perturb` for instance.

    Args:
        pairs: their videos; pairs of other videos are left out.
        dataset: the training split.
        model: cuts and tokenises the captions.
        vocabulary: numbers their words.
        source: how captions are parsed.

    Raises:
        DataError: no pair is of a training video, or a caption cannot be parsed.
    """

    def __init__(
        self,
        pairs: Sequence[BinaryPair],
        dataset: RetrievalDataset,
        model: RetrievalModel,
        vocabulary: Vocabulary,
        source: DataSource = DataSource(),
    ) -> None:
        place = {name: position for position, name in enumerate(dataset.videos)}
        mine = sorted((pair for pair in pairs if pair.video in place), key=lambda pair: place[pair.video])
        if not mine:
            raise DataError(
                "negatives",
                f"none of {len(pairs)} pairs is of a video of {dataset.name}/{dataset.split}",
                "make them with graphvtr perturb --split train",
            )
        texts = [pair.positive for pair in mine] + [pair.negative for pair in mine]
        graphs: GraphStore[RoleGraph] = parse_captions(texts, source).mapped(model.transform_text)
        self.graphs = vocabulary.encode_store(graphs)
        counts = torch.bincount(torch.tensor([place[pair.video] for pair in mine]), minlength=len(dataset.videos))
        self.ptr = counts_to_ptr(counts)  # [Nv + 1], where each video's pairs begin

    def __len__(self) -> int:
        return len(self.graphs) // 2

    def draw(self, videos: Tensor, seed: int) -> tuple[RoleGraph, Tensor]:
        """A random pair of each video that has one.

        Args:
            videos: [B], positions in the training split.
            seed: of the draw.

        Returns:
            A packed batch of 2 n captions, the true ones and then the wrong ones; [n], the position in ``videos`` of
            each pair's video.
        """
        count = self.ptr.diff()[videos]
        share = torch.rand(len(videos), generator=torch.Generator().manual_seed(seed))
        has = count > 0
        chosen = (self.ptr[videos] + (share * count).long().clamp(max=count - 1))[has]
        return self.graphs.batch(torch.cat([chosen, chosen + len(self)])), has.nonzero().squeeze(1)
