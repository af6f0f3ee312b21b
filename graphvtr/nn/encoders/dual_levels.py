"""The parts that both encoders of Dual Encoding are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.batch_norm import batch_norm
from graphvtr.nn.encoders.recurrent import run_bidirectional, run_sequences
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.ragged import Layout
from graphvtr.ops import gather_segment_reduce
from graphvtr.ops.local_match import normalize_rows


class SequenceLevels(nn.Module):
    r"""Levels 2 and 3 of Dual Encoding: a bidirectional GRU, its mean, and convolutions over its outputs.

    .. math:: h_t = [\overrightarrow{h_t}, \overleftarrow{h_t}], \qquad
        f^{(2)} = \frac1T \sum_t h_t, \qquad
        f^{(3)}_k = \max_t \operatorname{ReLU}(\operatorname{conv}_k(h))_t

    A convolution of width k sees k - 1 zeros before and after the sequence, so that short ones have windows too.

    Args:
        in_channels: width of a frame or word.
        hidden: width of each direction of the GRU.
        kernels: the widths k.
        filters: of each convolution.
        dropout: of both levels.

    Shapes:
        - **input:** rows ``[W, in_channels]``, ``ptr`` ``[N + 1]`` where each sequence begins
        - **output:** ``[N, 2 hidden + len(kernels) filters]``, 0 for an empty sequence
    """

    def __init__(
        self, in_channels: int, hidden: int, kernels: Sequence[int], filters: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if not kernels or min(kernels) < 1:
            raise DataError("kernels", f"are {list(kernels)}", "give at least one width, each 1 or more")
        self.hidden, self.dropout = hidden, dropout
        self.out_channels = 2 * hidden + len(kernels) * filters
        self.rnn = nn.GRU(in_channels, hidden, bidirectional=True)
        self.convs = nn.ModuleList(nn.Conv1d(2 * hidden, filters, k, padding=k - 1) for k in kernels)

    def forward(self, x: Tensor, ptr: Tensor, padded_rnn: bool = False, padded_windows: bool = False) -> Tensor:
        """Both levels, side by side.

        Args:
            x: [W, in_channels], the elements of all sequences, end to end.
            ptr: [N + 1], where each sequence begins.
            padded_rnn: run the GRU over the zeros that fill short sequences up to the longest one, as the released
                code does on videos: its backward direction starts in them.
            padded_windows: let a convolution look at windows that lie in those zeros altogether, as the released
                code does: then its maximum is at least that of its bias.
        """
        layout = Layout.from_ptr(x, ptr)
        if x.size(0) == 0:  # nothing to convolve
            return x.new_zeros(layout.graphs, self.out_channels)
        states = self._states(x, ptr, layout, padded_rnn)  # [N, T, 2 H], 0 past the end
        length = ptr.diff()
        mean = states.sum(1) / length.clamp(min=1).to(states.dtype)[:, None]
        levels = [F.dropout(mean, self.dropout, self.training)]
        windows = [self._window(conv, states, None if padded_windows else length) for conv in self.convs]
        levels.append(F.dropout(torch.cat(windows, 1), self.dropout, self.training))
        return torch.cat(levels, 1)

    def _states(self, x: Tensor, ptr: Tensor, layout: Layout, padded: bool) -> Tensor:
        if padded:
            steps = torch.full((layout.nodes,), layout.graphs)
            out = run_bidirectional(self.rnn, layout.pad(x).transpose(0, 1).flatten(0, 1), steps)
            dense = out.view(layout.nodes, layout.graphs, -1).transpose(0, 1)
            return dense if layout.mask is None else dense.masked_fill(~layout.mask[:, :, None], 0.0)
        return layout.pad(run_sequences(self.rnn, x, ptr))

    def _window(self, conv: nn.Module, states: Tensor, length: Tensor | None) -> Tensor:
        """The maximum over windows [N, filters]; with ``length``, over those that touch the sequence."""
        found = conv(states.mT).relu()  # [N, filters, T + k - 1]
        if length is not None:  # nothing is below 0 after the ReLU: 0 never wins over a window that counts
            overhang = found.size(2) - states.size(1)
            end = torch.where(length > 0, length + overhang, 0)
            outside = torch.arange(found.size(2), device=length.device) >= end[:, None]
            found = found.masked_fill(outside[:, None], 0.0)
        return found.amax(2)


class CommonSpace(nn.Module):
    r"""Into the common space: :math:`\operatorname{l2}(\operatorname{Dropout}(\operatorname{BN}(W f + b)))`, W Xavier.

    Args:
        in_channels: width of the features that come as vectors.
        out_channels: D, width of the common space.
        bag: number of words of the bag of words, which come as rows of ids instead; 0 for no bag.
        dropout: after the BatchNorm.
    """

    def __init__(self, in_channels: int, out_channels: int, bag: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.in_channels, self.dropout = in_channels, dropout
        self.linear = Linear(in_channels, out_channels)
        self.bag = nn.Parameter(torch.empty(bag, out_channels)) if bag else None
        self.norm = nn.BatchNorm1d(out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters: Xavier for the whole of W, 0 for its bias."""
        fan_in = self.in_channels + (0 if self.bag is None else self.bag.size(0))
        bound = math.sqrt(6 / (fan_in + self.linear.out_features))
        for weight in (self.linear.weight, self.bag):
            if weight is not None:
                nn.init.uniform_(weight, -bound, bound)
        nn.init.zeros_(self.linear.bias)
        self.norm.reset_parameters()

    def forward(
        self, features: Tensor, words: Tensor | None = None, ptr: Tensor | None = None, counted: Tensor | None = None
    ) -> Tensor:
        """Unit vectors [N, D].

        Args:
            features: [N, in_channels].
            words: [W], the words of the bags, end to end.
            ptr: [N + 1], where each bag begins.
            counted: [W], how often each word counts; once when None.
        """
        out = self.linear(features)
        if self.bag is not None and words is not None and ptr is not None:
            out = out + gather_segment_reduce(self.bag, words, ptr, "sum", counted)
        return normalize_rows(F.dropout(batch_norm(self.norm, out), self.dropout, self.training))
