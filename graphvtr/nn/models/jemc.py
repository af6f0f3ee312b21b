"""Joint embeddings with multimodal cues (Mithun et al.): one space for what is seen, one for what is done."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.match import CosineMatch
from graphvtr.nn.models.vse import VSE
from graphvtr.nn.registered import MODELS


@MODELS.register("jemc")
class JEMC(VSE):
    r"""`"Learning Joint Embedding with Multimodal Cues for Cross-Modal Video-Text Retrieval" (Mithun, Li, Metze,
    Roy-Chowdhury; ICMR 2018) <https://doi.org/10.1145/3206025.3206064>`_: a space of objects and a space of activities,
    each a :class:`VSE` of some of the features; the score is the mean of their cosines, and each space has the hinge
    with the hardest negative, weighted by the rank r of the right answer among the N of the batch:

    .. math:: \Bigl(1 + \frac{\beta}{N - r + 1}\Bigr) \bigl[\Delta + s^- - s^+\bigr]_+

    Left out: audio (put it beside the motion features in the store).

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        motion_dim: the last so many of them are motion and make the activities' space; 0 gives both spaces all.
        hidden: D, width of both spaces.
        word_dim: width of the word embedding.
        beta: :math:`\beta`.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: :math:`\Delta`.
        text: see :class:`VSE`.

    Raises:
        DataError: ``motion_dim`` is not below ``video_dim``.
    """

    levels = ("object", "activity")  # type: ignore[assignment]

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        motion_dim: int = 0,
        hidden: int = 1024,
        word_dim: int = 300,
        beta: float = 1.0,
        max_frames: int | None = None,
        margin: float = 0.2,
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, hidden, word_dim, max_frames, margin, text=text)
        if not 0 <= motion_dim < video_dim:
            raise DataError("motion_dim", f"is {motion_dim} of {video_dim}", f"give 0 to {video_dim - 1}")
        self.split = (video_dim - motion_dim, motion_dim)
        self.matchers = nn.ModuleDict({level: CosineMatch() for level in self.levels})
        self.video_map = Linear(self.split[0], hidden)
        self.motion_map = Linear(motion_dim or video_dim, hidden)
        self.text_maps = nn.ModuleDict({level: Linear(hidden, hidden) for level in self.levels})

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``object`` and ``activity`` [N, D]."""
        mean = self.mean_frames(graph)
        seen, done = mean.split(self.split, 1) if self.split[1] else (mean, mean)
        return LevelEmbeddings(object=self.video_map(seen), activity=self.motion_map(done))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``object`` and ``activity`` [N, D]."""
        state = self.last_state(*self.word_vectors(graph))
        return LevelEmbeddings(**{level: part(state) for level, part in self.text_maps.items()})

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """``loss``, and the loss of each space."""
        scores = self.level_scores(video, text)
        losses = {level: self._weighted(one, video_of_text) for level, one in zip(self.levels, scores, strict=True)}
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def _weighted(self, scores: Tensor, owner: Tensor) -> Tensor:
        positive = scores.gather(0, owner[None])[0]  # [Nt]
        total = scores.new_zeros(())
        for matrix, other in (
            (scores[owner], owner[:, None] != owner),  # a row a pair: its video against the captions
            (scores.T, owner[:, None] != torch.arange(len(scores), device=scores.device)),  # its caption, the videos
        ):
            negative = matrix.masked_fill(~other, -torch.inf)
            rank = 1 + (negative > positive[:, None]).sum(1)
            weight = 1 + self.config["beta"] / (other.sum(1) + 1 - rank + 1)
            hinge = (self.config["margin"] + negative.amax(1) - positive).clamp(min=0)
            total = total + (weight * hinge).sum()
        return total / max(len(owner), 1)
