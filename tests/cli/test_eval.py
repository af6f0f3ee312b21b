from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.datasets import DATASETS, DataSource, RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.metrics import both_directions
from graphvtr.nn import HGR
from graphvtr.tasks import CheckpointInfo, make_vocabulary, prepare, save_checkpoint
from graphvtr.tasks.embed import encode_texts, encode_videos

WORDS = ("dog", "cat", "man", "cow", "bird", "car")


def six_clips(split: str, source: DataSource) -> RetrievalDataset:
    """Six random clips with two captions each."""
    generator = torch.Generator().manual_seed(1)
    videos = [VideoGraph.build(torch.randn(2 + i % 2, 5, generator=generator), name=f"v{i}") for i in range(6)]
    captions = [
        RoleGraph.build([article, word, "runs"], [[2]], [("ARG0", [0, 1])], [(0, 0)])
        for word in WORDS
        for article in ("a", "the")
    ]
    return RetrievalDataset(
        "six",
        split,
        [graph.name for graph in videos],
        [graph.caption for graph in captions],
        torch.arange(6).repeat_interleave(2),
        GraphStore.from_graphs(videos),
        GraphStore.from_graphs(captions),
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """``run(*flags)`` evaluates a random model on the six clips: exit code, stdout, stderr."""
    sources: list[DataSource] = []

    def build(split: str, source: DataSource) -> RetrievalDataset:
        sources.append(source)
        return six_clips(split, source)

    monkeypatch.setitem(DATASETS._entries, "six", build)
    vocabulary = make_vocabulary(six_clips("train", DataSource()))
    model = HGR(len(vocabulary), 5, hidden=8, word_dim=4)
    save_checkpoint(tmp_path / "m.ckpt", model, vocabulary, CheckpointInfo("hgr", video_dim=5))

    def evaluate(*flags: str, checkpoint: str = "m.ckpt", data: str = "six") -> tuple[int, str, str]:
        code = main(["eval", str(tmp_path / checkpoint), "--data", data, *flags])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    evaluate.sources, evaluate.model, evaluate.vocabulary = sources, model, vocabulary  # type: ignore[attr-defined]
    return evaluate


@pytest.mark.parametrize(
    ("flags", "conventions"),
    [
        ([], {}),
        (["--ties", "average", "--median", "floor"], {"ties": "average", "median": "floor"}),
        (["--mean-rank", "all", "--block", "2", "5"], {"mean_rank": "all"}),
    ],
)
def test_json_holds_the_metrics(run, flags, conventions) -> None:
    dataset = prepare(six_clips("test", DataSource()), run.model, run.vocabulary)
    with torch.inference_mode():
        scores = run.model.similarity(
            encode_videos(run.model, dataset.video_graphs), encode_texts(run.model, dataset.role_graphs)
        )
    expected = both_directions(scores, dataset.video_of_caption, **conventions)
    code, out, _ = run("--json", "--levels", "--samples", "20", *flags)
    found = json.loads(out)
    assert code == 0
    for direction in ("t2v", "v2t"):
        for name, value in expected[direction].items():
            assert found[direction][name]["value"] == pytest.approx(value)
    assert found["rsum"]["value"] == pytest.approx(expected["rsum"])
    assert (found["dataset"], found["split"], found["videos"], found["captions"]) == ("six", "test", 6, 12)
    assert list(found["levels"]) == ["event", "action", "entity"]
    assert found["chance"]["t2v"]["R@1"] == pytest.approx(100 / 6)


def test_table(run) -> None:
    code, out, err = run("--samples", "20", "--interval-unit", "video")
    assert code == 0
    assert err == ""
    assert "six/test: 6 videos, 12 captions; 95 % intervals over videos, 20 resamples" in out
    lines = [line.split("  ")[0] for line in out.splitlines()]
    assert [line for line in lines if "->" in line] == [
        "text -> video",
        "video -> text",
        "chance, text -> video",
        "chance, video -> text",
    ]


def test_source_flags_reach_the_dataset(run, tmp_path: Path) -> None:
    flags = ["--root", str(tmp_path), "--parser", "rules", "--missing", "skip", "--cache", "c"]
    code, _, _ = run(*flags, "--option", "num_clips=3", "--option", "kind=red", "--samples", "5")
    assert code == 0
    options = {"num_clips": 3, "kind": "red"}  # of frames alone: the model reads no regions
    assert run.sources[-1] == DataSource(tmp_path, None, None, "rules", "skip", Path("c"), options, regions=False)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"checkpoint": "none.ckpt"}, "none.ckpt: no such file"),
        ({"data": "sx"}, "dataset 'sx': unknown (did you mean 'six'? known: "),
        (["--option", "five"], "--option five: is not NAME=VALUE"),
        (["--batch-size", "0"], "batch_size: is 0"),
        (["--samples", "0"], "samples: is 0"),
        (["--save-scores", "scores.txt"], "scores.txt: does not end in .npz"),
    ],
)
def test_errors_are_one_line(run, flags, message) -> None:
    code, out, err = run(**flags) if isinstance(flags, dict) else run(*flags)
    assert code == 2
    assert out == ""
    assert err.startswith("graphvtr: error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu(run) -> None:
    code, _, err = run("--device", "cuda")
    assert code == 2
    assert "device 'cuda': is not there (use --device cpu)" in err
