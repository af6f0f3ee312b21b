from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from graphvtr.cli.main import main
from graphvtr.datasets.moving_scenes import MovingScenes


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
    assert f"{tmp_path / 'no'}: no such folder" in capsys.readouterr().err


def test_rendered_clips_are_a_folder_of_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    av = pytest.importorskip("av")
    arguments = ["scenes", "--num-clips", "20", "--cache", str(tmp_path / "cache"), "--render", str(tmp_path / "clips")]
    assert main(arguments) == 0
    assert "clips: 18 clips and captions.csv" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "clips" / "captions.csv").read_text().splitlines()))
    assert Counter(row["split"] for row in rows) == {"train": 70, "val": 10, "test": 10}
    files = {path.name: path for path in (tmp_path / "clips").glob("*.mp4")}
    assert set(files) == {row["video"] for row in rows}

    scenes = MovingScenes(tmp_path / "cache", "val", num_clips=20, progress=False)
    clip = files[f"{scenes.videos[0]}.mp4"]
    with av.open(str(clip)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    small = np.stack(pictures)[:, 2::4, 2::4].astype(int)  # the middle of each square
    assert small.shape == tuple(scenes.frames(0).shape)
    assert np.abs(small - scenes.frames(0).numpy()).mean() < 8  # colours are kept at half the resolution

    before = clip.stat().st_mtime_ns
    assert main(arguments) == 0  # what is there stays
    assert clip.stat().st_mtime_ns == before
