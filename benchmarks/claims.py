"""The papers' claims beside what was measured here: printed effect, effect here, power, verdict.

    python benchmarks/claims.py     # seconds: reads the committed result files, writes results/claims.{json,txt}

The rule of the verdicts is in ``benchmarks/lib/verdict.py``. Papers measured on MSR-VTT; their effect is carried over
as a share of the weaker row. Result files from before the rule resampled clips only: their intervals are widened by
what the seeds spread. Rows that were not tuned cannot fail a claim, and one seed decides nothing. Rows of the tuned
study (``benchmarks/scenes.py``) take their place as these are run.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.lib.harness import write_result
from benchmarks.lib.hgr_setup import printed_to
from benchmarks.lib.paths import COMMITTED
from benchmarks.lib.verdict import Claim, with_spread
from benchmarks.published import RECALLS, find

SIMULATED = "MovingScenes, 225 clips"
WHOLE = (
    ("HGR", "HGR", "VSE++"),
    ("HGR", "HGR", "Dual Encoding"),
    ("MCSAN", "MCSAN", "HGR"),
    ("MCSAN", "MCSAN", "HANet"),
)
"""A paper, its model, and one that it is said to be ahead of."""


@dataclass(frozen=True)
class Place:
    """Where the figures of a claim are in a result file.

    Args:
        file: its name.
        difference: the way to the difference.
        rows: the way to the rows.
        names: the row ahead and the one behind.
        value: the way to rsum within a row.
    """

    file: str
    difference: Sequence[str]
    rows: Sequence[str]
    names: tuple[str, str]
    value: Sequence[str] = ("rsum",)


def claims() -> list[tuple[Claim, str, Place]]:
    """Every claim, on what it was measured, and where the figures are."""
    visern, hgr, mcsan = ("rows", "test"), ("rows", "MovingScenes/test"), ("rows", "moving_scenes")
    steps = "Table 3, MSR-VTT"

    def walk(behind: str, ours: str, theirs: tuple[str, str], text: str) -> tuple[Claim, str, Place]:
        way = (*visern, "differences", f"{ours} less {behind}")
        place = Place("ablation_visern", way, (*visern, "rows"), (ours, behind))
        claim = Claim("ViSERN", text, ours, behind, printed(*theirs), steps, False)
        return tuned(claim, f"ViSERN {ours}", f"ViSERN {behind}") or (claim, "MovingScenes, 90 clips", place)

    def part(row: str, now: str, theirs: str, text: str) -> tuple[Claim, str, Place]:
        place = Place("ablation_hgr", (*hgr, "full less", row), (*hgr, "components"), ("full HGR model", row))
        claim = Claim("HGR", text, "full HGR model", row, printed("HGR", theirs), "Table 4, MSR-VTT", False)
        return tuned(claim, "HGR", now) or (claim, SIMULATED, place)

    def longtail(row: str, theirs: str, text: str) -> tuple[Claim, str, Place]:
        way = (*mcsan, "differences", f"MCSAN less {row}")
        place = Place("mcsan", way, (*mcsan, "rows"), ("MCSAN", row))
        claim = Claim("MCSAN", text, "MCSAN", row, printed("MCSAN", theirs), "MSR-VTT", False)
        return tuned(claim, "MCSAN", row) or (claim, SIMULATED, place)

    def relations(row: str, theirs: str, text: str) -> tuple[Claim, str, Place]:
        way = ("differences", f"VSR-Net full less {row}", "rsum")
        place = Place("cad120", way, ("rows",), ("VSR-Net full", row), ("retrieval", "rsum"))
        values = summed("VSR-Net"), summed(theirs)
        claim = Claim("VSR-Net", text, "VSR-Net full", row, values, "Table 1, MSR-VTT 1k-A", False)
        return claim, "CAD-120, 390 clips", place

    found = [
        part("w/o graph attention", "HGR without attention", "HGR, without graph attention", "graph attention helps"),
        part("w/o role awareness", "HGR without roles", "HGR, without role awareness", "role awareness helps"),
        part(
            "w/o hierarchical video",
            "HGR without hierarchical video",
            "HGR, without hierarchical video",
            "separate video maps help",
        ),
        walk(
            "no_reasoning",
            "random_walk, dot",
            ("ViSERN", "ViSERN, no_reasoning"),
            "random walk beats no reasoning (as printed)",
        ),
        walk(
            "no_reasoning",
            "random_walk, softplus",
            ("ViSERN", "ViSERN, no_reasoning"),
            "random walk beats no reasoning (positive R)",
        ),
        walk(
            "symmetric, softplus",
            "random_walk, softplus",
            ("ViSERN", "ViSERN, symmetric"),
            "random walk beats symmetric normalization",
        ),
        longtail("MCSAN without R", "MCSAN, without relationships", "the relationship level helps"),
        longtail("MCSAN without S", "MCSAN, without statistical constraints", "shared heads and divergence help"),
        longtail("MCSAN without L", "MCSAN, without FBCE", "focal loss helps"),
        longtail("HANet", "HANet", "MCSAN is ahead of HANet"),
    ]
    for row, theirs, text in (
        ("VSR-Net VG", "VSR-Net, VG", "relations beside the global branch help"),
        ("VSR-Net VG+VR_m", "VSR-Net, VG + VR_m", "relations beat the mean of the regions"),
    ):
        claim, data, place = relations(row, theirs, text)
        found.append((claim, data, place))
        if now := tuned(claim, "VSR-Net full", row):
            found.append(now)
    return [*found, *real()]


def tuned(claim: Claim, ahead: str, behind: str) -> tuple[Claim, str, Place] | None:
    """The claim on what ``benchmarks/scenes.py`` has measured of two rows, None where it has not."""
    content = result("scenes")
    name = f"{ahead} less {behind}"
    if content is None or name not in content["rows"]["differences"]["test"]:
        return None
    place = Place("scenes", ("rows", "differences", "test", name), ("rows", "rows", "test"), (ahead, behind))
    clips = "MovingScenes with twins, 1,012 clips"
    return replace(claim, ahead=ahead, behind=behind, tuned=True), clips, place


def real() -> list[tuple[Claim, str, Place]]:
    """Claims about whole models, of the rows that ``benchmarks/msrvtt_real.py`` has trained so far."""
    content = result("msrvtt_real")
    there = {} if content is None else content["rows"]["about"]
    found = []
    for (paper, ahead, behind), words in itertools.product(WHOLE, ("MiniLM", "GloVe")):
        rows = f"{ahead}, {words}", f"{behind}, {words}"
        if all(row in there for row in rows):
            text = f"{ahead} is ahead of {behind} ({words} words)"
            claim = Claim(paper, text, *rows, printed(ahead, behind), "Table 1, MSR-VTT", False)
            place = Place("msrvtt_real", ("rows", "between", " less ".join(rows)), ("rows", "rows"), rows)
            found.append((claim, "MSR-VTT subset, 1,032 videos", place))
    return found


def printed(ahead: str, behind: str) -> tuple[float, float]:
    """rsum of two rows on MSR-VTT, as published."""
    values = {}
    for number in find(dataset="MSR-VTT", metric="rsum"):
        if number.direction is None or not number.direction:
            values[number.system] = number.value
    return values[ahead], values[behind]


def summed(system: str) -> float:
    """rsum of a row of VSR-Net's Table 1, which prints none: the sum of its recalls."""
    found = find("vsrnet", table="1", system=system)
    return sum(number.value for number in found if number.metric in RECALLS)


@functools.cache
def result(name: str) -> Any:
    """A committed result file, None where there is none yet."""
    path = COMMITTED / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def at(content: Any, way: Sequence[str]) -> Any:
    """The value at the end of a way through mappings."""
    for key in way:
        content = content[key]
    return content


def judge() -> list[dict[str, Any]]:
    """All claims with their figures and verdicts."""
    rows = []
    for claim, data, place in claims():
        content = result(place.file)
        difference = dict(at(content, place.difference))
        ahead, behind = (at(content, (*place.rows, name, *place.value)) for name in place.names)
        if "smallest_visible" not in difference:
            difference = with_spread(difference, ahead["seeds"], behind["seeds"])
        difference["seeds"] = [len(ahead["seeds"]), len(behind["seeds"])]
        row = claim.judge(difference, float(behind["mean"]))
        rows.append({**row, "data": data, "file": f"{place.file}.json"})
    papers = list(dict.fromkeys(row["paper"] for row in rows))
    return sorted(rows, key=lambda row: (papers.index(row["paper"]), row["data"]))


def show(rows: list[dict[str, Any]]) -> None:
    """The table, a block a paper and what its claims were measured on."""
    print(
        "Claims of the papers, effects in rsum. printed: on MSR-VTT; scaled: as large a share of our weaker row;\n"
        "visible: the smallest true effect to be seen four times in five; *: one seed of a row; u: not tuned."
    )
    for (paper, data), part in itertools.groupby(rows, lambda row: (row["paper"], row["data"])):
        title = f"{paper}, on {data}"
        print(f"\n{title:44}{'printed':>8}{'scaled':>7}{'here [95 %]':>22}{'visible':>8}  verdict")
        for row in part:
            low, high = row["interval"]
            here = f"{row['here']:+.1f} [{low:+.1f}, {high:+.1f}]"
            marks = "*" * (min(row["seeds"]) < 2) + "u" * (not row["tuned"])
            verdict = f"{row['verdict']}{marks}"
            effects = f"{row['printed']:>+8.1f}{row['scaled']:>+7.1f}{here:>22}{row['smallest_visible']:>8.0f}"
            print(f"{row['claim']:44}{effects}  {verdict}")


def main() -> None:
    with printed_to("claims"):
        rows = judge()
        show(rows)
    write_result("claims", rows)


if __name__ == "__main__":
    main()
