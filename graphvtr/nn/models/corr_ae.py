"""Correspondence autoencoders: two autoencoders whose codes agree."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models.vse import VSE
from graphvtr.nn.precision import widened
from graphvtr.nn.registered import MODELS
from graphvtr.ops import segment_reduce


@MODELS.register("corr_ae")
class CorrAE(VSE):
    r"""`"Cross-modal Retrieval with Correspondence Autoencoder" (Feng, Wang, Li; ACM Multimedia 2014)
    <https://doi.org/10.1145/2647868.2654902>`_: a video's mean frame and a caption's bag of words pass through an
    autoencoder each, and the codes of a pair are pulled together. There are no negatives:

    .. math:: L = (1 - \alpha) \bigl( \lVert x_v - \hat x_v \rVert^2 + \lVert x_c - \hat x_c \rVert^2 \bigr)
        + \alpha \lVert h_v - h_c \rVert^2, \qquad h = \sigma(W x + b)

    (means over the entries). Left out: the stacked restricted Boltzmann machines it starts from, and the variants that
    reconstruct the other side.

    Args:
        vocab_size: number of words, ``len(vocabulary)``; with ``text`` the mean of its vectors stands for the bag.
        video_dim: width of the frame features.
        hidden: D, width of the codes.
        alpha: :math:`\alpha`.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        text: see :class:`VSE`.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 1024,
        alpha: float = 0.8,
        max_frames: int | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, hidden, 1, max_frames, text=text)
        self.vocab_size, self.words = vocab_size, None  # a bag of words needs no vectors
        del self.rnn
        width = vocab_size if self.pretrained is None else self.pretrained.out_channels
        self.text_map = nn.Linear(width, hidden)
        self.video_back, self.text_back = nn.Linear(hidden, video_dim), nn.Linear(hidden, width)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """The codes, ``event`` [N, D], and how badly each gives its input back, ``error`` [N, 1]."""
        return self._coded(self.mean_frames(graph), self.video_map, self.video_back)

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """The codes, ``event`` [N, D], and how badly each gives its input back, ``error`` [N, 1]."""
        if self.pretrained is not None:
            return self._coded(segment_reduce(*self.word_vectors(graph), "mean"), self.text_map, self.text_back)
        ids, ptr = graph["word"].id, node_ptr(graph, "word")
        bag = self.text_map.weight.new_zeros(ptr.size(0) - 1, self.vocab_size)
        owner = torch.repeat_interleave(
            torch.arange(bag.size(0), device=ids.device), ptr.to(ids.device).diff(), output_size=ids.numel()
        )
        bag.index_put_((owner, ids), bag.new_ones(()), accumulate=True)
        return self._coded(bag, self.text_map, self.text_back)

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """``loss``, and its parts ``reconstruction`` and ``correspondence``."""
        back = (video["error"].x[video_of_text] + text["error"].x).mean()
        apart = widened(video["event"].x[video_of_text] - text["event"].x).square().mean()
        alpha = self.config["alpha"]
        return {"loss": (1 - alpha) * back + alpha * apart, "reconstruction": back, "correspondence": apart}

    @staticmethod
    def _coded(x: Tensor, into: nn.Linear, back: nn.Linear) -> LevelEmbeddings:
        code = torch.sigmoid(into(x))
        return LevelEmbeddings(event=code, error=widened(back(code) - x).square().mean(1, keepdim=True))
