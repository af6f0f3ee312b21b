"""The main job on real clips: extract, train, evaluate, search, each by its command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graphvtr.cli.main import main

CLIPS_OF_SPLIT = {"train": 12, "val": 3, "test": 5}


@pytest.mark.real
def test_text_finds_real_video(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    root = real_data / "msvd98"
    clips = tmp_path / "clips"
    clips.mkdir()
    chosen: dict[str, list[str]] = {}
    for split, count in CLIPS_OF_SPLIT.items():
        listed = (root / f"{split}_list.txt").read_text().split()
        chosen[split] = [name for name in listed if (root / "video" / f"{name}.avi").exists()][:count]
        for name in chosen[split]:
            (clips / f"{name}.avi").symlink_to(root / "video" / f"{name}.avi")
    (clips / "broken.avi").write_bytes(b"RIFF no clip at all")

    store = tmp_path / "store"
    assert main(["extract", str(clips), "--out", str(store), "--frames", "8"]) == 0
    out = "".join(capsys.readouterr())
    assert "broken" in out  # a broken clip is reported and stops nothing
    assert list(json.loads((store / "failures.json").read_text())) != []

    run = tmp_path / "run"
    data = ["--data", "msvd", "--root", str(root), "--store", str(store)]
    options = ["--epochs", "2", "--lr", "0.001", "--model.hidden", "32", "--model.word_dim", "16"]
    assert main(["train", "hgr", *data, "--out", str(run), *options]) == 0
    assert (run / "best.ckpt").is_file()
    capsys.readouterr()

    scores = tmp_path / "scores.npz"
    arguments = ["eval", str(run / "best.ckpt"), *data, "--split", "test", "--save-scores", str(scores)]
    assert main(arguments) == 0
    assert "text -> video" in capsys.readouterr().out
    with np.load(scores, allow_pickle=False) as saved:
        captions = json.loads((root / "captions_msvd.json").read_text())
        assert saved["videos"].tolist() == chosen["test"]
        assert saved["captions"].tolist() == [text for name in chosen["test"] for text in captions[name]]
        assert saved["scores"].shape == (5, len(saved["captions"]))
        np.testing.assert_allclose(saved["level_scores"].mean(0), saved["scores"], atol=1e-5)

    query = "a man is playing a guitar"
    assert main(["index", str(run / "best.ckpt"), str(store), "--out", str(run / "index")]) == 0
    capsys.readouterr()
    assert main(["search", str(run / "index"), query, "--top", "20", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert sorted(result["name"] for result in results) == sorted(name for names in chosen.values() for name in names)
    assert [result["score"] for result in results] == sorted((r["score"] for r in results), reverse=True)
    assert {match["phrase"] for match in results[0]["phrases"]} >= {"playing", "a man"}
