"""Who does what to what in captions: triples of a role parser against FACTUAL's hand-made scene graphs.

    python benchmarks/accuracy/factual.py --parser spacy neural               # dev, one result file
    python benchmarks/accuracy/factual.py --parser spacy --split train --most 4000 --wrong 40   # to tune on, no file

Gold: the verbal triples of FACTUAL (Li et al., ACL Findings 2023), ``( man , v:ride on , horse )``, of captions of
Visual Genome. A triple is (subject, verb, object): base form of the verb, head nouns in the singular, instance numbers
and prepositions left out; ``have``, which annotators also write for `with` and `of`, is left out on both sides. Of a
role graph it is every pair of a verb's doer (ARG0, else ARG1) and another entity of the verb that is no time, manner
or the like (ARG1 to ARG5, ARGM-LOC, ARGM-DIR, ARGM-GOL, ARGM-COM); of a passive its ARG1 is the subject.

Also reported: precision and recall of (subject, verb) pairs, and of how many captions with a gold verb an action is
found. Intervals are of 1,000 resamples of the captions. The rules were tuned on train only.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.lib.harness import write_result
from benchmarks.lib.paths import DATA
from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.text import get_parser

Triple = tuple[str, str, str]
OBJECT_ROLES = frozenset(
    "ARG1 ARG2 ARG3 ARG4 ARG5 ARGM-LOC ARGM-DIR ARGM-GOL ARGM-COM ARGM-MNR ARGM-PRP ARGM-ADV".split()
)
SKIPPED = frozenset(("have", "be"))
PREPOSITIONS = frozenset(
    """
    about above across after against along among around as at atop before behind below beneath beside between beyond by
    down during for from in inside into like near of off on onto out outside over past through to toward towards under
    underneath up upon with within without next
    """.split()
)
RELATIONAL = frozenset("back bottom edge end front inside middle side top".split())  # `in front of`
SAME = {"guy": "person", "he": "man", "she": "woman", "lady": "woman"}  # as the annotators write them
DETERMINERS = frozenset("a an the his her its their my your our this that these those some".split())
IRREGULAR = {
    "men": "man",
    "women": "woman",
    "people": "person",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "geese": "goose",
    "mice": "mouse",
    "leaves": "leaf",
    "knives": "knife",
    "shelves": "shelf",
    "wolves": "wolf",
    "glasses": "glasses",
    "clothes": "clothes",
    "sheep": "sheep",
    "grass": "grass",
    "bus": "bus",
    "dress": "dress",
}


class Caption(NamedTuple):
    """One caption with its gold triples."""

    text: str
    triples: frozenset[Triple]


def singular(word: str) -> str:
    """A noun in the singular, the same way on both sides."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    for ending, other in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + other
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def heads(phrase: str) -> list[str]:
    """The head nouns of a phrase, one for each of its coordinated parts."""
    return [noun for part in re.split(r"\band\b|\bor\b|,", phrase) if (noun := head(part))]


def head(phrase: str) -> str:
    """The head noun of a phrase: the last word before a preposition that follows a noun."""
    words = [word for word in re.findall(r"[\w'-]+", phrase.lower()) if word not in DETERMINERS]
    while words and words[0] in PREPOSITIONS:
        words = words[1:]
        if len(words) > 1 and words[0] in RELATIONAL and words[1] == "of":
            words = words[2:]
    kept = []
    for word in words:
        if word in PREPOSITIONS and kept:
            break
        kept.append(word)
    noun = singular(kept[-1]) if kept else ""
    return SAME.get(noun, noun)


def read_gold(split: str) -> list[Caption]:
    """Captions of ``dev`` or ``train`` with their verbal triples; each caption once."""
    folder = DATA / "factual"
    path = folder / f"factual_sg_id__random__{split}.csv"
    if not path.is_file():
        path = path.with_name(path.name + ".gz")
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    out: dict[str, Caption] = {}
    for row in csv.DictReader(io.StringIO(text)):
        triples = set()
        for found in re.findall(r"\(([^()]*)\)", row["scene_graph"]):
            parts = [part.strip() for part in found.split(" , ")]
            if len(parts) != 3 or not re.match(r"p?v:", parts[1]):
                continue
            verb = parts[1].split(":", 1)[1].split()[0]
            nouns = [head(re.sub(r":?\d+$", "", part)) for part in (parts[0], parts[2])]
            if verb not in SKIPPED and all(nouns):
                triples.add((nouns[0], verb, nouns[1]))
        out.setdefault(row["caption"], Caption(row["caption"], frozenset(triples)))
    return list(out.values())


def triples_of(graph: RoleGraph, lemma: Any) -> frozenset[Triple]:
    """The triples of a role graph; ``lemma`` gives the base form of a verb."""
    edges = graph["entity", "fills", "action"]
    of_action: dict[int, list[tuple[str, str]]] = {}
    for entity, action, role in zip(*edges.edge_index.tolist(), edges.role.tolist(), strict=True):
        found_heads = [(ROLES[role], noun) for noun in heads(graph.phrase("entity", entity))]
        of_action.setdefault(action, []).extend(found_heads)
    found = set()
    for action, arguments in of_action.items():
        verb = lemma(graph.phrase("action", action).split()[0].lower())
        if verb in SKIPPED:
            continue
        doers = [noun for role, noun in arguments if role == "ARG0"]
        subjects = doers or [noun for role, noun in arguments if role == "ARG1"]
        for subject in subjects:
            found |= {
                (subject, verb, noun)
                for role, noun in arguments
                if role in OBJECT_ROLES and noun and subject and noun != subject
            }
    return frozenset(found)


def counts(found: Sequence[frozenset[Any]], gold: Sequence[frozenset[Any]]) -> np.ndarray[Any, Any]:
    """[captions, 3]: right, proposed and gold of each."""
    return np.array([(len(a & b), len(a), len(b)) for a, b in zip(found, gold, strict=True)], dtype=float)


def scores(each: np.ndarray[Any, Any], samples: int = 1000) -> dict[str, Any]:
    """Precision, recall and F1 in percent with 95 % intervals over captions."""
    draws = np.random.default_rng(0).multinomial(len(each), np.full(len(each), 1 / len(each)), samples)

    def of(sums: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        right, proposed, gold = sums[..., 0], sums[..., 1], sums[..., 2]
        return 100 * np.stack([right / proposed, right / gold, 2 * right / (proposed + gold)], -1)

    value, spread = of(each.sum(0)), np.quantile(of(draws @ each), [0.025, 0.975], axis=0)
    return {
        name: {"value": round(value[i], 2), "low": round(spread[0, i], 2), "high": round(spread[1, i], 2)}
        for i, name in enumerate(("precision", "recall", "f1"))
    }


def pairs(triples: Iterable[Triple]) -> frozenset[tuple[str, str]]:
    """(subject, verb) of triples."""
    return frozenset((subject, verb) for subject, verb, _ in triples)


def run(name: str, captions: Sequence[Caption], wrong: int = 0) -> dict[str, Any]:
    """One parser on the captions."""
    parser = get_parser(name)
    lemma = get_parser("spacy")._lemma  # type: ignore[attr-defined]  the rules' own, for both parsers
    graphs = list(parser.parse([caption.text for caption in captions], progress=True))
    found = [triples_of(graph, lemma) for graph in graphs]
    gold = [caption.triples for caption in captions]
    verbs = [bool(graph.num_actions) for graph, triples in zip(graphs, gold, strict=True) if triples]
    row = {
        "parser": parser.name,
        "version": parser.version,
        "captions": len(captions),
        "triples": int(sum(map(len, gold))),
        "triple": scores(counts(found, gold)),
        "subject and verb": scores(counts([pairs(one) for one in found], [pairs(one) for one in gold])),
        "captions with a gold verb that have an action": round(100 * float(np.mean(verbs)), 2),
    }
    for caption, graph, triples in zip(captions, graphs, found, strict=True):
        if wrong and triples != caption.triples and caption.triples:
            wrong -= 1
            actions = [graph.phrase("action", place) for place in range(graph.num_actions)]
            missed, more = sorted(caption.triples - triples), sorted(triples - caption.triples)
            print(f"{caption.text}\n  missed {missed} wrong {more} actions {actions}")
    return row


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--parser", nargs="+", default=["spacy", "neural"], metavar="NAME")
    options.add_argument("--split", choices=("dev", "train"), default="dev")
    options.add_argument("--most", type=int, help="only the first captions; writes nothing")
    options.add_argument("--wrong", type=int, default=0, metavar="N", help="print N captions with their mistakes")
    arguments = options.parse_args()
    captions = read_gold(arguments.split)[: arguments.most]
    rows = [run(name, captions, arguments.wrong) for name in arguments.parser]
    for row in rows:
        for kind in ("triple", "subject and verb"):
            cells = "  ".join(f"{k} {v['value']:.1f} [{v['low']:.1f}, {v['high']:.1f}]" for k, v in row[kind].items())
            print(f"{row['parser']:<8} {kind:<17} {cells}")
    print(json.dumps({"verbs": Counter(t[1] for c in captions for t in c.triples).most_common(8)}))
    if arguments.split == "dev" and arguments.most is None:
        write_result("factual", rows, split="dev", gold="FACTUAL, verbal triples without have and be")


if __name__ == "__main__":
    main()
