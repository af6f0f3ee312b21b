"""Texts of nodes and edges, which PyG's transforms cut as they cut tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import storage


class TextList(list[Any]):
    """A list with one text a row that positions and bool masks index too, as PyG's transforms index tensors.

    Equal to the list of the same texts, and shown like it; slices are of this class, as copies and what is read from
    files are. A packed batch of PyG's holds a list of these.

    Example:
        >>> words = TextList(["a", "dog", "barks"])
        >>> words[torch.tensor([True, False, True])], words[torch.tensor([1])], words[-1]
        (['a', 'barks'], ['dog'], 'barks')
    """

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, Tensor | np.ndarray) and index.ndim:
            places = torch.as_tensor(index)
            if places.dtype == torch.bool:
                if places.shape != (len(self),):
                    raise IndexError(f"a mask of shape {list(places.shape)} for {len(self)} texts")
                places = places.nonzero().flatten()
            return TextList(map(super().__getitem__, places.tolist()))
        found = super().__getitem__(index)
        return TextList(found) if isinstance(index, slice) else found

    def __reduce__(self) -> tuple[type[TextList], tuple[list[Any]]]:
        return TextList, (list(self),)  # weights_only fills plain lists alone


class _Texts:
    """A storage of PyG's in which lists of texts are text lists."""

    def __setitem__(self, key: str, value: Any) -> None:
        plain = type(value) is list and all(isinstance(text, str) for text in value)
        super().__setitem__(key, TextList(value) if plain else value)  # type: ignore[misc]


class NodeStorage(_Texts, storage.NodeStorage):  # type: ignore[misc]
    """The fields of a node type."""


class EdgeStorage(_Texts, storage.EdgeStorage):  # type: ignore[misc]
    """The fields of an edge type."""
