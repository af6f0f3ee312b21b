"""Encoders as files of torch.export: read again, on other batches, they give what the model gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.tasks import CheckpointInfo, save_checkpoint
from graphvtr.tasks.exported import FlatEncoder, export_encoders, flat_tensors
from tests.every_model import small_run


@pytest.mark.parametrize("name", ["vse", "hgr"])
def test_video_encoders(name: str, tmp_path: Path) -> None:
    model, data, _ = small_run(name)
    found = export_encoders(model, tmp_path, data.video_graphs, data.role_graphs)
    assert set(found.files) == {"video"}
    assert "DataDependent" in found.failed["text"]
    assert [path.name for path in tmp_path.iterdir()] == ["video.pt2"]
    module = torch.export.load(found.files["video"]).module()
    for part in ([7, 2, 2], list(range(9))):
        tensors = flat_tensors(data.video_graphs.batch(torch.tensor(part)))
        wanted = FlatEncoder(model, "video")(tensors)
        assert wanted.keys() == module(tensors).keys()
        for key, value in module(tensors).items():
            torch.testing.assert_close(value, wanted[key], rtol=1e-5, atol=1e-5)


def test_a_model_that_cannot_says_why(tmp_path: Path) -> None:
    model, data, _ = small_run("dual_encoding")
    with pytest.raises(DataError, match=r"DualEncoding: has no encoder that can be exported: .*data-dependent"):
        export_encoders(model, tmp_path, data.video_graphs, data.role_graphs)
    assert not list(tmp_path.iterdir())


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, _, vocabulary = small_run("vse")
    save_checkpoint(tmp_path / "model.ckpt", model, vocabulary, CheckpointInfo("vse", video_dim=6))
    arguments = ["export", str(tmp_path / "model.ckpt"), "--out", str(tmp_path / "out"), "--format", "torch-export"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "video.pt2" in told
    assert "the text encoder cannot be exported: " in told
