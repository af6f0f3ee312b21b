"""DeViSE: images mapped into the space of words."""

from __future__ import annotations

from torch import Tensor

from graphvtr.graphs import RoleGraph
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models.vse import VSE
from graphvtr.nn.registered import MODELS
from graphvtr.ops import segment_reduce


@MODELS.register("devise")
class DeViSE(VSE):
    r"""`"DeViSE: A Deep Visual-Semantic Embedding Model" (Frome et al., NeurIPS 2013)
    <https://papers.nips.cc/paper/5204-devise-a-deep-visual-semantic-embedding-model>`_ for sentences: a video is the
    mean of its frames mapped into the space of words, a caption the mean of its word vectors, and other captions
    have to score a margin less:

    .. math:: L = \sum_{c' \ne c} [\Delta - s(v, c) + s(v, c')]_+

    Left out: the paper's skip-gram training of the word vectors (``--word_vectors`` takes a file) and of the image
    network. A label is one word there; the mean over a sentence is what video papers compare with.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        word_dim: width of the word vectors and of the joint space.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: :math:`\Delta`.
        text: see :class:`VSE`.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        word_dim: int = 300,
        max_frames: int | None = None,
        margin: float = 0.1,
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, word_dim, word_dim, max_frames, margin, "all", "mean", text)
        if self.pretrained is not None:
            self.video_map = Linear(video_dim, self.pretrained.out_channels)
        del self.rnn

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """The mean word vector, ``event`` [N, word_dim]."""
        return LevelEmbeddings(event=segment_reduce(*self.word_vectors(graph), "mean"))

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """The hinge over all other captions of the batch, mean over its captions."""
        scores = self.similarity(video, text)[video_of_text]  # [Nt, Nt]
        other = video_of_text[:, None] != video_of_text
        hinge = (self.config["margin"] - scores.diagonal()[:, None] + scores).clamp(min=0)
        return {"loss": hinge.masked_fill(~other, 0.0).sum() / max(len(scores), 1)}
