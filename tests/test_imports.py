"""What a command imports before it has to."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "torch_geometric", "numpy", "spacy", "faiss", "ray", "fastapi")
WAITING = (
    "transformers",
    "torch._dynamo",
    "torch._meta_registrations",
    "torch.export",
    "torch_geometric",
    "torch_geometric.datasets",
    "torch_geometric.llm",
    "graphvtr.datasets",
)


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
import torch_geometric  # and all is there once it is asked for
from torch_geometric.nn import GATConv
print(GATConv.__name__, torch_geometric.__version__ > "2", torch_geometric.datasets.Planetoid.__name__)
print(len(torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),)).graph_signature.parameters))
from graphvtr.datasets import DATASETS
print("moving_scenes" in DATASETS)
import spacy
print(callable(spacy.info), "spacy.cli._util" in sys.modules)
"""
    assert run(code) == "[] _Waiting 4 6 True 6 9\nGATConv True Planetoid\n2\nTrue\nTrue False"
