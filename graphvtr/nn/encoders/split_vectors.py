"""What a closed form reads of a whole split: a vector a caption, a vector a video."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.datasets import RetrievalDataset
from graphvtr.nn.encoders.clip_vectors import ClipVectors
from graphvtr.nn.encoders.piece_bag import PieceBag
from graphvtr.nn.encoders.pretrained_words import PretrainedWords

AT_ONCE = 256  # captions or videos that are read at a time


@torch.no_grad()
def split_vectors(
    split: RetrievalDataset, words: PretrainedWords, bag: PieceBag, clips: ClipVectors
) -> tuple[Tensor, Tensor]:
    """Sentence vectors with bags [Nt, d], and clips' vectors [Nv, D].

    Args:
        split: prepared for a model that reads with ``words``.
        words: the frozen language model.
        bag: beside its sentence vectors.
        clips: what is read of the videos.
    """
    captions = (split.role_graphs.batch(part) for part in torch.arange(len(split.captions)).split(AT_ONCE))
    videos = (split.video_graphs.batch(part) for part in torch.arange(len(split.videos)).split(AT_ONCE))
    return (
        torch.cat([bag(batch, words.read(batch)[1]) for batch in captions]),
        torch.cat([clips(batch) for batch in videos]),
    )
