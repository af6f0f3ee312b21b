"""Mutated clips, fuzzed captions, hostile files."""

from __future__ import annotations

import functools
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib import hostile as files
from benchmarks.lib.fault_batch import in_batch
from benchmarks.lib.fault_material import Material, Outcome, Trial, Unit
from benchmarks.lib.fault_runs import Child

TOO_MUCH = 2 * 2**30
CLIPS_AT_ONCE = 50
CAPTIONS_AT_ONCE, TOGETHER = 1000, 25


def clips(material: Material, count: int) -> Iterator[Unit]:
    """Clips with bytes changed, cut off, put in and moved about decode in part, with a note, or are refused."""
    for start in range(0, count, CLIPS_AT_ONCE):
        yield f"from {start}", functools.partial(_decoded, material, range(start, min(start + CLIPS_AT_ONCE, count)))


def _decoded(material: Material, numbers: range, folder: Path) -> Iterator[Trial]:
    from graphvtr.errors import GraphVTRError
    from graphvtr.video.stream import sample_clip

    sources = [path.read_bytes() for path in sorted(material.clips.glob("*.mp4"))[:8]]
    path = folder / "clip.mp4"

    def trial(number: int) -> list[Outcome]:
        dice = random.Random(number)
        path.write_bytes(mutated(dice.choice(sources), dice))
        try:
            clip = sample_clip(path, 6, threads=1)
        except GraphVTRError as error:
            return [("refused", f"{number} {error}"[:200])]
        except Exception as error:
            return [("traceback", f"{number} {error!r}"[:300])]
        whole = len(clip.time) > 0 and bool((clip.time.diff() > 0).all()) and clip.frames.dtype is torch.uint8
        return [("ok" if whole else "silent", f"{number} {clip.note}")]

    for outcome, detail in in_batch(numbers, trial):
        yield "mutated clip", outcome, detail


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A clip's bytes, damaged in one of several ways."""
    out = bytearray(data)
    kind = dice.randrange(6)
    if kind == 0:
        for _ in range(dice.randrange(1, 60)):
            out[dice.randrange(len(out))] = dice.randrange(256)
    elif kind == 1:
        del out[dice.randrange(len(out)) :]
    elif kind == 2:
        place = dice.randrange(len(out))
        out[place:place] = dice.randbytes(dice.randrange(1, 400))
    elif kind == 3:
        place = dice.randrange(len(out))
        del out[place : place + dice.randrange(1, 400)]
    elif kind == 4:
        place = dice.randrange(len(out))
        out[place : place + 500] = bytes(min(500, len(out) - place))
    else:  # numbers of the boxes at the end or the front: sizes, times, counts
        for _ in range(dice.randrange(1, 8)):
            place = dice.randrange(max(1, len(out) - 4))
            out[place : place + 4] = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
    return bytes(out)


PIECES = [
    "a", "man", "woman", "dog", "cuts", "is", "running", "and", "while", "of", "in", "the", "to", "who", "'s", "n't",
    "“", "”", "’s", "...", ",", ".", "!", "?", "-", "--", "(", ")", "[", "]", "{", "}", "<b>", "&amp;", "$5", "%", "#",
    "@", "\\", "/", '"', "'", "\t", "\n", "\x00", "\x1b[31m", "\u202e", "\u2028", "\x85", "\ufeff", "é", "e\u0301", "ß",
    "犬", "\U0001f3ca\U0001f3fd\u200d\u2640\ufe0f", "\u200d", "𝓪", "٣", "1,000", "3.14", "http://a.b/c?d=e", "a_b",
    "CamelCase", "ALLCAPS", "x" * 60, "ſ", "İ", "\ud800", "０",
]  # fmt: skip


def captions(material: Material, count: int) -> Iterator[Unit]:
    """Any string has a graph that is sound, or is refused by name; from both parsers."""
    for name in ("spacy", "neural"):
        for start in range(0, count, CAPTIONS_AT_ONCE):
            yield (
                f"{name} from {start}",
                functools.partial(_read, name, range(start, min(start + CAPTIONS_AT_ONCE, count))),
            )


@functools.cache
def _loaded(name: str) -> Any:
    """A parser, loaded before processes are forked that parse."""
    from graphvtr.text import get_parser

    return get_parser(name)


def _read(name: str, numbers: range, folder: Path) -> Iterator[Trial]:
    parser = _loaded(name)

    def trial(start: int) -> list[Outcome]:
        texts = [fuzzed(random.Random(number)) for number in range(start, min(start + TOGETHER, numbers.stop))]
        return list(_parsed(parser, texts))

    for outcome, detail in in_batch(range(numbers.start, numbers.stop, TOGETHER), trial):
        yield f"captions: {name}", outcome, detail


def fuzzed(dice: random.Random) -> str:
    """A string of words, signs and characters of all kinds."""
    if dice.random() < 0.2:
        return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0x3000), dice.randrange(0x110000))))
                       for _ in range(dice.randrange(1, 40)))  # fmt: skip
    return dice.choice((" ", "", "  ")).join(dice.choices(PIECES, k=dice.randrange(1, 16)))


def _parsed(parser: Any, texts: list[str]) -> Iterator[tuple[str, str]]:
    from graphvtr.errors import GraphVTRError

    try:
        graphs = list(parser.parse(texts))
    except Exception as error:
        if len(texts) > 1:  # which one was it?
            half = len(texts) // 2
            yield from _parsed(parser, texts[:half])
            yield from _parsed(parser, texts[half:])
        elif isinstance(error, GraphVTRError):
            yield "refused", str(error)[:200]
        else:
            yield "traceback", f"{texts[0]!r}: {error!r}"[:300]
        return
    for text, graph in zip(texts, graphs, strict=True):
        try:
            graph.validate()
            yield ("ok" if graph.caption == text else "silent"), "" if graph.caption == text else repr(text)
        except Exception as error:
            yield "silent", f"{text!r}: {error!r}"[:300]


def hostile(material: Material, count: int) -> Iterator[Unit]:
    """Every case of :mod:`benchmarks.lib.hostile` is refused, in little memory."""
    for name in list(files.CASES)[:count]:
        yield name, functools.partial(_refused, name)


def _refused(name: str, folder: Path) -> Iterator[Trial]:
    from graphvtr.errors import GraphVTRError

    place = folder / "file"

    def make() -> files.Reader:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return files.CASES[name](place)

    def read() -> int:
        reader = make()
        try:
            reader()
        except GraphVTRError as error:
            print(error, file=sys.stderr)  # after what libraries warn of
            return 2
        return 0

    made = Child(lambda: bool(make()) and 0).wait()  # the file alone
    ended = Child(read).wait()
    outcome = {"ok": "silent"}.get(ended.outcome, ended.outcome)
    if outcome == "refused" and ended.memory - made.memory > TOO_MUCH:
        outcome = "memory"
    yield "hostile files", outcome, f"{name}: {ended.told}"
