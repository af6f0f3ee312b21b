"""The words of a batch of captions and their embedding."""

from __future__ import annotations

from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, node_ptr

EMBEDDING_BOUND = 0.1
"""Word embeddings start uniform in plus and minus this, as in VSE++ and Dual Encoding."""


class WordTable(nn.Embedding):
    """A word embedding that can start from given vectors.

    Args:
        vocab_size: number of words.
        word_dim: width of the embedding.
    """

    def __init__(self, vocab_size: int, word_dim: int) -> None:
        super().__init__(vocab_size, word_dim)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        nn.init.uniform_(self.weight, -EMBEDDING_BOUND, EMBEDDING_BOUND)


def caption_words(graph: RoleGraph) -> tuple[Tensor, Tensor]:
    """The word ids of a role graph or a packed batch [W], and where each caption begins [N + 1].

    Raises:
        DataError: ``word.id`` is missing.
    """
    if "id" not in graph["word"]:
        raise DataError("word.id", "missing", "encode the graphs with a Vocabulary first")
    ids: Tensor = graph["word"].id
    return ids, node_ptr(graph, "word").to(ids.device)
