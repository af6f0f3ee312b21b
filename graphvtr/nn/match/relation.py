"""Relation matching: find the pair that a caption speaks of, and compare what happens between its two."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.levels import Level
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.precision import match_in_float32
from graphvtr.ops import segment_reduce
from graphvtr.ops.local_match import BUDGET_BYTES


class RelationMatch(nn.Module):
    r"""Score every video against every caption on a level of pairs of regions and actions.

    Rows of both sides are a key, who it is about, and a value, what happens. An action looks for its agent and patient
    among all pairs of all frames by the keys alone, and is compared with what happens there:

    .. math::
        a_{ip} = \operatorname{softmax}_p (\lambda\, q_i^\top k_p), \qquad
        s(v, c) = \frac{1}{|c|} \sum_i \Bigl( \sum_p a_{ip}\, v_p^\top w_i
        + \frac{\mu}{\lambda} \log \frac{1}{|v|} \sum_p e^{\lambda\, q_i^\top k_p} \Bigr)

    A clip and its twin, in which agent and patient are exchanged, hold the same things: one sum of how well a pair fits
    in looks and in what it does would give both the same score, one choice by looks does not.

    Args:
        key_channels: width of the key, the first columns of every row.
        temperature: :math:`\lambda` to begin with; it and :math:`\mu`, from 1 on, are learned.
        budget_bytes: bound on the largest tensor of a block, where no gradient is wanted.

    Shapes:
        - **input:** pairs ``[P, D]`` with ``ptr`` ``[Nv + 1]``, actions ``[A, D]`` with ``ptr`` ``[Nt + 1]``
        - **output:** ``[Nv, Nt]``; a caption without actions and a video without pairs score 0

    Raises:
        DataError: a level that is not a ragged set.

    Example:
        >>> looks, does = torch.eye(2)[[0, 1]], torch.tensor([[1.0], [-1.0]])
        >>> video = Level(torch.cat([looks, does], 1), torch.tensor([0, 2]))
        >>> RelationMatch(2, temperature=1000.0)(video, video).round().item()  # 1 for looks, 1 for what it does
        2.0
    """

    exact_keys = False  # the keys alone, all pairs attended alike

    def __init__(self, key_channels: int, temperature: float = 10.0, budget_bytes: int = BUDGET_BYTES) -> None:
        super().__init__()
        self.key_channels, self.budget_bytes = key_channels, budget_bytes
        self.log_temperature = nn.Parameter(torch.tensor(temperature).log())
        self.key_weight = nn.Parameter(torch.tensor(1.0))

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs."""
        if video.ptr is None or text.ptr is None:
            name = "video" if video.ptr is None else "text"
            raise DataError(f"{name} level", "holds one vector an item", "match single vectors with CosineMatch")
        if torch.is_grad_enabled():
            return self._block(video.x, video.ptr, text.x, text.ptr)
        rows = max(1, self.budget_bytes // (4 * video.x.element_size() * max(1, text.x.size(0))))
        out, first, ends = [], 0, video.ptr.tolist()
        while first < len(video):
            last = first + 1
            while last < len(video) and ends[last + 1] - ends[first] <= rows:
                last += 1
            ptr = video.ptr[first : last + 1]
            out.append(self._block(video.x[ends[first] : ends[last]], ptr - ptr[0], text.x, text.ptr))
            first = last
        return torch.cat(out) if out else video.x.new_zeros(0, len(text))

    def _block(self, pairs: Tensor, pairs_ptr: Tensor, actions: Tensor, actions_ptr: Tensor) -> Tensor:
        k = self.key_channels
        temperature = self.log_temperature.exp()
        looks = temperature * (pairs[:, :k] @ actions[:, :k].t())  # [P, A]
        does = pairs[:, k:] @ actions[:, k:].t()
        largest = segment_reduce(looks.detach(), pairs_ptr, "max")  # [Nv, A]
        weight = (looks - torch.repeat_interleave(largest, pairs_ptr.diff(), 0, output_size=looks.size(0))).exp()
        total = segment_reduce(weight, pairs_ptr, "mean")
        there = (pairs_ptr.diff() > 0)[:, None]  # a video without pairs has nothing that fits
        fits = torch.where(there, total, 1).log() + largest
        by_action = segment_reduce(weight * does, pairs_ptr, "mean") / torch.where(there, total, 1)
        by_action = by_action + self.key_weight / temperature * fits
        return segment_reduce(by_action.t().contiguous(), actions_ptr, "mean").t()

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`: how alike they look, with all pairs attended alike."""
        if level.ptr is None:
            raise DataError(f"{side} level", "holds one vector an item", "match single vectors with CosineMatch")
        return [segment_reduce(level.x[:, : self.key_channels].contiguous(), level.ptr, "mean")]

    query_keys = item_keys

    def extra_repr(self) -> str:
        return f"{self.key_channels}"
