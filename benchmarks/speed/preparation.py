"""How long until captions are ready for training: 180,000 of 9,000 videos, as the training split of MSR-VTT 1k-A has.

    python benchmarks/speed/preparation.py [--videos 9000] [--models hgr vsrnet]

Captions are made of word lists, all different, with the graph that a parser would give them, and stand in a parse cache
as a run before has left it. ``read`` is from the caption texts to their packed graphs, through that cache, and
``vocabulary`` the words; each model then prepares the split as training does (its transforms, word numbers) with its
default options, and ``concepts`` is what models that predict concepts ask beside (a tagger over all captions, once a
split; from the cache, as a run before has left them). ``ready`` is the sum. Aim: under 10 s for every model. Seconds of
the clock, and of the processor (``cpu``).
"""

from __future__ import annotations

import argparse
import copy
import itertools
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from benchmarks.lib.harness import max_resident, write_result
from graphvtr.datasets import RetrievalDataset
from graphvtr.datasets.parsing import parse_with
from graphvtr.datasets.source import DataSource
from graphvtr.graphs import GraphStore, VideoGraph, role_id
from graphvtr.nn.models import MODELS
from graphvtr.nn.models.concept_model import ConceptModel
from graphvtr.tasks import build_model, make_vocabulary
from graphvtr.tasks.concepts import concepts_of
from graphvtr.tasks.prepare import prepare_training
from graphvtr.text import PARSERS, GraphLists, ListParser

CAPTIONS_A_VIDEO, FRAMES, REGIONS, WIDTH = 20, 4, 2, 16
NOUNS = (
    "dog cat man woman boy girl bird car horse ball box chef player singer band crowd phone guitar onion bowl"
).split()
KINDS = "red blue small large young old tall short white black brown happy wet fast slow".split()
VERBS = "chases holds pushes carries plays throws cuts watches lifts cleans paints follows".split()
PLACES = "kitchen park street garden studio field room pool stage forest".split()


@PARSERS.register("of_the_benchmark")
class Templates(ListParser):
    """``a red dog 17 chases the small cat in the park``: the action and its three arguments stand at known places."""

    name, version = "of_the_benchmark", "1"

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """One graph a caption."""
        for caption in captions:
            spans = (("ARG0", [0, 1, 2, 3]), ("ARG1", [5, 6, 7]), ("ARGM-LOC", [8, 9, 10]))
            entities = sorted((role_id(role), span) for role, span in spans)
            fills = [(number, 0, role) for number, (role, _) in enumerate(entities)]
            yield GraphLists(caption, caption.split(), [[4]], entities, fills)


def corpus(videos: int) -> list[str]:
    """Captions, all different, in an order drawn once."""
    parts = itertools.product(KINDS, NOUNS, VERBS, KINDS, NOUNS, PLACES)
    made = [
        f"a {kind} {noun} {number % 97} {verb} the {other} {thing} in the {place}"
        for number, (kind, noun, verb, other, thing, place) in enumerate(itertools.islice(parts, 0, None, 37))
    ]
    random.Random(0).shuffle(made)
    return made[: videos * CAPTIONS_A_VIDEO]


def clips(videos: int) -> GraphStore[VideoGraph]:
    """Small features: reading features is another benchmark (speed/loading.py)."""
    region_frame = torch.arange(FRAMES).repeat_interleave(REGIONS)
    box = torch.tensor([[0.1, 0.1, 0.5, 0.5]]).repeat(FRAMES * REGIONS, 1)
    graphs = (
        VideoGraph.build(
            torch.randn(FRAMES, WIDTH),
            region_x=torch.randn(FRAMES * REGIONS, WIDTH),
            region_box=box,
            region_frame=region_frame,
            name=str(number),
        )
        for number in range(videos)
    )
    return GraphStore.from_graphs(list(graphs))


class Clock:
    """Seconds since it was made, of the clock and of the processor."""

    def __init__(self) -> None:
        self.began = time.perf_counter(), time.process_time()

    def told(self) -> dict[str, float]:
        return {"seconds": time.perf_counter() - self.began[0], "cpu": time.process_time() - self.began[1]}


def main() -> None:
    """Every model on one split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=9000)
    parser.add_argument("--models", nargs="*", metavar="MODEL", help="default: all")
    args = parser.parse_args()
    texts = corpus(args.videos)
    names = [str(number) for number in range(args.videos)]
    owner = torch.arange(args.videos).repeat_interleave(CAPTIONS_A_VIDEO)[: len(texts)]
    videos = clips(args.videos)
    with tempfile.TemporaryDirectory() as folder:
        source = DataSource(parser="of_the_benchmark", cache=folder)
        parse_with(texts, source)
        clock = Clock()
        graphs, _ = parse_with(texts, source)
        read = clock.told()
    dataset = RetrievalDataset("made", "train", names, texts, owner, videos, graphs)
    clock = Clock()
    vocabulary = make_vocabulary(dataset)
    words = clock.told()
    print(f"{len(texts):,} captions: read {read['seconds']:.2f} s, {len(vocabulary):,} words {words['seconds']:.2f} s")
    clock = Clock()
    concepts_of(dataset)
    found = clock.told()
    dataset, clock = copy.copy(dataset), Clock()  # another dataset object: what the first has found lies on disk alone
    concepts_of(dataset)
    concepts = clock.told()
    print(
        f"concepts, for models that predict them: {concepts['seconds']:.2f} s from the cache, "
        f"{found['seconds']:.2f} s before (found, unless a run before has left them)",
        flush=True,
    )
    rows: list[dict[str, Any]] = []
    for name in args.models or list(MODELS):
        model = build_model(name, dataset, vocabulary)
        clock = Clock()
        prepare_training(dataset, model, vocabulary)
        own = clock.told()
        labelled = isinstance(model, ConceptModel) and len(model.concepts) > 0
        parts = [read, words, own, *([concepts] if labelled else [])]
        ready = {key: sum(part[key] for part in parts) for key in own}
        rows.append({"model": name, "prepare": own, "labelled": labelled, "ready": ready})
        print(
            f"{name:16} prepared {own['seconds']:6.2f} s, ready {ready['seconds']:6.2f} s (cpu {ready['cpu']:.2f} s)"
            f"{', its concepts with it' if labelled else ''}",
            flush=True,
        )
    head = {"captions": len(texts), "videos": args.videos, "read": read, "vocabulary": words}
    head |= {"concepts": concepts, "concepts_before": found}
    write_result("preparation", rows, **head, peak_memory_gb=max_resident() / 1e9)


if __name__ == "__main__":
    main()
