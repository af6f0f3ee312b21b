"""Words in context: an embedding and a bidirectional recurrent network over ragged captions."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import check_choice
from graphvtr.nn.encoders.recurrent import run_bidirectional, run_sequences
from graphvtr.nn.node_features import check_ids
from graphvtr.ops.csr import inverse_order, time_major

Recurrent = Literal["lstm", "gru"]
RecurrentInit = Literal["uniform", "orthogonal"]
WordInit = Literal["normal", "uniform"]


class WordEncoder(nn.Module):
    r"""Word embeddings in the context of their caption (HGR, Eq 1-3): one vector a word, both directions averaged.

    .. math:: w_i = \tfrac12 (\overrightarrow{w_i} + \overleftarrow{w_i})

    Captions come and go end to end, without padding. What the recurrent network wants, the i-th words of all
    captions side by side, is a permutation of that.

    Args:
        vocab_size: number of words; 0 for words that come as vectors.
        word_dim: width of the word embedding.
        hidden: D, width of each direction and of the output.
        rnn: ``"lstm"`` (the paper) or ``"gru"`` (the released code).
        rnn_init: ``"uniform"``, PyTorch's default, or ``"orthogonal"`` weights and biases of 0 (the released code).
        word_init: ``"normal"``, PyTorch's default, or ``"uniform"`` in plus and minus 1 / sqrt(word_dim) (the released
            code): at 300 dimensions 30 times smaller.
        dropout: of the word embeddings.

    Shapes:
        - **input:** ids ``[W]`` or vectors ``[W, word_dim]``, ``ptr`` ``[N + 1]`` where each caption's words begin
        - **output:** ``[W, D]``

    Raises:
        DataError: an unknown option, or an id outside the vocabulary.

    Example:
        >>> WordEncoder(10, 4, 8)(torch.tensor([3, 4, 5]), torch.tensor([0, 1, 3])).shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        vocab_size: int,
        word_dim: int,
        hidden: int,
        rnn: Recurrent = "lstm",
        rnn_init: RecurrentInit = "uniform",
        dropout: float = 0.0,
        word_init: WordInit = "normal",
    ) -> None:
        super().__init__()
        check_choice("rnn", rnn, ("lstm", "gru"))
        check_choice("rnn_init", rnn_init, ("uniform", "orthogonal"))
        check_choice("word_init", word_init, ("normal", "uniform"))
        self.vocab_size, self.hidden, self.dropout = vocab_size, hidden, dropout
        self.rnn_init, self.word_init = rnn_init, word_init
        self.embedding = nn.Embedding(vocab_size, word_dim) if vocab_size else None
        self.rnn = (nn.LSTM if rnn == "lstm" else nn.GRU)(word_dim, hidden, bidirectional=True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        if self.embedding is not None:
            self.embedding.reset_parameters()
        self.rnn.reset_parameters()
        if self.word_init == "uniform" and self.embedding is not None:
            bound = self.embedding.embedding_dim**-0.5
            nn.init.uniform_(self.embedding.weight, -bound, bound)
        if self.rnn_init == "orthogonal":
            for name, weight in self.rnn.named_parameters():
                if name.startswith("weight"):
                    nn.init.orthogonal_(weight)
                else:
                    nn.init.zeros_(weight)

    def forward(self, words: Tensor, ptr: Tensor) -> Tensor:
        """Encode the words of all captions.

        Args:
            words: [W] ids or [W, word_dim] vectors of the words of all captions, end to end.
            ptr: [N + 1], where each caption begins.
        """
        if torch.compiler.is_exporting():
            known = words.to(next(self.rnn.parameters()).dtype) if self.embedding is None else self.embedding(words)
            return self._mean(run_sequences(self.rnn, known, ptr))
        order, batch_sizes = time_major(ptr, words.device)
        if self.embedding is None:
            words = words[order].to(next(self.rnn.parameters()).dtype)
        else:
            check_ids(words, self.vocab_size)
            words = self.embedding(words[order])
        words = F.dropout(words, self.dropout, self.training)
        out = run_bidirectional(self.rnn, words, batch_sizes)  # [W, 2 D]
        return self._mean(out).index_select(0, inverse_order(order))

    def _mean(self, out: Tensor) -> Tensor:
        """Of both directions."""
        forth, back = out.chunk(2, 1)  # not two slices: each would fill a gradient of all [W, 2 D] with zeros
        return (forth + back) / 2
