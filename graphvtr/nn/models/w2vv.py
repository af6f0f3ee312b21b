"""Word2VisualVec and W2VV++: bag of words, word vectors and a GRU side by side."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.models.vse import VSE
from graphvtr.nn.registered import MODELS
from graphvtr.ops import gather_segment_reduce, segment_reduce


class W2VVBase(VSE):
    """The text side that both share: bag of words, mean word vector and the last state of a GRU, side by side, through
    one layer. With ``text`` the mean vector of the language model's words stands for the bag too."""

    def _sentence(self, vocab_size: int, out_channels: int) -> None:
        if self.pretrained is not None:
            width = self.pretrained.out_channels
        else:
            assert self.words is not None
            width = self.words.embedding_dim
        self.text_map = Linear(width + self.rnn.hidden_size, out_channels)
        self.bag = nn.Parameter(0.01 * torch.randn(vocab_size, out_channels)) if self.pretrained is None else None

    def sentence(self, graph: RoleGraph) -> Tensor:
        """The three, mapped, [N, out_channels]."""
        words, ptr = self.word_vectors(graph)
        out = self.text_map(torch.cat([segment_reduce(words, ptr, "mean"), self.last_state(words, ptr)], 1))
        if self.bag is not None:
            out = out + gather_segment_reduce(self.bag, graph["word"].id, node_ptr(graph, "word").to(words.device))
        return out  # type: ignore[no-any-return]


@MODELS.register("w2vv")
class W2VV(W2VVBase):
    r"""`"Predicting Visual Features from Text for Image and Video Caption Retrieval" (Dong, Li, Snoek; IEEE TMM 2018)
    <https://arxiv.org/abs/1709.01362>`_: a caption predicts the mean frame of its video, and is compared with it there.

    .. math:: L = \operatorname{mean} \lVert f(c) - \bar v \rVert^2

    Left out: its word vectors, trained on 30 million Flickr tags (``--word_vectors`` takes a file).

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features, and of the space.
        hidden: width of the hidden layer.
        word_dim: width of the word embedding.
        rnn: width of the GRU.
        dropout: of the hidden layer.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        text: see :class:`VSE`.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 2048,
        word_dim: int = 500,
        rnn: int = 1024,
        dropout: float = 0.2,
        max_frames: int | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, rnn, word_dim, max_frames, text=text)
        self.video_map = Linear(hidden, video_dim)  # a caption's last layer; videos have none
        self._sentence(vocab_size, hidden)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """The mean frame, ``event`` [N, video_dim]."""
        return LevelEmbeddings(event=self.mean_frames(graph))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """What the caption predicts, ``event`` [N, video_dim]."""
        hidden = F.dropout(F.relu(self.sentence(graph)), self.config["dropout"], self.training)
        return LevelEmbeddings(event=self.video_map(hidden))

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """The mean square error of the prediction."""
        return {"loss": F.mse_loss(text["event"].x, video["event"].x[video_of_text])}


@MODELS.register("w2vv++")
class W2VVPlusPlus(W2VVBase):
    r"""`"W2VV++: Fully Deep Learning for Ad-hoc Video Search" (Li, Xu, Yang, Chen, Dong; ACM Multimedia 2019)
    <https://doi.org/10.1145/3343031.3350906>`_: both sides through one layer and tanh into a common space, under the
    hinge loss with the hardest negatives.

    Left out: two networks' features side by side (concatenate them in the store), and as for :class:`W2VV`.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        hidden: D, width of the common space.
        word_dim: width of the word embedding.
        rnn: width of the GRU.
        dropout: of the common space.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the loss.
        mining: ``"hardest"``, ``"all"`` or the ``"mean"`` of all negatives.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.
        text: see :class:`VSE`.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 2048,
        word_dim: int = 500,
        rnn: int = 1024,
        dropout: float = 0.2,
        max_frames: int | None = None,
        margin: float = 0.2,
        mining: Mining = "hardest",
        reduction: Reduction = "sum",
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, rnn, word_dim, max_frames, margin, mining, reduction, text)
        self.video_map = Linear(video_dim, hidden)
        self._sentence(vocab_size, hidden)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event`` [N, D]."""
        return LevelEmbeddings(event=self._common(self.video_map(self.mean_frames(graph))))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, D]."""
        return LevelEmbeddings(event=self._common(self.sentence(graph)))

    def _common(self, x: Tensor) -> Tensor:
        return F.dropout(torch.tanh(x), self.config["dropout"], self.training)
