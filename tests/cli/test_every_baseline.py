"""ViSERN, Dual Encoding, VSE and VSE++ from the command line: trained, evaluated, searched, saved and loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("pytorch_lightning")
pytest.importorskip("jsonargparse")
pytest.importorskip("spacy")

from graphvtr.cli.main import main
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.tasks import CheckpointInfo, load
from graphvtr.tasks.prepare import prepare
from graphvtr.video import FeatureStore

DUAL = ["video_rnn", "text_rnn", "filters"]
MODELS = {
    "vse": [],
    "vse++": [],
    "dual_encoding": DUAL,
    "visern": DUAL,
}
SCENES = {"num_clips": 20, "num_frames": 12}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty clips, made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The test clips as a feature store, regions included."""
    scenes = MovingScenes(cache, "test", progress=False, **SCENES)
    out = FeatureStore.create(tmp_path_factory.mktemp("stores") / "store", {"frame_x": 1728, "region_x": 198})
    for graph in scenes.video_graphs:
        region = graph["region"]
        out.add(
            graph.name,
            {
                "frame_x": graph["frame"].x,
                "frame_time": graph["frame"].time,
                "region_x": region.x,
                "region_box": region.box,
                "region_score": region.score,
                "region_frame": region.frame,
            },
        )
    return out.path


@pytest.mark.parametrize("name", MODELS)
def test_the_whole_way(name: str, tmp_path: Path, cache: Path, store: Path, capsys) -> None:
    data = ["--data", "moving_scenes", "--cache", str(cache)]
    sizes = [f"--model.{option}=4" for option in (*MODELS[name], "hidden", "word_dim")]
    run = ["--epochs=1", "--batch-size=32", "--device=cpu", "--progress=false", f"--options={json.dumps(SCENES)}"]
    assert main(["train", name, *data, "--out", str(tmp_path), *run, *sizes]) == 0
    saved = tmp_path / "best.ckpt"
    capsys.readouterr()

    options = [part for key, value in SCENES.items() for part in ("--option", f"{key}={value}")]
    assert main(["eval", str(saved), *data, "--split", "test", "--json", "--samples", "20", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "t2v" in json.dumps(found)

    index = str(saved.parent / "index")
    assert main(["index", str(saved), str(store), "--out", index]) == 0
    capsys.readouterr()
    assert main(["search", index, "a red ball chases a box", "--top", "2", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    results = json.loads(line)["results"]
    assert len(results) == 2
    assert results[0]["score"] >= results[1]["score"]
    assert set(results[0]["levels"]) == {"event"}

    model = load(saved)
    vocabulary, info = model.vocabulary, CheckpointInfo.of(model)
    assert info.model == name
    scenes = prepare(MovingScenes(cache, "test", progress=False, **SCENES), model, vocabulary)
    again = type(model)(**model.config)
    again.load_state_dict(model.state_dict())
    with torch.inference_mode():
        scores = [
            one.eval().similarity(
                one.encode_video(scenes.video_graphs.batch([0, 1])), one.encode_text(scenes.role_graphs.batch([0, 5]))
            )
            for one in (model, again)
        ]
    assert scores[0].shape == (2, 2)
    assert torch.equal(*scores)
