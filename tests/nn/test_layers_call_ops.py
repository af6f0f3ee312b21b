"""Layers gather, scatter and reduce through ``graphvtr.ops`` alone: one place to be quick and right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import graphvtr.nn

FOLDER = Path(graphvtr.nn.__file__).parent
BY_HAND = set(
    """
    scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_ index_add index_add_ index_reduce
    index_reduce_ segment_csr segment_coo segment_matmul
    """.split()
)
"""What adds rows to rows. ``masked_scatter`` and ``index_copy`` only place them."""

LIBRARIES = ("torch_scatter", "torch_sparse", "torch_geometric.utils.scatter", "torch_geometric.utils.softmax")


def reductions(source: str) -> list[str]:
    """Scatters written out in a module: names called, and modules they are imported from."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            torchs = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "torch"
            if name in BY_HAND or (name == "segment_reduce" and torchs):
                found.append(f"line {node.lineno}: {name}")
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
            found += [f"line {node.lineno}: {name}" for name in names if name.startswith(LIBRARIES)]
    return found


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)).removesuffix(".py")
)
def test_no_layer_scatters_by_hand(path: Path) -> None:
    assert reductions(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "out.index_add_(0, index, x)",
        "torch.scatter_reduce(x, 0, index, y, 'sum')",
        "torch.segment_reduce(x, 'sum', offsets=ptr)",
        "from torch_geometric.utils import softmax",
        "from torch_scatter import segment_csr",
    ],
)
def test_it_is_noticed(line: str) -> None:
    assert len(reductions(line)) >= 1


def test_ops_and_placing_are_fine() -> None:
    assert reductions("from graphvtr.ops import segment_reduce\nsegment_reduce(x, ptr)\nx.masked_scatter(m, y)") == []
