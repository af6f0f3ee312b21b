"""Evaluations as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from graphvtr.metrics import Metrics, with_intervals
from graphvtr.metrics.bootstrap import Interval
from graphvtr.tasks.evaluate import Evaluation, Scored

DIRECTIONS = (("t2v", "text -> video"), ("v2t", "video -> text"))


def format_table(evaluation: Evaluation) -> str:
    """Both directions with 95 % intervals beside chance, a line each; then each level, where it was evaluated."""
    options = evaluation.options
    names = list(evaluation.fused.metrics["t2v"])
    unit = "queries" if options.interval_unit == "query" else "videos"
    lines = [
        f"{evaluation.dataset}/{evaluation.split}: {evaluation.num_videos} videos, {evaluation.num_captions} captions; "
        f"95 % intervals over {unit}, {options.samples} resamples",
        f"ties {options.ties}, median {options.median}, mean rank over {options.mean_rank}, "
        f"equal captions are {options.duplicates}",
    ]
    if evaluation.known_words is not None:
        elsewhere = evaluation.trained_on and evaluation.trained_on != evaluation.dataset
        trained = f"trained on {evaluation.trained_on}; " if elsewhere else ""
        lines.append(f"{trained}{evaluation.known_words:.1%} of the captions' words are in the model's vocabulary")
    directions = DIRECTIONS if options.protocol == "both" else DIRECTIONS[:1]
    if options.protocol != "both":
        lines.append("partially relevant: sentences against whole untrimmed videos, SumR over text to video")
    rows: list[list[str]] = [["", *names, "rsum" if options.protocol == "both" else "SumR"]]
    parts = {"": evaluation.fused, **evaluation.levels}
    for level, scored in parts.items():
        if level:
            rows.append([f"[{level}]"])
        for key, title in directions:
            rows.append([f"  {title}" if level else title, *_cells(scored, key, key == directions[-1][0])])
    rows.append([])
    for key, title in directions:
        rows.append([f"chance, {title}", *(f"{evaluation.chance[key][name]:.1f}" for name in names)])  # type: ignore[literal-required]
    rows[-1].append(f"{evaluation.chance['rsum']:.1f}")
    return "\n".join([*lines, *_aligned(rows)])


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values; every metric is ``{'value', 'low', 'high'}``."""
    return {
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "videos": evaluation.num_videos,
        "captions": evaluation.num_captions,
        "trained_on": evaluation.trained_on,
        "known_words": evaluation.known_words,
        "options": asdict(evaluation.options),
        **_scored_json(evaluation.fused),
        "levels": {level: _scored_json(scored) for level, scored in evaluation.levels.items()},
        "chance": dict(evaluation.chance),
    }


def _scored_json(scored: Scored) -> dict[str, Any]:
    low, high = scored.rsum
    return {
        "t2v": with_intervals(scored.metrics["t2v"], scored.t2v),
        "v2t": with_intervals(scored.metrics["v2t"], scored.v2t),
        "rsum": {"value": scored.metrics["rsum"], "low": low, "high": high},
    }


def _cells(scored: Scored, direction: str, last: bool) -> list[str]:
    metrics: Metrics = scored.metrics[direction]  # type: ignore[literal-required]
    intervals: dict[str, Interval] = getattr(scored, direction)
    cells = [_cell(value, intervals[name]) for name, value in metrics.items()]
    return [*cells, _cell(scored.metrics["rsum"], scored.rsum)] if last else cells


def _cell(value: float, interval: Interval) -> str:
    return f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"


def _aligned(rows: list[list[str]]) -> list[str]:
    """Columns aligned to the left."""
    width = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(max(map(len, rows)))]
    return ["  ".join(cell.ljust(size) for cell, size in zip(row, width, strict=False)).rstrip() for row in rows]
