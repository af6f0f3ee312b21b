"""What a command imports before it has to."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "torch_geometric", "numpy", "spacy", "faiss", "ray", "fastapi")
WAITING = ("transformers", "torch._dynamo", "torch_geometric.datasets", "torch_geometric.llm", "spacy.cli")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_command_line_is_read_without_heavy_imports() -> None:
    code = f"""
import sys
from graphvtr.cli.main import build_parser
build_parser()
print([name for name in {HEAVY} if name in sys.modules])
"""
    assert run(code) == "[]"


def test_a_search_leaves_out_what_it_does_not_need() -> None:
    """And functions that are not to be compiled wait for the compiler."""
    code = f"""
from graphvtr.imports import lazily
lazily()
import sys, torch
import graphvtr.search.opening
run = [name for name in {WAITING} if name in sys.modules and type(sys.modules[name]).__name__ == "module"]

@torch.compiler.disable
def twice(x):
    return 2 * x
@torch.compiler.disable(recursive=False)
def thrice(x):
    return 3 * x
waits = type(sys.modules["torch._dynamo"]).__name__
print(run, waits, twice(2), thrice(2), torch._dynamo.config is not None, twice(3), thrice(3))
import torch_geometric.datasets
print(torch_geometric.datasets.Planetoid.__name__)  # and it is there once it is asked for
"""
    assert run(code) == "[] _Waiting 4 6 True 6 9\nPlanetoid"
