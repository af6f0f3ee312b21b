"""Local attentive matching: text nodes attend over frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.nn.levels import Level
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.precision import match_in_float32
from graphvtr.nn.ragged import batch_to_ptr
from graphvtr.ops import local_match, local_match_weights, segment_reduce
from graphvtr.ops.local_match import BUDGET_BYTES, Fusion, NodeReduce, Norm, normalize_rows


def weights_by_frame(weights: Tensor, frames: int, region_frame: Tensor | None = None) -> Tensor:
    """Attention over the frames of a video, made of that over its frames and, after them, its regions, which count for
    the frames they are in.

    Args:
        weights: [P, T] or [P, T + R], each row summing to 1.
        frames: how many, T.
        region_frame: [R], the frame of each region, in order; where it is not known, frames are weighed among
            themselves.

    Returns:
        [P, T], each row summing to 1.

    Example:
        >>> weights_by_frame(torch.tensor([[0.2, 0.1, 0.3, 0.4]]), 2, torch.tensor([1, 1]))
        tensor([[0.2000, 0.8000]])
        >>> weights_by_frame(torch.tensor([[0.2, 0.1, 0.3, 0.4]]), 2)
        tensor([[0.6667, 0.3333]])
    """
    own, regions = weights[:, :frames], weights[:, frames:]
    if not regions.size(1):
        return own
    if region_frame is None or len(region_frame) != regions.size(1):
        return own / own.sum(1, keepdim=True)
    return own + segment_reduce(regions.t(), batch_to_ptr(region_frame.to(own.device), frames), "sum").t()


class LocalAttentiveMatch(nn.Module):
    r"""Score every video against every caption on a level of frames and text nodes (HGR section 3.3, Eq 12).

    Each node attends over the frames of the video, without any grounding given, and its score is its attended
    similarity; a caption's score is the sum of its nodes' scores.

    .. math::
        s_{ij} = \cos(v_j, c_i), \qquad
        a_{ij} = \operatorname{softmax}_j \left( \lambda \frac{[s_{ij}]_+}{\sqrt{\sum_j s_{ij}^2}} \right), \qquad
        s(v, c) = \sum_i \sum_j a_{ij} s_{ij}

    The computation is :func:`graphvtr.ops.local_match`: ``fusion="embed"`` takes the norm of the attended frame from
    the Gram matrix of the video, so that no tensor of size pairs × D is ever built, and blocks keep the memory of
    the scores below ``budget_bytes`` however many pairs there are.

    Args:
        temperature: :math:`\lambda`.
        fusion: ``"sim"``, the attended similarity (the paper), or ``"embed"``, the cosine of the node and the
            attended frame (the released code).
        norm: ``"raw"``, the norm in the softmax over all similarities (Eq 12 as printed), or ``"clipped"``, over the
            positive ones (the released code).
        node_reduce: ``"sum"`` (the paper) or ``"mean"`` (the released code) over a caption's nodes.
        budget_bytes: bound on the memory that the match takes beside its arguments and result.

    Shapes:
        - **input:** frames ``[F, D]`` with ``ptr`` ``[Nv + 1]``, nodes ``[n, D]`` with ``ptr`` ``[Nt + 1]``
        - **output:** ``[Nv, Nt]``; a caption without nodes and a video without frames score 0

    Raises:
        DataError: a level that is not a ragged set, or an unknown option.

    Example:
        >>> import torch
        >>> video = Level(torch.eye(2), torch.tensor([0, 1, 2]))
        >>> text = Level(torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), torch.tensor([0, 1, 1, 3]))
        >>> LocalAttentiveMatch()(video, text).tolist()
        [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """

    exact_keys = False  # the mean of the frames stands for the attended one

    def __init__(
        self,
        temperature: float = 4.0,
        fusion: Fusion = "sim",
        norm: Norm = "raw",
        node_reduce: NodeReduce = "sum",
        budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        super().__init__()
        check_choice("fusion", fusion, Fusion)
        check_choice("norm", norm, Norm)
        check_choice("node_reduce", node_reduce, NodeReduce)
        self.temperature, self.fusion, self.norm = temperature, fusion, norm
        self.node_reduce, self.budget_bytes = node_reduce, budget_bytes

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs."""
        if video.ptr is None or text.ptr is None:
            name = "video" if video.ptr is None else "text"
            raise DataError(f"{name} level", "holds one vector an item", "match single vectors with CosineMatch")
        return local_match(
            text.x,
            text.ptr,
            video.x,
            video.ptr,
            temperature=self.temperature,
            fusion=self.fusion,
            norm=self.norm,
            reduce=self.node_reduce,
            budget_bytes=self.budget_bytes,
        )

    def frame_weights(self, video: Level, text: Level) -> Tensor:
        r"""The weights :math:`a_{ij}` of one video and one caption, [nodes, frames]: which frames each node looks at.

        Args:
            video: a level with one video (``level.select`` takes one out of many).
            text: a level with one caption.

        Raises:
            DataError: a level has more than one item.
        """
        for name, level in (("video", video), ("text", text)):
            if len(level) != 1:
                raise DataError(
                    f"{name} level", f"has {len(level)} items", "select one: level.select(torch.tensor([i]))"
                )
        return self.frame_weights_each(video, text)[0]

    def frame_weights_each(self, video: Level, text: Level) -> list[Tensor]:
        """:meth:`frame_weights` of every video and one caption; those of equally many frames are computed at once.

        Args:
            video: a level with N videos.
            text: a level with one caption.
        """
        counts = [1] * len(video.x) if video.ptr is None else video.ptr.diff().tolist()
        frames = video.x.split(counts)
        out = [text.x] * len(counts)
        for count in set(counts):
            places = [place for place, one in enumerate(counts) if one == count]
            alike = torch.stack([frames[place] for place in places])  # [N, T, D]
            weights = local_match_weights(text.x, alike, self.temperature, self.norm)
            for place, own in zip(places, weights, strict=True):
                out[place] = own
        return out

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`: the score with all frames attended alike."""
        if level.ptr is None:
            raise DataError(f"{side} level", "holds one vector an item", "match single vectors with CosineMatch")
        if side == "text":
            return [segment_reduce(normalize_rows(level.x), level.ptr, self.node_reduce)]
        mean = segment_reduce(normalize_rows(level.x), level.ptr, "mean")
        return [normalize_rows(mean) if self.fusion == "embed" else mean]

    query_keys = item_keys

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, fusion={self.fusion}, norm={self.norm}, node_reduce={self.node_reduce}"
