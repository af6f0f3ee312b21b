"""Learning curves: every row has a line, and settings for any detector's regions come from one study."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_every_row_that_can_have_a_curve_has_its_own_line(
    load_benchmark: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves, all_rows = load_benchmark("lib.msrvtt_curves"), load_benchmark("lib.msrvtt_rows").all_rows
    monkeypatch.setattr(curves, "RESULTS", tmp_path)
    found = {}
    for words, name in curves.msrvtt.WORDS.items():
        found[f"ridge, {name}"] = {100: {"mean": 9.0, "interval": [8.0, 10.0]}}
        for regions in (False, True):
            rows = [row for row in all_rows(words, regions) if not regions or row in curves.REGIONS]
            found |= {f"{row}, {name}": {100: {"mean": 9.0, "interval": [8.0, 10.0]}} for row in rows}
    styles = [tuple(sorted(style.items())) for style in curves.STYLES.values()]
    assert len(set(styles)) == len(styles)
    trained = {name.rpartition(", ")[0] for name in found if not name.startswith("ridge")}
    assert trained == set(curves.STYLES)
    curves.draw(found)
    assert (tmp_path / "msrvtt_curves.png").stat().st_size > 20_000


def test_settings_for_another_detectors_regions_are_those_of_the_first(
    load_benchmark: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    msrvtt = load_benchmark("lib.msrvtt")
    monkeypatch.setattr(msrvtt, "store", Path)
    monkeypatch.setattr(msrvtt, "splits", lambda path, **size: {"path": path})
    monkeypatch.setattr(msrvtt, "trials", lambda *about, **size: about)
    arguments = Namespace(regions=True, quick=False, detector="fastestdet", captions=20)
    assert msrvtt.study(arguments.detector) == "msrvtt_real_fastestdet"
    path = Path("yolox_nano")
    asked = {"minilm": object()}
    found = msrvtt.tuning(arguments, asked)
    assert found == {"minilm": ("msrvtt_real_yolox_nano", {"path": path}, path, "minilm")}
    for other in ({"detector": "yolox_nano"}, {"regions": False}, {"quick": True}):
        assert msrvtt.tuning(Namespace(**{**vars(arguments), **other}), asked) is asked
