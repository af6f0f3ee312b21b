"""The GPU's script keeps to its time and says what it leaves out; without a GPU it ends well."""

from __future__ import annotations

import sys

import pytest

from benchmarks.speed import gpu_check

PRINT, SLEEP = [sys.executable, "-S", "-c", "print('done')"], [sys.executable, "-S", "-c", "import time; time.sleep(9)"]


def test_the_parts_fit_the_budget() -> None:
    assert sum(seconds for _, seconds in gpu_check.PARTS.values()) <= gpu_check.BUDGET == 480


def test_a_part_is_ended_and_the_rest_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    rows = gpu_check.run_all({"slow": (SLEEP, 0.3), "quick": (PRINT, 30.0), "late": (PRINT, 300.0)}, budget=40.0)
    assert [row["exit code"] for row in rows] == [124, 0, None]
    out = capsys.readouterr().out
    assert "slow: ended after its 0 s" in out
    assert "done" in out
    assert "== late: left out" in out


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("3", 3)])
def test_without_a_gpu(
    code: str, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_check.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu_check, "INTERPRETED", [sys.executable, "-S", "-c", f"raise SystemExit({code})"])
    monkeypatch.setattr(sys, "argv", ["gpu_check"])
    assert gpu_check.main() == expected
    assert "no NVIDIA GPU" in capsys.readouterr().out
    monkeypatch.setattr(gpu_check, "INTERPRETED", SLEEP)
    monkeypatch.setattr(gpu_check, "INTERPRETER", 0.3)
    assert gpu_check.main() == 0
