from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphvtr.cli.main import main
from graphvtr.video import FeatureStore
from tests.clips import grey, write_clip

av = pytest.importorskip("av")


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "clips").mkdir()
    for name in ("one", "two"):
        write_clip(tmp_path / "clips" / f"{name}.mp4", 8, codec="mpeg4", width=32, height=32, picture=grey(20))
    return tmp_path / "clips"


def test_extract_then_skip(folder, tmp_path, capsys):
    out = tmp_path / "store"
    assert main(["extract", str(folder), "--out", str(out), "--frames", "4"]) == 0
    printed = capsys.readouterr()
    assert f"{out}: 2 clips extracted" in printed.out
    assert "clips/s" in printed.out
    assert "2/2" in printed.err
    assert FeatureStore.open(out).read("one")["frame_x"].shape == (4, 416)
    assert main(["extract", str(folder), "--out", str(out), "--frames", "4"]) == 0
    assert "0 clips extracted" in capsys.readouterr().out


def test_exit_codes(folder, tmp_path, capsys):
    out = str(tmp_path / "store")
    (folder / "broken.mp4").touch()
    assert main(["extract", str(folder), "--out", out]) == 0
    assert "broken: " in capsys.readouterr().out
    assert main(["extract", str(folder), "--out", out, "--frames", "7"]) == 2
    assert "frames.num_frames is 20 in the store and 7 now" in capsys.readouterr().err
    assert main(["extract", str(folder), "--out", out, "--frames", "7", "--overwrite"]) == 0
    for clip in ("one", "two"):
        (folder / f"{clip}.mp4").write_bytes(b"")
    assert main(["extract", str(folder), "--out", str(tmp_path / "other")]) == 1
    assert json.loads((tmp_path / "other" / "failures.json").read_text()).keys() == {"broken", "one", "two"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--features", "pixel"], "did you mean 'pixels'"),
        (["--device", "warp"], "device 'warp'"),
        (["--frames", "0"], "num_frames: is 0"),
        (["--rate", "1e9"], "rate: is 1000000000.0 (give frames a second, more than 0 and up to 1000)"),
        (["--features", "."], "is a folder without config.json (known: efficientnet_lite0, pixels; of your own"),
        (["--features", "clip.bin"], "unknown (known: efficientnet_lite0, pixels; of your own: FILE.py:NAME, an .onnx"),
        (["--detector", "grid", "--regions", "4", "--gallery", "nowhere/tracks.png"], "nowhere/tracks.png: cannot be"),
        (["--detector", "grid", "--regions", "4", "--gallery", "tracks.doc"], "give a .png, .pdf, .svg in a folder"),
    ],
)
def test_wrong_arguments_are_one_line(folder, tmp_path, capsys, arguments, message):
    assert main(["extract", str(folder), "--out", str(tmp_path / "store"), *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("graphvtr: error: ")
    assert message in error
    assert not (tmp_path / "store").exists()


def test_regions_motion_rate_and_a_gallery(folder, tmp_path, capsys):
    out, picture = tmp_path / "store", tmp_path / "tracks.png"
    arguments = ["extract", str(folder), "--out", str(out), "--detector", "grid", "--regions", "4"]
    arguments += ["--motion", "differences", "--rate", "5", "--gallery", str(picture)]
    assert main(arguments) == 0
    assert f"wrote {picture}" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    store = FeatureStore.open(out)
    graph = store.video_graph("one")
    assert store.widths == {"frame_x": 416 + 151, "region_x": 416}
    assert (graph.num_frames, graph.num_regions) == (4, 16)
    assert (graph["region"].track >= 0).all()
    assert store.settings["frames"]["rate"] == 5.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--detector", "fasterdet"], "detector 'fasterdet': unknown"),
        (["--detector", "grid", "--regions", "5"], "a grid has a square number"),
        (["--detector", "grid", "--regions", "4", "--min-score", "0.5"], "min_score: is given for 'grid'"),
        (["--gallery", "x.png"], "there are no regions to draw"),
        (["--motion", "flow"], "motion features 'flow': unknown"),
        (["--rate", "0"], "rate: is 0"),
        (["--workers", "0"], "workers: is 0"),
    ],
)
def test_wrong_arguments_of_regions(folder, tmp_path, capsys, arguments, message):
    assert main(["extract", str(folder), "--out", str(tmp_path / "store"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "store").exists()
