"""GraphVTR's tables: real video, few clips, relations; beside the four papers' models, ridge and chance.

    python benchmarks/graphvtr.py                              # every study, one after another
    python benchmarks/graphvtr.py msrvtt levels --seeds 5      # these; a seed of every row before the next
    python benchmarks/graphvtr.py msrvtt --rows "GraphVTR"     # only this row
    python benchmarks/graphvtr.py msrvtt --tables-only         # of what is there
    python benchmarks/graphvtr.py --quick                      # minutes: shows that all works, writes to runs/

msrvtt   a subset of MSR-VTT and VITATECS: beside closed forms, without each part, with hard negatives
levels   which level tells captions apart that differ in one thing, on validation videos
msvd     98 real clips, 57 of them to train
cad120   CAD-120's hands and objects: told from its opposite, beside VSR-Net, ViSERN and HGR
speed    seconds to train and milliseconds of a search, beside a model of each paper
figure   where the model stands on the subset of MSR-VTT, from the result files

Finished runs are kept, and every table is written again after each: a study that was stopped goes on. Choices are made
on validation; what ``benchmarks/lib/graphvtr_*.py`` says of each study holds here. Simulated clips, with twins, are in
``benchmarks/scenes.py ours``. 2 CPU hours for one seed of all.
"""

from __future__ import annotations

import argparse
import functools
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.accuracy import cad120
from benchmarks.lib import graphvtr_figure, graphvtr_levels, graphvtr_msrvtt, graphvtr_msvd, graphvtr_speed
from benchmarks.lib.harness import RESULTS
from benchmarks.lib.paths import DATA

BESIDE = ("GraphVTR", "VSR-Net full", "VSR-Net VG+VR_t", "ViSERN random_walk, dot, MiniLM", "HGR, MiniLM")
CAD120 = [trial for trial in cad120.ROWS if trial.name.startswith(BESIDE)]


@dataclass(frozen=True)
class Study:
    """Some tables: what makes them, and data that are not in the repository."""

    run: Callable[[argparse.Namespace], None]
    needs: tuple[str, ...] = ()


def figure(arguments: argparse.Namespace) -> None:
    """Draw the committed figures."""
    path = RESULTS / "flagship.png"
    graphvtr_figure.draw(graphvtr_figure.standings(), path)
    print(f"wrote {path}")


STUDIES = {
    "msrvtt": Study(graphvtr_msrvtt.run, ("msrvtt", "vitatecs")),
    "levels": Study(graphvtr_levels.run, ("msrvtt",)),
    "msvd": Study(graphvtr_msvd.run, ("msvd98",)),
    "cad120": Study(functools.partial(cad120.run, name="flagship_cad120", rows=CAD120), ("cad120",)),
    "speed": Study(graphvtr_speed.run, ("msrvtt",)),
    "figure": Study(figure),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"of {', '.join(STUDIES)}; all by default")
    parser.add_argument("--rows", nargs="*", help="names of rows; all by default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--captions", type=int, default=20, help="training captions an MSR-VTT video (default: all 20)")
    parser.add_argument("--tables-only", action="store_true", help="train nothing")
    parser.add_argument("--quick", action="store_true", help="few videos, one seed, one epoch; shows that all works")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.studies if name not in STUDIES]:
        parser.error(f"no study '{unknown[0]}': choose of {', '.join(STUDIES)}")
    if arguments.quick:
        arguments.seeds = 1
    logging.basicConfig(level=logging.WARNING)
    for name in arguments.studies or STUDIES:
        study = STUDIES[name]
        if missing := [data for data in study.needs if not (DATA / data).exists()]:
            print(f"{name}: left out, no {', '.join(missing)} in {DATA} ($GRAPHVTR_DATA)", file=sys.stderr)
            continue
        study.run(arguments)


if __name__ == "__main__":
    main()
