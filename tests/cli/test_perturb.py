from __future__ import annotations

from pathlib import Path

import pytest

from graphvtr.cli.main import main
from graphvtr.text.pairs import KINDS, read_pairs


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    return [
        "perturb",
        "--data",
        "moving_scenes",
        "--split",
        "val",
        "--option",
        "num_clips=40",
        "--option",
        "progress=false",
        "--option",
        "workers=0",
        "--cache",
        str(tmp_path / "cache"),
    ]


def test_a_file_of_pairs(flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.jsonl"
    assert main([*flags, "--out", str(out)]) == 0
    pairs = read_pairs(out)
    assert capsys.readouterr().out.startswith(f"wrote {out}: {len(pairs)} pairs (")
    assert {pair.kind for pair in pairs} <= set(KINDS)
    assert all(pair.positive != pair.negative for pair in pairs)
    assert main([*flags, "--out", str(out), "--kind", "incomplete events", "--per-video", "2", "--seed", "1"]) == 0
    assert {pair.kind for pair in read_pairs(out)} == {"incomplete events"}


@pytest.mark.parametrize(
    ("more", "message"), [(["--seed", "-1"], "seed: is -1"), (["--kind", "swap"], "kind 'swap': unknown")]
)
def test_bad_flags(flags: list[str], more: list[str], message: str, tmp_path: Path, capsys) -> None:
    assert main([*flags, "--out", str(tmp_path / "p.jsonl"), *more]) == 2
    assert message in capsys.readouterr().err
