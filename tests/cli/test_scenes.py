from __future__ import annotations

from pathlib import Path

import pytest

from graphvtr.cli.main import main


def test_counts_and_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    sheet = tmp_path / "sheet.png"
    arguments = ["scenes", "--split", "val", "--num-clips", "20", "--cache", str(tmp_path)]
    assert main([*arguments, "--sheet", str(sheet), "--clips", "1"]) == 0
    said = capsys.readouterr().out
    assert "val: 2 clips, 10 captions" in said
    assert "actions:" in said
    assert "switch roles" in said
    assert sheet.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("extra", "message"),
    [(["--split", "dev"], "split 'dev'"), (["--num-clips", "3"], "num_clips"), (["--feature", "cnn"], "'cnn'")],
)
def test_errors_are_one_line(
    tmp_path: Path, extra: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scenes", "--cache", str(tmp_path), *extra]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


def test_a_sheet_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    arguments = ["scenes", "--split", "val", "--num-clips", "20", "--cache", str(tmp_path), "--clips", "1"]
    assert main([*arguments, "--sheet", str(tmp_path / "no" / "sheet.png")]) == 2
    assert "sheet.png" in capsys.readouterr().err
