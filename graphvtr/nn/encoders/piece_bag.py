"""A bag of a caption's frequent pieces: which words it has, where a sentence vector only says what it is about."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from graphvtr.graphs import GraphStore, RoleGraph, node_ptr

NO_PIECE = 2**31 - 1
SHARE = 1.0
"""Length of a bag beside that of a sentence vector."""


class PieceBag(nn.Module):
    r"""Unit vectors over the most frequent pieces of the training captions, weighed by inverse document frequency,
    :math:`\log (N / n_p)` for a piece in :math:`n_p` of N captions.

    Until it is filled it gives zeros. Pieces and weights are buffers.

    Args:
        size: pieces that count; with 0 the sentence vector stays alone, and as it is.

    Shapes:
        - **input:** a role graph or a packed batch of N, tokenised (:meth:`graphvtr.nn.PretrainedWords.tokenize`), and
          sentence vectors ``[N, d]``
        - **output:** ``[N, d + size]``, both of them with lengths 1 and :data:`SHARE`
    """

    pieces: Tensor
    weight: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("pieces", torch.full((size,), NO_PIECE))  # ascending
        self.register_buffer("weight", torch.zeros(size))

    def fill(self, captions: GraphStore[RoleGraph]) -> None:
        """Take the most frequent pieces of training captions, the smaller number of equally frequent ones."""
        if not len(self.pieces):
            return
        flat = captions.nodes["piece"]
        each = [ids.unique() for ids in flat.tensors["id"].split(flat.ptr.diff().tolist())]
        every, counts = torch.cat(each).unique(return_counts=True)
        most = torch.argsort(counts, descending=True, stable=True)[: len(self.pieces)].sort().values
        self.pieces.fill_(NO_PIECE)[: len(most)] = every[most]
        self.weight.zero_()[: len(most)] = (len(each) / counts[most]).log()

    def forward(self, graph: RoleGraph, sentence: Tensor) -> Tensor:
        """Sentence vectors and bags, side by side."""
        if not len(self.pieces):
            return sentence
        return torch.cat([normalize(sentence, dim=1), SHARE * self.bags(graph)], 1)

    def bags(self, graph: RoleGraph) -> Tensor:
        """The bags alone, [N, size]; 0 for a caption of which no piece counts."""
        ids = graph["piece"].id
        ptr = node_ptr(graph, "piece").to(ids.device)
        caption = torch.repeat_interleave(ptr.diff(), output_size=ids.size(0))
        column = torch.searchsorted(self.pieces, ids).clamp(max=len(self.pieces) - 1)
        own = torch.where(self.pieces[column] == ids, column, len(self.pieces))  # one column more for the others
        bags = self.weight.new_zeros(ptr.size(0) - 1, len(self.pieces) + 1)
        bags[caption, own] = self.weight[column]
        return normalize(bags[:, :-1], dim=1)

    def extra_repr(self) -> str:
        return str(len(self.pieces))
