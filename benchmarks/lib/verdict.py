"""What a difference says about a claim: it holds, it fails, or the experiment cannot tell.

A claim says that one model is ahead of another by a printed effect. Papers measure on other data, so that their effect
is carried over as a share of the weaker row and scaled to ours (``scaled``). The rule, written down before it was used:

- *holds*: the whole 95 % interval is on the claimed side of 0;
- *fails*: the whole interval is on the other side of 0, or it stays below half the scaled effect and an effect as
  large as the scaled one would have been seen (power: the smallest visible difference is not above it);
- *cannot tell*: everything else, whatever would fail in a setting that nobody tuned (another learning rate or a batch
  norm may be all that a row lacks), and whatever rests on one seed of a row: it says nothing of another seed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.lib.runs import POWER

Verdict = Literal["holds", "fails", "cannot tell"]


def verdict(difference: Mapping[str, Any], scaled: float, tuned: bool = True) -> Verdict:
    """The rule above.

    Args:
        difference: ``interval``, ``smallest_visible`` and ``seeds`` (of both rows) of our difference, in the direction
            of the claim.
        scaled: the printed effect in our units, over 0.
        tuned: whether both rows were tuned with equal budgets.
    """
    low, high = difference["interval"]
    if min(difference["seeds"]) < 2:
        return "cannot tell"
    if low > 0:
        return "holds"
    if tuned and (high < 0 or (high < scaled / 2 and difference["smallest_visible"] <= scaled)):
        return "fails"
    return "cannot tell"


def with_spread(difference: Mapping[str, Any], ahead: Sequence[float], behind: Sequence[float]) -> dict[str, Any]:
    """A difference whose interval is over clips alone, widened by what the seeds of both rows spread.

    The variances of the mean over clips and of both means over seeds add up; 1.96 standard errors on each side.

    Args:
        difference: ``mean`` and ``interval``.
        ahead, behind: the value of every seed.
    """
    low, high = difference["interval"]
    variance = ((high - low) / (2 * 1.96)) ** 2
    variance += sum(statistics.variance(seeds) / len(seeds) for seeds in (ahead, behind) if len(seeds) > 1)
    error, middle = math.sqrt(variance), difference["mean"]
    return {
        "mean": middle,
        "interval": [middle - 1.96 * error, middle + 1.96 * error],
        "smallest_visible": POWER * error,
        "seeds": [len(ahead), len(behind)],
    }


@dataclass(frozen=True)
class Claim:
    """A row of the claim table.

    Args:
        paper: short name of the paper.
        text: what it says.
        ahead, behind: rows of ours: the one that should be ahead, and the other.
        printed: the two published values, that of the row ahead first.
        where: table and data of the paper.
        tuned: whether both rows were tuned with equal budgets.
    """

    paper: str
    text: str
    ahead: str
    behind: str
    printed: tuple[float, float]
    where: str
    tuned: bool = True

    def judge(self, difference: Mapping[str, Any], level: float) -> dict[str, Any]:
        """The row's figures and verdict.

        Args:
            difference: of ``ahead`` less ``behind``, see :meth:`benchmarks.lib.runs.Runs.difference`.
            level: our value of ``behind``, to which the printed effect is scaled.
        """
        effect = self.printed[0] - self.printed[1]
        scaled = effect / self.printed[1] * level
        return {
            "paper": self.paper,
            "claim": self.text,
            "where": self.where,
            "rows": [self.ahead, self.behind],
            "printed": effect,
            "scaled": scaled,
            "here": difference["mean"],
            "interval": list(difference["interval"]),
            "smallest_visible": difference["smallest_visible"],
            "seeds": difference["seeds"],
            "tuned": self.tuned,
            "verdict": verdict(difference, scaled, self.tuned),
        }
