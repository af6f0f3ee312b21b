"""Charades-STA and TVR through train and eval: one sentence against whole untrimmed videos."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("pytorch_lightning")
pytest.importorskip("jsonargparse")
pytest.importorskip("spacy")

from graphvtr.cli.main import main
from graphvtr.video import FeatureStore

THINGS = ("dog", "cat", "man", "bird", "car", "cow", "box", "ball", "chair", "table")
DEEDS = ("opens", "closes", "takes")
DATASETS = ("charades_sta", "tvr")


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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Forty videos of three moments in the files of both datasets, and a model trained on one of them."""
    folder = tmp_path_factory.mktemp("moments")
    root = folder / "root"
    root.mkdir()
    store = FeatureStore.create(folder / "store", {"frame_x": 13}, {"features": {"name": "made"}})
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
        for data in DATASETS:
            file, content = annotation(data, part, moments)
            (root / file).write_text(content)
    source = ["--root", str(root), "--store", str(store.path), "--parser", "spacy", "--cache", str(folder / "cache")]
    small = ["--model.hidden=16", "--model.word_dim=8", "--model.num_layers=1", "--lr=0.01", "--batch-size=32"]
    run = folder / "run"
    train = ["train", "hgr", "--data", "charades_sta", *source, *small, "--out", str(run), "--epochs=8", "--device=cpu"]
    assert main([*train, "--model.mining=all", "--protocol", "partially_relevant"]) == 0
    return SimpleNamespace(source=source, best=run / "best.ckpt")


def test_training_follows_the_recalls_of_one_direction(made: SimpleNamespace) -> None:
    header = torch.load(made.best, weights_only=True)["graphvtr"]
    assert max(header["info"]["scores"]) <= 400  # four recalls


@pytest.mark.parametrize("data", DATASETS)
def test_what_a_sentence_of_a_moment_finds(data: str, made: SimpleNamespace, capsys) -> None:
    evaluate = ["eval", str(made.best), "--data", data, *made.source, "--protocol", "partially_relevant"]
    assert main([*evaluate, "--samples", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["videos"], found["captions"]) == (40, 120)
    recalls = [found["t2v"][f"R@{k}"]["value"] for k in (1, 5, 10, 100)]
    assert recalls[3] == 100.0  # of forty videos
    assert found["rsum"]["value"] == pytest.approx(sum(recalls))
    assert found["rsum"]["value"] > found["chance"]["rsum"] + 50  # it has learnt what the sentences tell
    assert found["rsum"]["low"] <= found["rsum"]["value"] <= found["rsum"]["high"]


def test_the_table_has_one_direction(made: SimpleNamespace, capsys) -> None:
    evaluate = ["eval", str(made.best), "--data", "tvr", *made.source, "--protocol", "partially_relevant"]
    assert main([*evaluate, "--samples", "2"]) == 0
    table = capsys.readouterr().out
    assert "SumR" in table
    assert "R@100" in table
    assert "video -> text" not in table
