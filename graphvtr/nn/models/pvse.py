"""Polysemous embeddings: several vectors a video and a caption, of which the best pair counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.models.vse import VSE
from graphvtr.nn.node_features import node_features
from graphvtr.nn.precision import match_in_float32
from graphvtr.nn.registered import MODELS
from graphvtr.ops import segment_reduce, segment_softmax
from graphvtr.ops.local_match import normalize_rows


class BestPairMatch(nn.Module):
    """The largest cosine among the K x K pairs of a video's and a caption's vectors (multiple instance learning)."""

    exact_keys = False  # the mean of the pairs stands for the best one

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs [Nv, Nt]; every item has K vectors."""
        sides = [normalize_rows(level.x).view(len(level), -1, level.x.size(1)) for level in (video, text)]
        scores = [v @ t.T for v in sides[0].unbind(1) for t in sides[1].unbind(1)]
        return torch.stack(scores).amax(0)

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`: the K vectors side by side."""
        return [normalize_rows(level.x).view(len(level), -1)]

    def query_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`: their mean for each of the item's."""
        x = normalize_rows(level.x).view(len(level), -1, level.x.size(1))
        return [(x.mean(1, keepdim=True) / x.size(1)).expand_as(x).flatten(1)]


class PolysemousPool(nn.Module):
    """K heads of soft attention over a set, each added to the set's own vector: ``LayerNorm(g + W a_k)``."""

    def __init__(self, in_channels: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.into, self.score = nn.Linear(in_channels, hidden // 2 or 1), nn.Linear(hidden // 2 or 1, heads, bias=False)
        self.out, self.norm = nn.Linear(in_channels, hidden), nn.LayerNorm(hidden)

    def forward(self, whole: Tensor, x: Tensor, ptr: Tensor) -> Tensor:
        """[N, hidden] and a set [W, in_channels] -> [N, K, hidden]."""
        weights = self.score(torch.tanh(self.into(x)))  # [W, K]
        heads = [segment_reduce(segment_softmax(one, ptr)[:, None] * x, ptr, "sum") for one in weights.unbind(1)]
        return self.norm(whole[:, None] + torch.sigmoid(self.out(torch.stack(heads, 1))))  # type: ignore[no-any-return]


@MODELS.register("pvse")
class PVSE(VSE):
    r"""`"Polysemous Visual-Semantic Embedding for Cross-Modal Retrieval" (Song, Soleymani; CVPR 2019)
    <https://arxiv.org/abs/1906.04402>`_: K vectors a side, the global one plus what K heads of attention over frames or
    words find; the best pair counts, and heads are kept apart.

    .. math:: L = L_{rank} + \lambda_{div} (\lVert A A^\top - I \rVert^2_v + \lVert \cdot \rVert^2_c)

    with A the K unit vectors of an item. Left out: the discrepancy (MMD) term that draws the two sides together, and
    the paper's 3D network on raw frames.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        embeddings: K, vectors of an item.
        hidden: D, width of the joint space.
        word_dim: width of the word embedding.
        diversity_weight: :math:`\lambda_{div}`.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the loss.
        text: see :class:`VSE`.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        embeddings: int = 2,
        hidden: int = 1024,
        word_dim: int = 300,
        diversity_weight: float = 0.1,
        max_frames: int | None = None,
        margin: float = 0.2,
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, hidden, word_dim, max_frames, margin, "hardest", "mean", text)
        self.matchers = nn.ModuleDict({"event": BestPairMatch()})
        width = word_dim if self.pretrained is None else self.pretrained.out_channels
        self.video_heads = PolysemousPool(video_dim, hidden, embeddings)
        self.text_heads = PolysemousPool(width, hidden, embeddings)

    @property
    def frame_levels(self) -> tuple[str, ...]:
        """None: a video's vectors are not its frames'."""
        return ()

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event``, K vectors a video."""
        whole = self.video_map(self.mean_frames(graph))
        x = node_features(graph, "frame", self.video_dim, "video_dim").to(whole.dtype)
        return self._set(self.video_heads(whole, x, node_ptr(graph, "frame").to(x.device)))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event``, K vectors a caption."""
        words, ptr = self.word_vectors(graph)
        return self._set(self.text_heads(self.last_state(words, ptr), words, ptr))

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """``loss``, and its parts ``ranking`` and ``diversity``."""
        ranking = self.ranking(self.similarity(video, text), video_of_text)
        apart = torch.stack([self._alike(side["event"]) for side in (video, text)]).sum()
        return {"loss": ranking + self.config["diversity_weight"] * apart, "ranking": ranking, "diversity": apart}

    def _alike(self, level: Level) -> Tensor:
        unit = normalize_rows(level.x).view(len(level), -1, level.x.size(1))
        product = unit @ unit.mT
        return (product - torch.eye(product.size(1), device=product.device)).square().mean()

    @staticmethod
    def _set(x: Tensor) -> LevelEmbeddings:
        ptr = torch.arange(x.size(0) + 1, device=x.device) * x.size(1)
        return LevelEmbeddings(event=Level(x.flatten(0, 1), ptr))
