from __future__ import annotations

import csv
import json
from statistics import geometric_mean

import pytest
import torch

from benchmarks.lib.paths import COMMITTED
from graphvtr import ops
from graphvtr.cli.main import main
from graphvtr.ops import _backend, dispatch, measure
from graphvtr.ops._backend import KERNELS, resolve
from graphvtr.ops.dispatch import Rule

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    dispatch.measured.cache_clear()
    yield
    dispatch.measured.cache_clear()


def test_what_was_measured_here_is_followed() -> None:
    assert resolve("role_attention", "auto", CPU, torch.float32, 10) in ("native", "torch")
    lines = [Rule("role_attention", "cpu", 100, "native"), Rule("role_attention", "cpu", 0, "torch")]
    dispatch.write_table("cpu", lines)
    assert resolve("role_attention", "auto", CPU, torch.float32, 10) == "torch"
    assert resolve("gather_segment_reduce", "auto", CPU, torch.float32, 10) == "torch"  # no line of its own
    assert dispatch.measured("cpu")[0].source == "this machine"


def test_other_versions_are_not_followed(monkeypatch) -> None:
    dispatch.write_table("cpu", [Rule("role_attention", "cpu", 0, "torch")])
    monkeypatch.setattr(dispatch, "versions", lambda: {"torch": "9"})
    dispatch.measured.cache_clear()
    assert dispatch.measured("cpu") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', "", "[" * 200_000])
def test_a_damaged_table_is_named_and_left_alone(text) -> None:
    path = dispatch.table_path("cpu")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.warns(UserWarning, match=r"is no table of measurements .*graphvtr kernels --measure"):
        assert dispatch.measured("cpu") is None


def test_a_table_names_no_program(monkeypatch) -> None:
    path = dispatch.write_table("cpu", [Rule("role_attention", "cpu", 0, "torch")])
    document = json.loads(path.read_text())
    document["rules"][0]["backend"] = "os"
    path.write_text(json.dumps(document))
    dispatch.measured.cache_clear()
    with pytest.warns(UserWarning, match="names the backend 'os'"):
        assert dispatch.measured("cpu") is None


def test_shipped_lines_name_kernels_and_reasons() -> None:
    for rule in dispatch.SHIPPED:
        assert rule.backend == "torch" or rule.op in KERNELS[rule.backend]
        assert rule.figure
        assert rule.source == ("provisional" if rule.device == "cuda" else "shipped")


def test_shipped_lines_are_the_quickest_that_were_measured() -> None:
    """Over the workloads of an op, forward and backward, in the committed table."""
    times: dict[str, dict[str, dict[str, float]]] = {}
    with (COMMITTED / "ops_cpu.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["direction"] == "forward+backward" and row["way"].startswith("graphvtr ("):
                workload = times.setdefault(row["op"], {}).setdefault(row["workload"], {})
                workload[row["way"][len("graphvtr (") : -1]] = float(row["median_ms"])
    rules = [rule for rule in dispatch.SHIPPED if rule.device == "cpu"]
    assert rules
    for rule in rules:
        for other in {name for found in times[rule.op].values() for name in found} - {rule.backend}:
            gain = [found[other] / found[rule.backend] for found in times[rule.op].values() if other in found]
            assert geometric_mean(gain) >= 0.95, (rule, other)


def test_measuring_takes_the_quickest(monkeypatch) -> None:
    monkeypatch.setattr(measure, "GRAPHS", {"cpu": (4, 8)})
    monkeypatch.setattr(measure, "WIDTH", {"cpu": 16})
    seconds = {"torch": [2.0], "native": [1.0]}
    monkeypatch.setattr(measure, "_times", lambda case, name, *_: seconds[name])
    monkeypatch.setattr(measure, "candidates", lambda op, device: ["torch", "native"])
    rules = measure.measure("cpu", lambda line: None)
    assert {rule.backend for rule in rules} == {"native"}
    assert [rule.least > 0 for rule in rules] == [True] * 7 + [False] * 7
    monkeypatch.setattr(measure, "_times", lambda case, name, *_: None if name == "native" else [1.0])
    assert {rule.backend for rule in measure.measure("cpu", lambda line: None)} == {"torch"}


def test_every_case_runs() -> None:
    for case in measure.cases("cpu", 4, 16):
        assert measure._times(case, "torch", "cpu", 1e-4)
        assert hasattr(ops, case.op)


def test_the_command(capsys, monkeypatch) -> None:
    assert main(["kernels", "--device", "cpu", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {row["op"] for row in listed["ops"]} >= set(KERNELS["triton"])
    assert all(row["runs on"] in row["can"].split() and row["why"] for row in listed["ops"])
    assert listed["matrices"].startswith("by ")
    monkeypatch.setattr("graphvtr.ops.measure.GRAPHS", {"cpu": (4, 8)})
    monkeypatch.setattr("graphvtr.ops.measure.SECONDS", 1e-3)
    assert main(["kernels", "--device", "cpu", "--measure"]) == 0
    out = capsys.readouterr()
    assert dispatch.table_path("cpu").is_file()
    assert "written:" in out.err
    if "native" in out.out:
        assert "this machine" in out.out
    assert main(["kernels", "--device", "cpu", "--forget"]) == 0
    assert not dispatch.table_path("cpu").exists()


def test_backend_of_a_command(monkeypatch, capsys) -> None:
    seen = []
    monkeypatch.setattr("graphvtr.cli.search.run", lambda args: seen.append(ops.requested_backend()))
    before = ops.requested_backend()
    assert main(["search", "x.ckpt", "a dog", "--backend", "message_passing"]) == 0
    assert seen == ["message_passing"]
    assert ops.requested_backend() == before
    assert main(["search", "x.ckpt", "a dog", "--backend", "tritn"]) == 2
    assert "names the backend 'tritn'" in capsys.readouterr().err
    monkeypatch.setattr("graphvtr.cli.eval.run", lambda args: seen.append(ops.requested_backend()))
    assert main(["eval", "x.ckpt", "--data", "msvd", "--backend", "torch"]) == 0
    assert seen == ["message_passing", "torch"]
    options = ["--data", "msvd", "--backend", "torch", "--model.hidden", "8"]
    from graphvtr.cli.train import _take_backend

    assert _take_backend(options) == "torch"
    assert options == ["--data", "msvd", "--model.hidden", "8"]
    assert _take_backend(["--data", "msvd"]) == _backend.requested_backend()
