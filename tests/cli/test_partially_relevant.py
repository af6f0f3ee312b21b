"""Charades-STA and TVR through train and eval: one sentence against whole untrimmed videos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("pytorch_lightning")
pytest.importorskip("jsonargparse")
pytest.importorskip("spacy")

from graphvtr.cli.main import main
from graphvtr.video import FeatureStore

THINGS = ("dog", "cat", "man", "bird", "car", "cow", "box", "ball", "chair", "table")
DEEDS = ("opens", "closes", "takes")


def annotation(data: str, part: str, moments: list[tuple[str, float, float, str]]) -> tuple[str, str]:
    """The public file of a part: its name and content."""
    if data == "charades_sta":
        return f"charades_sta_{part}.txt", "".join(f"{v} {b} {e}##{text}.\n" for v, b, e, text in moments)
    name = f"tvr_{'val' if part == 'test' else part}_release.jsonl"
    lines = [
        {"vid_name": v, "duration": 30.0, "ts": [b, e], "desc": text, "type": "v", "desc_id": number}
        for number, (v, b, e, text) in enumerate(moments)
    ]
    return name, "\n".join(map(json.dumps, lines)) + "\n"


@pytest.mark.parametrize("data", ["charades_sta", "tvr"])
def test_train_and_eval(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "root"
    root.mkdir()
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 13}, {"features": {"name": "made"}})
    generator = torch.Generator().manual_seed(0)
    for part in ("train", "test"):
        moments = []
        for number in range(40):  # three moments a video, each shows a thing and a deed
            x = 0.05 * torch.randn(9, 13, generator=generator)
            name = f"{part}{number:02}"
            for place, deed in enumerate(DEEDS):
                thing = (number * 3 + place * 7 + number // 10) % 10
                x[3 * place : 3 * place + 3, thing] += 1
                x[3 * place : 3 * place + 3, 10 + place] += 1
                moments.append((name, 10.0 * place, 10.0 * place + 9, f"a person {deed} the {THINGS[thing]}"))
            store.add(name, {"frame_x": x, "frame_time": torch.linspace(0, 29, 9)})
        name, content = annotation(data, part, moments)
        (root / name).write_text(content)
    source = ["--data", data, "--root", str(root), "--store", str(store.path), "--parser", "spacy"]
    small = ["--model.hidden=16", "--model.word_dim=8", "--model.num_layers=1", "--lr=0.01", "--batch-size=32"]
    run = tmp_path / "run"
    train = ["train", "hgr", *source, *small, "--out", str(run), "--epochs=8", "--device=cpu", "--model.mining=all"]
    assert main([*train, "--protocol", "partially_relevant"]) == 0
    header = torch.load(run / "best.ckpt", weights_only=True)["graphvtr"]
    assert max(header["info"]["scores"]) <= 400  # four recalls of one direction
    capsys.readouterr()

    evaluate = ["eval", str(run / "best.ckpt"), *source, "--protocol", "partially_relevant", "--samples", "20"]
    assert main([*evaluate, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["videos"], found["captions"]) == (40, 120)
    recalls = [found["t2v"][f"R@{k}"]["value"] for k in (1, 5, 10, 100)]
    assert recalls[3] == 100.0  # of forty videos
    assert found["rsum"]["value"] == pytest.approx(sum(recalls))
    assert found["rsum"]["value"] > found["chance"]["rsum"] + 50  # it has learnt what the sentences tell
    assert found["rsum"]["low"] <= found["rsum"]["value"] <= found["rsum"]["high"]

    assert main(evaluate) == 0
    table = capsys.readouterr().out
    assert "SumR" in table
    assert "R@100" in table
    assert "video -> text" not in table
