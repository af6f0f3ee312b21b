"""Which concepts an embedding speaks of: one linear layer a level, shared by both sides or not (MCSAN, Eq 24-26)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

from graphvtr.errors import DataError

SIDES = ("video", "text")


class AttributeHeads(nn.Module):
    r"""Logits of the concepts of each level from the level's embedding.

    .. math:: p_v = \sigma(\operatorname{FC}^{share}(F_v)), \qquad p_t = \sigma(\operatorname{FC}^{share}(F_t))

    Eq 24-26 print a ReLU in place of the sigmoid; Eq 35-37 take logarithms of p and 1 - p, which asks for numbers
    between 0 and 1. One layer for both sides makes them speak one language: a feature that says *dog* in a video says
    it in a caption.

    Args:
        channels: D, width of the embeddings.
        sizes: level -> number of concepts, 0 included.
        shared: False gives each side layers of its own.
        prior: the probability that a fresh layer gives every concept, by its bias: `focal loss
            <https://arxiv.org/abs/1708.02002>`_ (section 4.1) starts at 0.01, as most labels are absent; None leaves
            the bias to PyTorch, which makes it about one half.

    Raises:
        DataError: a prior that is not between 0 and 1.

    Shapes:
        - **input:** ``[N, D]``
        - **output:** ``[N, concepts of the level]``

    Example:
        >>> import torch
        >>> AttributeHeads(4, {"entity": 3, "action": 0})("entity", torch.randn(2, 4), "video").shape
        torch.Size([2, 3])
    """

    def __init__(
        self, channels: int, sizes: Mapping[str, int], shared: bool = True, prior: float | None = None
    ) -> None:
        super().__init__()
        if prior is not None and not 0.0 < prior < 1.0:
            raise DataError("prior", f"is {prior}", "give a probability between 0 and 1, or None")
        self.shared = shared
        self.heads = nn.ModuleDict(
            {
                side: nn.ModuleDict({level: _Head(channels, size) for level, size in sizes.items()})
                for side in (SIDES[:1] if shared else SIDES)
            }
        )
        if prior is not None:
            for module in self.modules():
                if isinstance(module, _Head):
                    nn.init.constant_(module.bias, math.log(prior / (1 - prior)))

    def forward(self, level: str, x: Tensor, side: str) -> Tensor:
        """Logits of a level's concepts.

        Args:
            level: of the embeddings.
            x: [N, D].
            side: ``"video"`` or ``"text"``.
        """
        heads = self.heads[SIDES[0] if self.shared else side]
        return heads[level](x)  # type: ignore[no-any-return,index]


class _Head(nn.Linear):
    """A linear layer that may have no output: such a layer has no bounds to draw from."""

    def reset_parameters(self) -> None:
        if self.out_features:
            super().reset_parameters()
