"""The examples in the docstrings of graphvtr.nn and of the graph transforms it uses run as printed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import graphvtr.nn

MODULES = [module.name for module in pkgutil.walk_packages(graphvtr.nn.__path__, "graphvtr.nn.") if not module.ispkg]


@pytest.mark.parametrize("name", [*MODULES, "graphvtr.graphs.reasoning", "graphvtr.graphs.truncate"])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
