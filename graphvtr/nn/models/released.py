"""Models whose authors' code does something else than their paper."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from torch import nn


class Released(nn.Module):
    """A model of two variants: its paper's, which the defaults of the constructor give, and its authors' code's.

    Attributes:
        released_options: what the released code does differently.
    """

    released_options: ClassVar[dict[str, Any]]

    @classmethod
    def released(cls, *sizes: Any, **options: Any) -> Self:
        """The variant of the released code.

        Args:
            *sizes: the first arguments of the constructor.
            **options: any argument of the constructor; these go before the released code's.
        """
        return cls(*sizes, **{**cls.released_options, **options})
