"""The papers' tables as recipes: every row is known, rows train and resume, and what is missing is said."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("pytorch_lightning")
pytest.importorskip("jsonargparse")
pytest.importorskip("spacy")

from benchmarks import paper_tables
from benchmarks.lib import paper_figures, paper_runs, trials
from benchmarks.lib.paper_recipes import Place, recipe
from benchmarks.lib.paper_rows import ELSEWHERE, TABLES, Block, Row
from benchmarks.published import find, load
from graphvtr.datasets import DataSource, build_dataset
from graphvtr.errors import DataError
from graphvtr.static_help import SHIPPED
from graphvtr.tasks import build_model, make_vocabulary
from graphvtr.video import FeatureStore

CAPTIONS = {
    f"clip{number:02}": [f"a {thing} {deed}", f"the {thing} {deed} again"]
    for number, (thing, deed) in enumerate(
        (t, d) for t in ("dog", "cat", "man", "bird") for d in ("runs", "sings", "eats")
    )
}


@pytest.fixture
def msvd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Twelve clips in MSVD's layout, in every split, and a place that names them."""
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trials, "CACHE", tmp_path / "cache")
    root = tmp_path / "msvd"
    root.mkdir()
    (root / "captions_msvd.json").write_text(json.dumps(CAPTIONS))
    for split in ("train", "val", "test"):
        (root / f"{split}_list.txt").write_text("\n".join(CAPTIONS))
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 12}, {"features": {"name": "made"}})
    for place, name in enumerate(CAPTIONS):
        store.add(name, {"frame_x": torch.eye(12)[[place] * 3], "frame_time": torch.arange(3.0)})
    sizes = ("model.hidden=16", "model.word_dim=8", "epochs=1", "batch_size=8", "word_vectors=null")
    return Place(root, store.path, subset=True, overrides=sizes)


def test_every_printed_row_is_trained_or_says_why() -> None:
    for paper in ("visern", "hgr", "vsrnet", "mcsan"):
        for number in dict.fromkeys(printed.table for printed in load(paper) if printed.table != "A"):
            for block in TABLES[(paper, number)]:
                printed = find(paper, table=number, dataset=block.dataset, split=block.split)
                systems = [row.system for row in block.rows]
                parts = {f"HGR, {level} level" for level in ("event", "action", "entity")} | {"number of triplets"}
                assert set(systems) == {one.system for one in printed} - parts, (paper, number)
                for row in block.rows:
                    assert (SHIPPED / f"{row.recipe}.yaml").is_file() if row.recipe else row.why == ELSEWHERE, row


def test_a_row_is_trained_beside_the_printed_one_and_kept(
    msvd: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(paper_tables, "write_result", lambda name, rows, **head: written.append((name, rows, head)))
    few = dataclasses.replace(msvd, clips=10)
    assert paper_tables.run("visern", "2", few, 2, ("VSE",))
    out = capsys.readouterr().out
    assert "not the paper's: a subset of the videos, 10 training videos" in out
    ours = [line for line in out.splitlines() if "ours, 2 seeds" in line]
    assert len(ours) == 1
    assert "rsum [" in ours[0]
    ((name, rows, head),) = written
    assert name == "paper_visern_2_small"
    assert set(rows["MSVD test"]["values"]) == {"VSE"}
    assert head["seeds"] == 2

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("benchmarks.lib.training_run.fit", never)  # what is finished is not trained again
    assert paper_tables.run("visern", "2", few, 2, ("VSE",))
    assert "chance" in capsys.readouterr().out
    assert rows["MSVD test"]["chance"]["t2v R@1"] == pytest.approx(100 / 2)


@pytest.mark.parametrize(
    ("paper", "table", "system"),
    [("visern", "3", "ViSERN"), ("hgr", "1", "HGR"), ("vsrnet", "1", "VSR-Net"), ("mcsan", "3", "MCSAN")],
)
def test_small_rows_fit_together(paper: str, table: str, system: str) -> None:
    """Small sizes of every paper's own row agree with each other, and none is larger than the paper's."""
    block = TABLES[(paper, table)][0]
    row = next(row for row in block.rows if row.system == system)
    full, small = (
        recipe(row, block, Place(data="moving_scenes", small=one, overrides=more)).trial.options
        for one, more in ((False, ()), (True, ("epochs=3",)))
    )
    assert all(small[key] <= full[key] for key in ("hidden", "heads", "word_dim") if key in full)
    scenes = build_dataset("moving_scenes", "train", DataSource(options={"num_clips": 20}))
    model = build_model(paper, scenes, make_vocabulary(scenes), small)
    assert sum(weight.numel() for weight in model.parameters() if weight.requires_grad) < 5_000_000


def test_levels_another_dataset_and_a_gallery(msvd: Place, tmp_path: Path) -> None:
    """Tables 5 and 2 of HGR: each level alone, and a test on a collection that was not trained on; Figure 5."""
    row = Row("HGR", "hgr_msrvtt")
    overrides = (*msvd.overrides, "model.num_layers=1")
    place = Place(msvd.root, msvd.store, "msvd", msvd.root, msvd.store, subset=True, overrides=overrides)
    found = paper_runs.Table("hgr", "1", Block("MSR-VTT", "full", "msrvtt", (row,), "levels"), place).measure(range(1))
    assert list(found.values) == ["HGR, event level", "HGR, action level", "HGR, entity level", "HGR"]
    sides = found.values["HGR"]
    assert sides["t2v rsum"] + sides["v2t rsum"] == pytest.approx(sides["rsum"])
    cross = paper_runs.Table("hgr", "1", Block("MSR-VTT", "full", "msrvtt", (row,), "cross", "msvd"), place)
    again = cross.measure(range(1))  # the same run, scored on the other collection: here the same one
    assert again.values["HGR"]["rsum"] == pytest.approx(sides["rsum"])
    assert "wrote" in paper_figures.draw("hgr", "5", place, tmp_path, 1)  # of that run as well
    assert (tmp_path / "hgr_figure_5.png").stat().st_size > 5000


def test_complexity_needs_no_data() -> None:
    (block,) = TABLES[("vsrnet", "4")]
    found = paper_runs.Table("vsrnet", "4", block, Place(), ("Dual Encoding",)).measure(range(1))
    assert found.values["Dual Encoding"]["million parameters"] == pytest.approx(88.9, abs=0.5)


def test_missing_data_say_what_to_put_where(msvd: Place, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    nowhere = Place(overrides=("word_vectors=null",))
    assert not paper_tables.run("visern", "2", nowhere, 1, ())
    out = capsys.readouterr().out
    assert "needs the folder of its files" in out
    assert "captions_msvd.json" in out
    assert not paper_tables.run("visern", "2", Place(data="cad120", overrides=nowhere.overrides), 1, ())
    out = capsys.readouterr().out
    assert "(cad120)" in out
    assert "captions_msvd.json" not in out
    assert not paper_tables.run("hgr", "6", nowhere, 1, ())
    out = capsys.readouterr().out
    assert "youtube2text, to test on: pass --test-root" in out
    assert "graphvtr perturb --data youtube2text, pass --pairs" in out
    whole = Place(msvd.root, msvd.store, overrides=msvd.overrides)
    assert not paper_tables.run("visern", "2", whole, 1, ("VSE",))  # twelve clips are not MSVD
    assert "lists 12 videos, the official split has 1,200" in capsys.readouterr().out
    glove = Place(msvd.root, msvd.store, data="msvd", subset=True)
    assert not paper_tables.run("hgr", "1", glove, 1, ("HGR",))
    assert "word vectors 'glove.6B.300d.txt' of HGR: no such file" in capsys.readouterr().out


def test_figures(msvd: Place, tmp_path: Path) -> None:
    assert "graphvtr plot role-graph" in paper_figures.draw("hgr", "3", msvd, tmp_path, 1)
    for paper, figure, file in (("vsrnet", "6", "MSRVTT_JSFUSION_test.csv"), ("vsrnet", "4", "captions_msvd.json")):
        told = paper_figures.draw(paper, figure, Place(), tmp_path, 1)
        assert "Not drawn, as data are missing" in told
        assert file in told
    with pytest.raises(DataError, match=r"figure 1 of hgr: is none that can be drawn .known: 3, 4, 5"):
        paper_figures.draw("hgr", "1", msvd, tmp_path, 1)
    place = Place(msvd.root, msvd.store, "msvd", subset=True)
    assert "wrote" in paper_figures.draw("mcsan", "2", place, tmp_path, 1)
    assert (tmp_path / "mcsan_figure_2.png").stat().st_size > 5000
    counts = paper_figures.frequencies([("dog", "ball"), ("dog",), ("cat",)])
    assert counts[0] == ("dog", 2)


@pytest.mark.parametrize("name", ["msrvtt_1ka", "vatex", "charades_sta"])
def test_a_dataset_says_what_it_expects(name: str) -> None:
    text = paper_runs.needed(name)
    assert text.startswith("Expected below source.root")
    assert "json" in text or "txt" in text
