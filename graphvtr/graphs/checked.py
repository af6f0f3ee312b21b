"""What both graph types share: validation whose errors name the item and the field."""

from __future__ import annotations

import warnings

from torch import Tensor
from torch_geometric.data import HeteroData

from graphvtr.errors import DataError


class CheckedGraph(HeteroData):  # type: ignore[misc]
    """A HeteroData with fields of its own to check; a subclass writes :meth:`check_fields`."""

    def check_fields(self) -> None:
        """Raise a DataError for the first field that is wrong."""

    def validate(self, raise_on_error: bool = True) -> bool:
        """Check every field; the error names the clip or caption, the field and the mend.

        Raises:
            DataError: when ``raise_on_error`` and a field is wrong.
        """
        try:
            self.check_fields()
        except DataError:
            if raise_on_error:
                raise
            return False
        with warnings.catch_warnings():  # node types without edges are what these graphs are, not a mistake
            warnings.filterwarnings("ignore", message="The node types .* are isolated")
            return bool(super().validate(raise_on_error))

    def require(self, ok: bool | Tensor, field: str, problem: str, fix: str) -> None:
        """Raise a DataError that names this graph and ``field`` unless ``ok``."""
        if not bool(ok):
            raise DataError(f"{self.describe()}{field}", problem, fix)

    def describe(self) -> str:
        """How errors name this graph, ``"clip 'x': "`` for instance; empty for a batch."""
        return ""
