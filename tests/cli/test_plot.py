"""``graphvtr plot``: the dispatcher and where it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphvtr.cli.main import main


def test_role_graph_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "g.svg"
    assert main(["plot", "role-graph", "a dog chases a cat", "--out", str(out)]) == 0
    assert "ARG0" in out.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["g.svg"]  # no partial file left
    assert capsys.readouterr().out == f"wrote {out}\n"


@pytest.mark.parametrize(
    ("name", "message"), [("g.txt", "has no ending of a picture"), ("none/g.png", "no such folder")]
)
def test_a_bad_file_is_refused(name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "role-graph", "a dog", "--out", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err


def test_a_kind_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plot"])
    assert "KIND" in capsys.readouterr().err
