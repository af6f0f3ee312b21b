"""The papers' claims beside what was measured here: printed effect, effect here, power, verdict.

    python benchmarks/claims.py     # seconds: reads the committed result files, writes results/claims.{json,txt}

The rule of the verdicts is in ``benchmarks/lib/verdict.py``. Papers measured on MSR-VTT; their effect is carried over
as a share of the weaker row. Each claim stands once for every study that has both of its rows: simulated clips with
twins (``scenes.py``), a subset of MSR-VTT (``msrvtt_real.py``, by words and detector), CAD-120 (``cad120.py``). Rows
that were not tuned with equal budgets cannot fail a claim, and one seed decides nothing. Where a file's intervals are
over clips alone, they are widened by what the seeds spread.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.lib import msrvtt
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.paths import COMMITTED
from benchmarks.lib.verdict import Claim, with_spread
from benchmarks.published import RECALLS, find

PARTS = (
    ("HGR", "HGR without attention", "HGR", "HGR, without graph attention", "graph attention helps"),
    ("HGR", "HGR without roles", "HGR", "HGR, without role awareness", "role awareness helps"),
    ("HGR", "HGR without hierarchical video", "HGR", "HGR, without hierarchical video", "separate video maps help"),
    *(
        (f"ViSERN random_walk, {affinity}", f"ViSERN {row}", "ViSERN", f"ViSERN, {printed}", f"{text} ({way})")
        for affinity, way in (("dot", "as printed"), ("softplus", "positive R"))
        for row, printed, text in (
            ("no_reasoning", "no_reasoning", "random walk beats no reasoning"),
            (f"symmetric, {affinity}", "symmetric", "random walk beats symmetric"),
        )
    ),
    ("MCSAN", "MCSAN without R", "MCSAN", "MCSAN, without relationships", "the relationship level helps"),
    ("MCSAN", "MCSAN without S", "MCSAN", "MCSAN, without statistical constraints", "shared heads and divergence help"),
    ("MCSAN", "MCSAN without L", "MCSAN", "MCSAN, without FBCE", "focal loss helps"),
    ("VSR-Net full", "VSR-Net VG", "VSR-Net", "VSR-Net, VG", "relations beside the global branch help"),
    ("VSR-Net full", "VSR-Net VG+VR_m", "VSR-Net", "VSR-Net, VG + VR_m", "relations beat the mean of the regions"),
    ("VSR-Net VG+VR_s", "VSR-Net VG", "VSR-Net, VG + VR_s", "VSR-Net, VG", "spatial relations help"),
    (
        "VSR-Net VG+VR_s",
        "VSR-Net VG+VR_m",
        "VSR-Net, VG + VR_s",
        "VSR-Net, VG + VR_m",
        "spatial relations beat the mean",
    ),
)
"""The row ahead, the row behind, both as published, and what the paper of the row ahead says."""
WHOLE = (("HGR", "VSE++"), ("HGR", "Dual Encoding"), ("MCSAN", "HGR"), ("MCSAN", "HANet"))
"""A paper's model, and one that it is said to be ahead of."""
TABLES = {
    "HGR": "Table 4, MSR-VTT",
    "ViSERN": "Table 3, MSR-VTT",
    "MCSAN": "Table 3, MSR-VTT",
    "VSR-Net": "Table 1, MSR-VTT 1k-A",
}
"""Where a paper prints what its parts are worth."""


@dataclass(frozen=True)
class Study:
    """Where a result file has its figures.

    Args:
        file: its name.
        data: what it was measured on.
        differences: the way to the differences.
        rows: the way to the rows.
        value: the way to rsum within a row.
        within: the way to rsum within a difference.
        words: what all rows read with, where it is part of their names.
    """

    file: str
    data: str
    differences: Sequence[str]
    rows: Sequence[str]
    value: Sequence[str] = ("rsum",)
    within: Sequence[str] = ()
    words: str = ""

    def find(self, ahead: str, behind: str) -> tuple[dict[str, Any], Any, Any] | None:
        """A difference and rsum of both of its rows; None where they were not measured."""
        content = result(self.file)
        differences = {} if content is None else at(content, self.differences)
        if (name := f"{ahead} less {behind}") not in differences:
            return None
        rows = (at(content, (*self.rows, row, *self.value)) for row in (ahead, behind))
        return at(differences[name], self.within), *rows

    def tuned(self, ahead: str, behind: str) -> bool:
        """Whether as many settings of both rows were tried as of any row of the study, and more than one."""
        tried = (result(self.file) or {}).get("tried", {})
        counts = {row: sum(not one.get("all videos") for one in found) for row, found in tried.items()}
        return counts.get(ahead) == counts.get(behind) == max([2, *counts.values()])


STUDIES = (
    Study("scenes", "MovingScenes, 1,012 clips", ("rows", "differences", "test"), ("rows", "rows", "test")),
    *(
        Study(file, "MSR-VTT subset, 1,032 videos", ("rows", "between"), ("rows", "rows"), words=words)
        for file in map(msrvtt.study, (None, *msrvtt.DETECTORS))
        for words in msrvtt.WORDS.values()
    ),
    *(
        Study("cad120", "CAD-120, 390 clips", ("differences",), ("rows",), ("retrieval", "rsum"), ("rsum",), words)
        for words in ("", "MiniLM")
    ),
)


def claims(study: Study) -> list[Claim]:
    """Every claim, by the names that its rows have in a study."""
    suffix = f", {study.words}" if study.words else ""
    read = f" ({study.words})" if study.words else ""
    parts = ((*part, TABLES[part[0].split()[0]]) for part in PARTS)
    whole = ((one, other, one, other, f"{one} is ahead of {other}", "Table 1, MSR-VTT") for one, other in WHOLE)
    found = []
    for one, other, *published, text, where in (*parts, *whole):
        paper, rows = one.split()[0], (one + suffix, other + suffix)
        found.append(Claim(paper, text + read, *rows, printed(*published), where, study.tuned(*rows)))
    return found


def printed(ahead: str, behind: str) -> tuple[float, float]:
    """rsum of two rows on MSR-VTT, as published; VSR-Net's Table 1 prints none: the sum of its recalls."""
    if ahead.startswith("VSR-Net"):
        numbers = [find("vsrnet", table="1", system=system) for system in (ahead, behind)]
        one, other = (sum(number.value for number in row if number.metric in RECALLS) for row in numbers)
        return one, other
    values = {}
    for number in find(dataset="MSR-VTT", metric="rsum"):
        if number.direction is None or not number.direction:
            values[number.system] = number.value
    return values[ahead], values[behind]


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
    """All claims that were measured, with their figures and verdicts."""
    rows = []
    for study in STUDIES:
        for claim in claims(study):
            if (found := study.find(claim.ahead, claim.behind)) is None:
                continue
            difference, ahead, behind = found
            if "smallest_visible" not in difference:
                difference = with_spread(difference, ahead["seeds"], behind["seeds"])
            difference = {**difference, "seeds": [len(ahead["seeds"]), len(behind["seeds"])]}
            row = claim.judge(difference, float(behind["mean"]))
            rows.append({**row, "data": study.data, "file": f"{study.file}.json"})
    return sorted(rows, key=lambda row: (list(TABLES).index(row["paper"]), row["data"]))


def show(rows: list[dict[str, Any]]) -> None:
    """The table, a block a paper and what its claims were measured on."""
    print(
        "Claims of the papers, effects in rsum. printed: on MSR-VTT; scaled: as large a share of our weaker row;\n"
        "visible: the smallest true effect to be seen four times in five; *: one seed of a row;\n"
        "u: fewer settings of a row were tried than of others."
    )
    for (paper, data), part in itertools.groupby(rows, lambda row: (row["paper"], row["data"])):
        title = f"{paper}, on {data}"
        print(f"\n{title:43}{'printed':>8}{'scaled':>7}{'here [95 %]':>22}{'visible':>8}  verdict")
        for row in part:
            low, high = row["interval"]
            here = f"{row['here']:+.1f} [{low:+.1f}, {high:+.1f}]"
            marks = "*" * (min(row["seeds"]) < 2) + "u" * (not row["tuned"])
            verdict = f"{row['verdict']} {marks}".strip()
            effects = f"{row['printed']:>+8.1f}{row['scaled']:>+7.1f}{here:>22}{row['smallest_visible']:>8.0f}"
            print(f"{row['claim']:43}{effects}  {verdict}")


def main() -> None:
    with printed_to("claims"):
        rows = judge()
        show(rows)
    write_result("claims", rows)


if __name__ == "__main__":
    main()
