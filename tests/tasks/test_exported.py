"""Encoders as files of torch.export: read again, on other batches, they give what the model gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.tasks import CheckpointInfo, save_checkpoint
from graphvtr.tasks.exported import FlatEncoder, export_encoders, flat_tensors, with_frozen_features
from tests.every_model import CASES, small_run

#: What is in no file: sequences are filled up to the longest, or rows chosen by their values.
NOT = {name: {"video", "text"} for name in ("dual_encoding", "hanet", "mcsan", "visern")} | {"graphvtr": {"video"}}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With ``--full-product`` every model, else some: the compiler reads each for seconds."""
    if "name" in metafunc.fixturenames:
        cases = CASES if metafunc.config.getoption("full_product") else [("hgr", {}), CASES[-1]]
        metafunc.parametrize(("name", "options"), cases, ids=str)


@pytest.mark.slow
def test_encoders_run_without_the_model(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    model, data, _ = small_run(name, **options)
    if len(NOT.get(name, ())) == 2:
        with pytest.raises(DataError, match="has no encoder that can be exported"):
            export_encoders(model, tmp_path, data.video_graphs, data.role_graphs)
        return
    found = export_encoders(model, tmp_path, data.video_graphs, data.role_graphs)
    assert set(found.failed) == NOT.get(name, set()), found.failed
    for side, store in (("video", data.video_graphs), ("text", data.role_graphs)):
        if side in found.failed:
            continue
        module = torch.export.load(found.files[side]).module()
        for part in ([7, 2, 2], list(range(9))):
            tensors = flat_tensors(with_frozen_features(model, store.batch(torch.tensor(part))))
            wanted, got = FlatEncoder(model, side)(tensors), module(tensors)
            assert wanted.keys() == got.keys()
            for key, value in got.items():
                torch.testing.assert_close(value, wanted[key], rtol=1e-5, atol=1e-5)


def test_a_model_that_cannot_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model, data, _ = small_run("dual_encoding")
    with pytest.raises(DataError, match=r"DualEncoding: has no encoder that can be exported: .*data-dependent"):
        export_encoders(model, tmp_path, data.video_graphs, data.role_graphs)
    assert not list(tmp_path.iterdir())
    assert "def forward" not in "".join(capfd.readouterr())  # torch would print the whole graph


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, _, vocabulary = small_run("vse")
    save_checkpoint(tmp_path / "model.ckpt", model, vocabulary, CheckpointInfo("vse", video_dim=6))
    arguments = ["export", str(tmp_path / "model.ckpt"), "--out", str(tmp_path / "out"), "--format", "torch-export"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "text.pt2, video.pt2" in told
    assert "cannot be exported" not in told
