from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from graphvtr.errors import DataError, MissingExtraError
from graphvtr.ops import _backend, backend, requested_backend, segment_reduce
from graphvtr.ops._backend import Rule, resolve, usable

CPU = torch.device("cpu")


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def test_backends_nest_and_are_restored() -> None:
    before = requested_backend()
    with backend("torch"):
        assert requested_backend() == "torch"
        with backend("auto"):
            assert requested_backend() == "auto"
        assert requested_backend() == "torch"
    with pytest.raises(ZeroDivisionError), backend("torch"):
        raise ZeroDivisionError
    assert requested_backend() == before


def test_the_environment_variable_chooses_and_nothing_optional_is_imported_before_it_runs() -> None:
    code = """
import importlib, os, sys, graphvtr.ops
assert graphvtr.ops.requested_backend() == "torch"
assert "triton" not in sys.modules and "torch_scatter" not in sys.modules
for name in ("", "tritn"):
    os.environ["GRAPHVTR_BACKEND"] = name
    print(importlib.reload(graphvtr.ops._backend).requested_backend())
"""
    done = run_python(code, GRAPHVTR_BACKEND="torch")
    assert done.stdout == "auto\n"
    assert "environment variable GRAPHVTR_BACKEND: names the backend 'tritn'" in done.stderr


def test_unknown_and_missing_backends_are_named(monkeypatch) -> None:
    with pytest.raises(DataError, match="names the backend 'cuda'"), backend("cuda"):
        pass
    monkeypatch.setitem(sys.modules, "torch_scatter", None)
    with pytest.raises(MissingExtraError, match=r"graphvtr\[scatter\]"), backend("torch_scatter"):
        pass


def test_a_backend_without_a_kernel_leaves_the_op_to_torch(monkeypatch) -> None:
    monkeypatch.setitem(_backend.KERNELS, "triton", {"segment_reduce": frozenset({torch.float32})})
    monkeypatch.setattr(_backend, "is_installed", lambda name: True)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert resolve("segment_reduce", "triton", CPU, torch.float32, 10) == "triton"
    assert resolve("segment_reduce", "triton", CPU, torch.float64, 10) == "torch"
    assert resolve("holographic_scores", "triton", CPU, torch.float32, 10) == "torch"
    monkeypatch.delenv("TRITON_INTERPRET")
    assert resolve("segment_reduce", "triton", CPU, torch.float32, 10) == "torch"
    assert usable("triton", "segment_reduce", torch.device("cuda"), torch.float32)


def test_rules_choose_by_device_and_size(monkeypatch) -> None:
    rules = (Rule("segment_reduce", "cpu", 1000, "torch_scatter"), Rule("segment_reduce", "cpu", 10, "triton"))
    monkeypatch.setattr(_backend, "RULES", rules)
    monkeypatch.setattr(_backend, "measured", lambda kind: None)
    monkeypatch.setattr(_backend, "usable", lambda name, *_: True)
    assert resolve("segment_reduce", "auto", CPU, torch.float32, 5000) == "torch_scatter"
    assert resolve("segment_reduce", "auto", CPU, torch.float32, 50) == "triton"
    assert resolve("segment_reduce", "auto", CPU, torch.float32, 5) == "torch"
    assert resolve("segment_softmax", "auto", CPU, torch.float32, 5000) == "torch"
    assert resolve("segment_reduce", "auto", torch.device("cuda"), torch.float32, 5000) == "torch"
    assert resolve("segment_reduce", "torch", CPU, torch.float32, 5000) == "torch"


def test_every_rule_names_a_kernel() -> None:
    for rule in _backend.RULES:
        assert rule.backend == "torch" or rule.op in _backend.KERNELS[rule.backend]


def test_backward_runs_on_the_backend_of_forward(monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(_backend, "resolve", lambda op, requested, *_: seen.append(requested) or "torch")
    x = torch.ones(2, 2, requires_grad=True)
    with backend("torch"):
        out = segment_reduce(x, torch.tensor([0, 2]))
    out.sum().backward()
    assert seen == ["torch", "torch"]
