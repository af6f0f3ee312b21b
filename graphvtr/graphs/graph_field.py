"""Fields of graphs as a whole (a label, a vector a graph), packed end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops.csr import select_rows


@dataclass
class GraphField:
    """A field of the graphs themselves (``graph.y``): rows end to end, ``ptr`` [N + 1] says where each graph's begin.

    ``scalar`` fields were numbers, or tensors without dimensions, with one row a graph.
    """

    ptr: Tensor
    rows: Tensor
    scalar: Literal["", "number", "tensor"] = ""

    @classmethod
    def pack(cls, name: str, values: Sequence[Any]) -> GraphField:
        """Pack the values of all graphs.

        Raises:
            DataError: no numbers, arrays or tensors, or of different kinds or widths.
        """
        numbers = all(isinstance(value, int | float | np.number | np.bool_) for value in values)
        if not numbers and not all(isinstance(value, Tensor | np.ndarray) for value in values):
            kinds = sorted({type(value).__name__ for value in values})
            raise DataError(
                f"field '{name}' of the graph",
                f"is a {' or '.join(kinds)}",
                "give every graph a tensor, an array, a number or a text, or leave it out",
            )
        kept = [torch.as_tensor(value, dtype=torch.float64 if isinstance(value, float) else None) for value in values]
        shapes = {value.shape[1:] if value.dim() else None for value in kept}
        if len(shapes) > 1 or len({value.dtype for value in kept}) > 1:
            found = sorted({f"{list(value.shape)} of {value.dtype}" for value in kept})
            raise DataError(
                f"field '{name}' of the graph", f"differs: {', '.join(found[:3])}", "use one width and type"
            )
        flat = [value if value.dim() else value[None] for value in kept]
        ptr = torch.tensor([0, *map(len, flat)]).cumsum(0)
        return cls(ptr, torch.cat(flat), "number" if numbers else "tensor" if None in shapes else "")

    def __getitem__(self, index: int) -> Any:
        """The value of one graph, as it was given."""
        if self.scalar:
            return self.rows[index].item() if self.scalar == "number" else self.rows[index]
        return self.rows[int(self.ptr[index]) : int(self.ptr[index + 1])]

    def select(self, index: Tensor) -> GraphField:
        """The field of the graphs at ``index``."""
        rows, ptr = select_rows(self.ptr, index)
        return GraphField(ptr, self.rows[rows], self.scalar)

    def batch(self, index: Tensor) -> Tensor:
        """The rows of the graphs at ``index`` end to end, as PyG's Batch has them; numbers in the default type."""
        found = self.select(index).rows
        wide = self.scalar == "number" and found.is_floating_point()
        return found.to(torch.get_default_dtype()) if wide else found

    @classmethod
    def unpack(cls, name: str, rows: Tensor, count: int, known: Mapping[str, GraphField] | None = None) -> GraphField:
        """The field of a batch of ``count`` graphs, the inverse of :meth:`batch`.

        Args:
            name: of the field.
            rows: of all graphs, end to end.
            count: number of graphs.
            known: the fields of the store that the batch came from; else every graph has as many rows.

        Raises:
            DataError: nothing tells which rows are whose.
        """
        was = None if known is None else known.get(name)
        if was is not None and len(was.rows) == len(rows):
            same = torch.equal(was.batch(torch.arange(count, device=was.ptr.device)), rows)
            return was if same else cls(was.ptr, rows, was.scalar)  # numbers keep the precision they were given in
        if not rows.dim() or len(rows) % max(count, 1):
            raise DataError(
                f"batch: field '{name}' of the graph",
                f"has shape {list(rows.shape)} for {count} graphs",
                "give as many rows for every graph",
            )
        return cls(torch.arange(count + 1, device=rows.device) * (len(rows) // max(count, 1)), rows)
