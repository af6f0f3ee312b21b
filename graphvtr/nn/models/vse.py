"""VSE and VSE++: a mean of frames, a GRU over words, one space."""

from __future__ import annotations

import math

from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr
from graphvtr.nn.encoders.dual_words import WordTable, caption_words
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.encoders.recurrent import run_sequences
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.models.one_vector import OneVectorModel
from graphvtr.nn.node_features import check_ids, node_features
from graphvtr.nn.registered import MODELS
from graphvtr.ops import segment_reduce


@MODELS.register("vse")
class VSE(OneVectorModel):
    r"""`"Unifying Visual-Semantic Embeddings with Multimodal Neural Language Models" <https://arxiv.org/abs/1411.2539>`_
    for videos: :math:`v = W \frac1T \sum_t f_t + b`, a caption is the last state of a GRU over its words, and the
    loss is the sum of the hinges over all negatives.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        hidden: D, width of the joint space and of the GRU.
        word_dim: width of the word embedding; with ``text`` that of the language model counts instead.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the loss.
        mining: ``"all"``, ``"hardest"`` or the ``"mean"`` of all negatives.
        reduction: ``"sum"`` or ``"mean"`` over the pairs of a batch.
        text: ``"minilm"`` or the directory of a BERT- or CLIP-like language model, whose frozen features of the words
            take the place of the learned embedding, see :class:`graphvtr.nn.PretrainedWords`; None learns one.

    Raises:
        DataError: an unknown option.

    Example:
        >>> import torch
        >>> model = VSE(vocab_size=10, video_dim=16, hidden=8, word_dim=4)
        >>> caption = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> caption["word"].id = torch.tensor([3, 4])
        >>> video = model.encode_video(VideoGraph.build(torch.randn(5, 16)))
        >>> model.similarity(video, model.encode_text(caption)).shape
        torch.Size([1, 1])
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 1024,
        word_dim: int = 300,
        max_frames: int | None = None,
        margin: float = 0.2,
        mining: Mining = "all",
        reduction: Reduction = "sum",
        text: str | None = None,
    ) -> None:
        super().__init__(margin, mining, reduction)
        self.video_dim = video_dim
        self.video_map = Linear(video_dim, hidden)
        bound = math.sqrt(6 / (video_dim + hidden))
        nn.init.uniform_(self.video_map.weight, -bound, bound)
        nn.init.zeros_(self.video_map.bias)
        self.pretrained = None if text is None else PretrainedWords(text)
        self.words = WordTable(vocab_size, word_dim) if self.pretrained is None else None
        self.rnn = nn.GRU(word_dim if self.pretrained is None else self.pretrained.out_channels, hidden)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event`` [N, D].

        Raises:
            DataError: ``frame.x`` is not ``video_dim`` wide.
        """
        return LevelEmbeddings(event=self.video_map(self.mean_frames(graph)))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, D].

        Raises:
            DataError: ``word.id`` is missing or outside the vocabulary.
        """
        return LevelEmbeddings(event=self.last_state(*self.word_vectors(graph)))

    def mean_frames(self, graph: VideoGraph) -> Tensor:
        """The mean of every video's frames [N, video_dim]; 0 for a video without."""
        x = node_features(graph, "frame", self.video_dim, "video_dim")
        return segment_reduce(x.to(next(self.parameters()).dtype), node_ptr(graph, "frame").to(x.device), "mean")

    def last_state(self, words: Tensor, ptr: Tensor) -> Tensor:
        """The GRU's state after the last word of every caption [N, D]."""
        return run_sequences(self.rnn, words, ptr).index_select(0, ptr[1:] - 1)

    def word_vectors(self, graph: RoleGraph) -> tuple[Tensor, Tensor]:
        """The vectors of all words [W, word_dim], and where each caption's begin."""
        if self.pretrained is not None:
            words = self.pretrained(graph).to(next(self.parameters()).dtype)
            return words, node_ptr(graph, "word").to(words.device)
        ids, ptr = caption_words(graph)
        assert self.words is not None
        check_ids(ids, self.words.num_embeddings)
        return self.words(ids), ptr


@MODELS.register("vse++")
class VSEPlusPlus(VSE):
    r"""`"VSE++: Improving Visual-Semantic Embeddings with Hard Negatives" <https://arxiv.org/abs/1707.05612>`_:
    :class:`VSE` with the hardest negative of the batch instead of all.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        hidden: D, width of the joint space and of the GRU.
        word_dim: width of the word embedding.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the loss.
        reduction: ``"sum"`` or ``"mean"`` over the pairs of a batch.
        text: see :class:`VSE`.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 1024,
        word_dim: int = 300,
        max_frames: int | None = None,
        margin: float = 0.2,
        reduction: Reduction = "sum",
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, hidden, word_dim, max_frames, margin, "hardest", reduction, text)
