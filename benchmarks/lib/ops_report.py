"""Text and plots of ``benchmarks/speed/ops.py``, drawn from its CSV file alone.

python benchmarks/lib/ops_report.py [results/ops_cpu.csv]
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from textwrap import wrap

from benchmarks.lib.paths import COMMITTED, RESULTS, ROOT
from benchmarks.lib.tables import WIDTH

Row = dict[str, str]
OURS = "graphvtr"
DIRECTIONS = ("forward", "forward+backward")
DOCS = ROOT / "docs" / "ops" / "measured" if RESULTS == COMMITTED else RESULTS / "measured"
"""Tables that pages show; those of a quick run lie beside its results."""


def read(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def workloads(rows: list[Row]) -> Iterator[tuple[str, str, list[Row]]]:
    for (op, workload), group in groupby(rows, key=lambda row: (row["op"], row["workload"])):
        yield op, workload, list(group)


def threads(row: Row) -> str:
    return f"{row['threads']} thread" + ("" if row["threads"] == "1" else "s")


def best(rows: list[Row], ours: bool) -> Row | None:
    """The fastest way of ours, or of all others."""
    chosen = [row for row in rows if row["way"].startswith(OURS) == ours]
    return min(chosen, key=lambda row: float(row["median_ms"])) if chosen else None


def write_text(path: Path) -> None:
    """A table a workload, then how the aims stand and where no kernel pays."""
    rows = read(path)
    first = rows[0]
    lines = [
        f"{first['device']}, {threads(first)}, float32: {first['bandwidth_gb_s']} GB/s (copy), "
        f"{first['gflop_s']} GFLOP/s (matrix product), measured in the same run",
        f"torch {first['torch']}, torch-geometric {first['torch_geometric']}, triton {first['triton'] or '-'}, "
        f"torch-scatter {first['torch_scatter'] or '-'}, Python {first['python']}, {first['date']}",
        "Medians [20th, 80th percentile]; ratio: time over that of the fastest graphvtr backend; roofline: the floor",
        "set by bytes and FLOPs over the median; load: runnable processes when the timing began.",
    ]
    for op, workload, group in workloads(rows):
        lines += ["", f"{op}: {workload}"]
        for direction in DIRECTIONS:
            part = [row for row in group if row["direction"] == direction]
            ours = best(part, ours=True)
            assert ours is not None
            lines.append(f"  {direction} (load {part[0]['load']})")
            lines += [table_line(row, ours) for row in part]
    lines += ["", *verdict(rows)]
    text = "\n".join(lines) + "\n"
    path.with_suffix(".txt").write_text(text)
    print(f"wrote {path} and {path.with_suffix('.txt')}\n")
    print("\n".join(verdict(rows)))


def write_tables(path: Path, folder: Path) -> None:
    """The tables of docs/ops, one an op."""
    folder.mkdir(parents=True, exist_ok=True)
    for op, group in groupby(read(path), key=lambda row: row["op"]):
        with (folder / f"{op}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(
                ["Workload", "Way", "Forward, ms", "Forward + backward, ms", "Ratio", "Peak, MiB", "Roofline"]
            )
            for _, workload, part in workloads(list(group)):
                both = [row for row in part if row["direction"] == DIRECTIONS[1]]
                ours, forward = best(both, ours=True), {r["way"]: r for r in part if r["direction"] == DIRECTIONS[0]}
                assert ours is not None
                for place, row in enumerate(both):
                    ratio = float(row["median_ms"]) / float(ours["median_ms"])
                    cells = [f"{float(r['median_ms']):.4g}" for r in (forward[row["way"]], row)]
                    peak, share = f"{float(row['peak_mib']):,.0f}", f"{100 * float(row['roofline_share']):.0f} %"
                    writer.writerow(["" if place else workload, row["way"], *cells, f"{ratio:.2f}", peak, share])


def table_line(row: Row, ours: Row) -> str:
    ratio = float(row["median_ms"]) / float(ours["median_ms"])
    spread = f"[{float(row['p20_ms']):.2f}, {float(row['p80_ms']):.2f}]"
    return (
        f"    {row['way']:36} {float(row['median_ms']):10.2f} ms {spread:>22} {ratio:6.2f} x "
        f"{float(row['peak_mib']):9.1f} MiB {100 * float(row['roofline_share']):5.1f} % of roofline"
    )


def verdict(rows: list[Row]) -> list[str]:
    """For each workload, forward and backward: against the best alternative and against PyG or the direct form."""
    lines = ["Forward and backward against the best alternative, and against PyG's path or the direct einsum form:"]
    behind: list[str] = []
    even: list[str] = []
    for op, workload, group in workloads(rows):
        part = [row for row in group if row["direction"] == DIRECTIONS[1]]
        ours, other = best(part, ours=True), best(part, ours=False)
        if ours is None or other is None:
            continue
        ratio = float(other["median_ms"]) / float(ours["median_ms"])
        plain = [r for r in part if r["way"].startswith(("PyG softmax", "PyG gather", "PyG scatter", "direct einsum"))]
        against = ", ".join(
            f"{float(r['median_ms']) / float(ours['median_ms']):.1f} x {r['way']}"
            for r in plain
            if "compiled" not in r["way"]
        )
        lines += _item(f"{op}, {workload}: {ratio:.2f} x {other['way']}" + (f"; {against}" if against else ""))
        if ratio < 0.9:
            behind += _item(f"{op}, {workload}: {other['way']} takes {ratio:.2f} of the time")
        elif ratio < 1.1:
            even += _item(f"{op}, {workload}: {other['way']}")
    lines += ["Slower than the best alternative by more than 10 %:", *(behind or ["  none"])]
    lines += ["No kernel pays here, the alternative is as fast (within 10 %):", *(even or ["  none"])]
    return lines


def _item(text: str) -> list[str]:
    """Lines of a list's item."""
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")


def draw(path: Path) -> None:
    """One figure an op: a point a way, forward and backward, and a line from the 20th to the 80th percentile."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    rows = [row for row in read(path) if row["direction"] == DIRECTIONS[1]]
    for op, group in groupby(rows, key=lambda row: row["op"]):
        parts = [list(part) for _, part in groupby(group, key=lambda row: row["workload"])]
        heights = [len(part) for part in parts]
        figure, axes = plt.subplots(
            len(parts),
            1,
            figsize=(8, 0.9 + 0.32 * sum(heights) + 0.75 * len(parts)),
            squeeze=False,
            gridspec_kw={"height_ratios": heights},
            layout="constrained",
        )
        for axis, part in zip(axes[:, 0], parts, strict=True):
            medians = [float(row["median_ms"]) for row in part]
            for place, row in enumerate(part):
                color = "#1f5fa8" if row["way"].startswith(OURS) else "#8a9099"
                axis.plot([float(row["p20_ms"]), float(row["p80_ms"])], [place, place], color=color, linewidth=2)
                axis.plot(medians[place], place, "o", color=color, markersize=6)
                digits = 0 if medians[place] >= 100 else 1 if medians[place] >= 10 else 2
                label = f"   {medians[place]:,.{digits}f} ms, {float(row['peak_mib']):,.0f} MiB"
                axis.text(max(medians[place], float(row["p80_ms"])), place, label, va="center", fontsize=7)
            axis.set_yticks(range(len(part)), [row["way"] for row in part], fontsize=8)
            axis.set_ylim(len(part) - 0.5, -0.5)
            axis.set_xscale("log")
            low, high = (op(float(row[key]) for row in part) for op, key in ((min, "p20_ms"), (max, "p80_ms")))
            axis.set_xlim(low / 1.3, high * max(3, (high / low) ** 0.5))
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 30 else (1,)))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.grid(axis="x", color="#dddddd", linewidth=0.6)
            axis.set_title(part[0]["workload"], fontsize=9, loc="left")
            axis.tick_params(labelsize=8)
        axes[-1, 0].set_xlabel("milliseconds: median, 20th to 80th percentile", fontsize=8)
        where = f"{part[0]['device']}, {threads(part[0])}"
        figure.suptitle(f"{op}, forward + backward, {where}", fontsize=10)
        figure.savefig(path.with_name(f"{path.stem}_{op}.png"), dpi=110)
        plt.close(figure)


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS / "ops_cpu.csv"
    if source.exists():
        write_text(source)
        write_tables(source, DOCS)
        draw(source)
