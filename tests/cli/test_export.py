from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphvtr.cli.main import main
from graphvtr.nn import HGR
from graphvtr.tasks import CheckpointInfo, load, save_checkpoint
from graphvtr.text import Vocabulary


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    vocabulary = Vocabulary(["dog", "cat"])
    info = CheckpointInfo("hgr", dataset="msvd", video_dim=6, scores=[1.0, 7.5])
    save_checkpoint(tmp_path / "best.ckpt", HGR(5, 6, hidden=8, word_dim=4), vocabulary, info)
    (tmp_path / "config.yaml").write_text("epochs: 2\n")
    return tmp_path / "best.ckpt"


def test_a_folder_with_a_card(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metric = {"value": 12.34, "low": 10.0, "high": 15.0}
    found = {"dataset": "msvd", "split": "test", "t2v": {"R@1": metric}, "v2t": {"R@1": metric}, "rsum": metric}
    (tmp_path / "eval.json").write_text(json.dumps(found))
    out = tmp_path / "model"
    assert main(["export", str(checkpoint), "--out", str(out), "--results", str(tmp_path / "eval.json")]) == 0
    assert capsys.readouterr().out == f"wrote {out}: README.md, config.json, model.safetensors, vocabulary.json\n"
    card = (out / "README.md").read_text()
    assert "validation rsum 7.5, after epoch 2 of 2" in card
    assert "epochs: 2" in card
    assert "| msvd/test | video → text | 12.3 |" in card
    assert "12.3 [10.0, 15.0] |" in card
    model = load(out)
    vocabulary, info = model.vocabulary, CheckpointInfo.of(model)
    assert isinstance(model, HGR)
    assert vocabulary == Vocabulary(["dog", "cat"])
    assert (info.dataset, info.scores) == ("msvd", [1.0, 7.5])


@pytest.mark.parametrize(("content", "message"), [("{", "is not json"), ("[]", "is no evaluation")])
def test_wrong_results(checkpoint: Path, tmp_path: Path, content: str, message: str, capsys) -> None:
    (tmp_path / "e.json").write_text(content)
    args = ["export", str(checkpoint), "--out", str(tmp_path / "m"), "--results", str(tmp_path / "e.json")]
    assert main(args) == 2
    assert message in capsys.readouterr().err
