"""Captions per second of the rule parser beside spaCy alone, on real captions.

    python benchmarks/speed/parse_speed.py

Three rates on the same captions: the pipeline as spaCy loads it, the parts of it that the parser uses, and the parser
with its graphs (packed, and as objects). Rounds alternate, so that a busy machine slows all of them. Aim: packed graphs
at 85 % of the pipeline or more.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.lib.harness import max_resident, write_result
from benchmarks.lib.paths import DATA
from graphvtr.text import SpacyRoleParser
from graphvtr.text.spacy_parser import load_pipeline

BUILT_IN = (
    "a man is playing a guitar on stage",
    "two dogs are running in the park",
    "a woman who wears a red hat is cooking",
    "the ball is thrown by a boy and caught by a dog",
    "a cat jumps from a chair onto a table",
    "a bowl of fruit",
    "someone is slicing an onion with a sharp knife",
    "a group of people are dancing",
    "a chef adds salt to the soup",
    "a girl is going to ride a horse while her father takes a picture",
)


def read_captions(folder: Path, count: int) -> tuple[str, list[str]]:
    """Captions of MSR-VTT, TGIF and YouCook2 in turn; repeated built-in ones where the folder is missing."""
    if not folder.is_dir():
        return "built-in", [BUILT_IN[index % len(BUILT_IN)] for index in range(count)]
    with (folder / "msrvtt_1cap" / "MSRVTT_JSFUSION_test.csv").open(encoding="utf-8") as file:
        msrvtt = [row["sentence"] for row in csv.DictReader(file)]
    with (folder / "tgif_frameqa" / "Test_frameqa_question.csv").open(encoding="utf-8") as file:
        tgif = [row["description"] for row in csv.DictReader(file, delimiter="\t")]
    youcook = json.loads((folder / "youcook2" / "youcookii_annotations_trainval.json").read_text(encoding="utf-8"))
    steps = [part["sentence"] for video in youcook["database"].values() for part in video["annotations"]]
    captions = [caption for group in zip(msrvtt, tgif, steps, strict=False) for caption in group]
    captions += tgif[len(msrvtt) :]
    return "msrvtt+tgif+youcook2", [caption for caption in captions if caption.strip()][:count]


def seconds(call: Callable[[], Any]) -> float:
    """Time of one call, with the garbage of the one before cleared."""
    gc.collect()
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--captions", type=int, default=3000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--batch-size", type=int, default=256)
    options.add_argument("--data", type=Path, default=DATA / "captions")
    arguments = options.parse_args()
    source, captions = read_captions(arguments.data, arguments.captions)
    parser, size = SpacyRoleParser(), arguments.batch_size
    whole = load_pipeline(None, every_part=True)

    def drain(items: Any) -> None:
        for _ in items:
            pass

    calls: dict[str, Callable[[], Any]] = {
        "spaCy, whole pipeline": lambda: drain(whole.pipe(captions, batch_size=size)),
        "spaCy, tagger and parser": lambda: drain(parser.pipeline.pipe(captions, batch_size=size)),
        "role graphs, packed": lambda: parser.parse_store(captions, batch_size=size),
        "role graphs, objects": lambda: drain(parser.parse(captions, batch_size=size)),
    }
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(arguments.rounds):
        for name, call in calls.items():
            times[name].append(seconds(call))
    bases = ("spaCy, whole pipeline", "spaCy, tagger and parser")
    rows = []
    print(f"{len(captions)} captions ({source})\n{'':<26}{'captions/s':>11}{'/ whole':>9}{'/ parts':>9}")
    for name, taken in times.items():
        # a round's ratio compares runs of the same minute
        ratios = [statistics.median(base / own for base, own in zip(times[b], taken, strict=True)) for b in bases]
        rate = len(captions) / statistics.median(taken)
        rows.append({"what": name, "captions_per_second": rate, "to_whole": ratios[0], "to_parts": ratios[1]})
        print(f"{name:<26}{rate:>11.0f}{ratios[0]:>9.2f}{ratios[1]:>9.2f}")
    write_result(
        "parse_speed",
        rows,
        source=source,
        captions=len(captions),
        batch_size=size,
        parser=parser.version,
        max_resident_bytes=max_resident(),
        unit="captions a second, medians of rounds",
    )


if __name__ == "__main__":
    main()
