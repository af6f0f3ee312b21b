"""Exact-span precision, recall and F1 of a role parser on gold PropBank labels, as CoNLL-2005 counts them.

    python benchmarks/accuracy/role_labelling/evaluate.py --gold ../shared/data/propbank_ewt/dev.jsonl.gz --parser spacy

The gold file has one sentence a line: ``{"tokens": [...], "xpos": [...], "props": [{"pred": 3, "args":
[[label, first, last], ...]}, ...]}``. Verbal predicates are scored (Penn tags that begin with VB, auxiliaries among
them). Labels are mapped to the sixteen roles on both sides (``C-x`` and ``R-x`` count as ``x``, other labels as
NOUN); each span is scored on its own, so a continuation is one more span; the predicate itself (V, C-V) is not
scored. An argument is right if predicate, role, first and last token are right.

Two settings: predicates given; and predicates found by the parser, where the arguments of a predicate that is none
count as wrong and those of a missed one as missed. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from benchmarks.lib.harness import write_result
from graphvtr.errors import DataError
from graphvtr.graphs import ROLES, VERB_ROLE, role_id
from graphvtr.text import get_parser

CORE = tuple(role for role in ROLES if role.startswith("ARG") and not role.startswith("ARGM"))
Item = tuple[int, int, str, int, int]  # sentence, predicate, role, first token, last token


class Gold(NamedTuple):
    """One sentence with its verbal predicates and their arguments."""

    tokens: list[str]
    predicates: list[int]
    arguments: list[tuple[int, list[tuple[str, int, int]]]]


class Score(NamedTuple):
    """Right, proposed and gold counts."""

    right: int
    proposed: int
    gold: int

    @property
    def precision(self) -> float:
        return 100 * self.right / self.proposed if self.proposed else 0.0

    @property
    def recall(self) -> float:
        return 100 * self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        return 200 * self.right / (self.proposed + self.gold) if self.proposed + self.gold else 0.0


def read_gold(path: Path) -> list[Gold]:
    """Sentences of a gold file, gzipped or not."""
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8").splitlines()
    sentences = []
    for entry in map(json.loads, lines):
        props = [prop for prop in entry["props"] if entry["xpos"][prop["pred"]].startswith("VB")]
        arguments = [(prop["pred"], prop["args"]) for prop in props]
        sentences.append(Gold(entry["tokens"], [prop["pred"] for prop in props], arguments))
    return sentences


def items(labelled: Sequence[Sequence[tuple[int, Sequence[Any]]]]) -> set[Item]:
    """Every argument of a corpus, mapped to the sixteen roles."""
    return {
        (sentence, predicate, ROLES[role_id(label)], first, last)
        for sentence, frames in enumerate(labelled)
        for predicate, arguments in frames
        for label, first, last in arguments
        if role_id(label) != VERB_ROLE
    }


def score(proposed: set[Any], gold: set[Any]) -> Score:
    """Counts of two sets."""
    return Score(len(proposed & gold), len(proposed), len(gold))


def run(parser: Any, sentences: Sequence[Gold], *, given: bool) -> tuple[list[Any], float]:
    """Labels of all sentences, and sentences per second."""
    queries = [(gold.tokens, gold.predicates if given else None) for gold in sentences]
    begin = time.perf_counter()
    labelled = list(tqdm(parser.label_many(queries), "labelling", len(queries), unit="sentence"))
    return labelled, len(queries) / (time.perf_counter() - begin)


def report(title: str, proposed: set[Item], gold: set[Item]) -> dict[str, Score]:
    """Print one setting's table and return its rows."""
    core = [{item for item in side if item[2] in CORE} for side in (proposed, gold)]
    rows = {"all arguments": score(proposed, gold), "core arguments": score(*core)}
    for role in ROLES[1:]:
        rows[role] = score({i for i in proposed if i[2] == role}, {i for i in gold if i[2] == role})
    print(f"\n{title}\n{'':<16}{'precision':>10}{'recall':>8}{'F1':>7}{'gold':>8}")
    for name, row in rows.items():
        print(f"{name:<16}{row.precision:>10.2f}{row.recall:>8.2f}{row.f1:>7.2f}{row.gold:>8}")
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gold", type=Path, required=True, metavar="FILE.jsonl.gz")
    options.add_argument("--parser", default="spacy", metavar="NAME")
    options.add_argument("--save", metavar="NAME", help="write benchmarks/results/NAME.json")
    arguments = options.parse_args()
    parser = get_parser(arguments.parser)
    if not hasattr(parser, "label_many"):
        raise DataError(f"parser '{arguments.parser}'", "labels no given predicates", "use one with label_many")
    sentences = read_gold(arguments.gold)
    gold = items([sentence.arguments for sentence in sentences])
    labelled, speed = run(parser, sentences, given=True)
    given = report("predicates given", items(labelled), gold)
    labelled, _ = run(parser, sentences, given=False)
    found = report("predicates found", items(labelled), gold)
    predicates = score(
        {(sentence, predicate) for sentence, frames in enumerate(labelled) for predicate, args in frames if args},
        {item[:2] for item in gold},
    )
    print(
        f"\npredicates that have arguments: P {predicates.precision:.2f} R {predicates.recall:.2f} "
        f"F1 {predicates.f1:.2f}"
    )
    summary = {
        "parser": parser.name,
        "version": parser.version,
        "gold": arguments.gold.name,
        "sentences": len(sentences),
        "f1_given": round(given["all arguments"].f1, 2),
        "f1_given_core": round(given["core arguments"].f1, 2),
        "f1_end_to_end": round(found["all arguments"].f1, 2),
        "f1_predicates": round(predicates.f1, 2),
        "captions_per_second": round(speed, 1),
    }
    if arguments.save:
        rows = [
            {
                "setting": setting,
                "arguments": name,
                "precision": row.precision,
                "recall": row.recall,
                "f1": row.f1,
                "gold": row.gold,
            }
            for setting, table in (("predicates given", given), ("predicates found", found))
            for name, row in table.items()
        ]
        write_result(arguments.save, rows, summary=summary)
    print(json.dumps(summary))


if __name__ == "__main__":
    try:
        main()
    except DataError as error:
        sys.exit(f"evaluate.py: {error}")
