"""Models in several variants: their paper's, their authors' code's, the rows of their ablations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from torch import nn

from graphvtr.errors import DataError


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


class Ablated(nn.Module):
    """A model whose paper leaves out a part of it at a time.

    Attributes:
        presets: row of the paper's table -> the options that make it.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    @classmethod
    def preset(cls, name: str, *sizes: Any, **options: Any) -> Self:
        """A row of the paper's table of its parts.

        Args:
            name: of the row, one of ``presets``.
            *sizes: the first arguments of the constructor.
            **options: any argument of the constructor; these go before the row's.

        Raises:
            DataError: an unknown row.
        """
        if name not in cls.presets:
            raise DataError(f"preset '{name}'", "is unknown", f"use one of {', '.join(cls.presets)}")
        return cls(*sizes, **{**cls.presets[name], **options})
