"""Draw the diagrams of the models' pages: how a clip and a caption become levels, and how levels are matched.

python docs/make_diagrams.py [MODEL ...]        # docs/images/model_NAME.png
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

OUT = Path(__file__).parent / "images"
VIDEO, TEXT, LEVEL, INK = "#dbe9f6", "#fde7d3", "#e3f1dc", "#1f2933"
WIDTH, HEIGHT, GAP = 3.3, 0.62, 0.36  # of a box, inches


@dataclass(frozen=True)
class Diagram:
    """Steps from top to bottom on both sides, and levels as (video's view, match, caption's view)."""

    video: tuple[str, ...]
    text: tuple[str, ...]
    levels: tuple[tuple[str, str, str], ...]
    score: str
    note: str = ""


WORDS = "words: embedding"
MODELS = {
    "hgr": Diagram(
        ("frames, 2D features", "three linear maps, one a level"),
        (
            "role graph: event, actions, entities",
            "words: embedding, BiLSTM\nnode = max over its words x role",
            "graph attention along roles, 2 layers",
        ),
        (
            ("attended frames", "event: cosine", "event"),
            ("every frame", "action: local attention", "actions"),
            ("every frame", "entity: local attention", "entities"),
        ),
        "mean of the three scores",
    ),
    "visern": Diagram(
        (
            "regions of every frame",
            "complete graph of a frame:\nrandom-walk graph convolution",
            "mean of the regions = a frame",
            "mean, BiGRU, convolutions",
        ),
        (WORDS, "bag of words, BiGRU, convolutions"),
        (("one vector", "cosine", "one vector"),),
        "cosine in the common space",
    ),
    "vsrnet": Diagram(
        (
            "regions of every frame; frames as a whole",
            "attention: regions within frames, then frames;\nbeside it: whole frames",
        ),
        ("BERT's tokens, frozen or fine-tuned", "attention pooling, one a branch"),
        (
            ("relations of regions", "local: cosine", "caption"),
            ("frames as a whole", "global: cosine", "caption"),
        ),
        "λ local + (1 − λ) global",
    ),
    "mcsan": Diagram(
        ("frames, 2D features", "a residual map for every level"),
        ("role graph; Sentence-BERT", "words: embedding, BiLSTM, graph attention"),
        (
            ("soft attention, BiGRU", "global: holographic", "Sentence-BERT"),
            ("convolution of width 1", "entity: cosines", "entity nodes"),
            ("convolutions of width 2, 3, 5", "action: cosines", "action nodes"),
            ("transformer block, mean", "relationship: cosine", "transformer block over words"),
        ),
        "mean of the four scores",
        "entity, action and relationship: heads shared by both sides name concepts (focal loss, alignment)",
    ),
    "hanet": Diagram(
        ("frames, 2D features", "HGR's three maps; the concepts of every frame"),
        ("role graph; words: embedding, BiGRU", "graph attention; the concepts of every word"),
        (
            ("attended frames", "event: cosine", "event"),
            ("frames of the likeliest concepts", "local attention", "actions, entities after reasoning"),
            ("every frame", "local attention", "actions, entities before reasoning"),
            ("concepts of the clip", "Jaccard similarity", "concepts of the caption"),
        ),
        "half features, half concepts",
    ),
    "dual_encoding": Diagram(
        ("frames, 2D features", "1: mean   2: BiGRU   3: convolutions over time"),
        (WORDS, "1: bag of words   2: BiGRU   3: convolutions"),
        (("three levels joined, one map", "cosine", "three levels joined, one map"),),
        "cosine in the common space",
    ),
    "graphvtr": Diagram(
        ("frames and regions", "mean of frames; frames; regions:\nrandom walk over each frame"),
        (
            "role graph; a frozen language model",
            "sentence, bag of pieces; words of each role;\ngraph attention along roles",
        ),
        (
            ("mean frame", "start: a closed form", "sentence, bag of pieces"),
            ("nearness to training captions", "hubs: taken off again", "nearness to training clips"),
            ("K towers", "event: mean cosine", "sentence, words by role"),
            ("every frame", "action: local attention", "actions"),
            ("every frame and region", "entity: local attention", "entities"),
            ("every pair of regions in a frame", "relation: who, what", "action, agent, patient"),
        ),
        "start + gates x levels",
        "gates are chosen on validation after every epoch",
    ),
    "vse": Diagram(
        ("frames, 2D features", "mean, linear map"),
        (WORDS, "last state of a GRU"),
        (("one vector", "cosine", "one vector"),),
        "cosine",
    ),
}


def draw(diagram: Diagram) -> Figure:
    """Video on the left, caption on the right, levels between them at the bottom."""
    rows = max(len(diagram.video), len(diagram.text)) + 1
    levels = len(diagram.levels)
    height = (rows + levels + 1) * (HEIGHT + GAP) + (0.35 if diagram.note else 0.05)
    figure = Figure(figsize=(9.6, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 9.6)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    left, right, middle = 1.95, 7.65, 4.8
    top = height - 0.2 - HEIGHT / 2
    step = HEIGHT + GAP
    ends = {}
    for x, head, steps, colour in ((left, "clip", diagram.video, VIDEO), (right, "caption", diagram.text, TEXT)):
        y = top
        box(axes, x, y, head, colour, bold=True)
        for text in steps:
            arrow(axes, (x, y - HEIGHT / 2), (x, y - step + HEIGHT / 2))
            y -= step
            box(axes, x, y, text, colour)
        ends[x] = y
    first = top - rows * step
    for number, (seen, match, said) in enumerate(diagram.levels):
        y = first - number * step
        box(axes, left, y, seen, VIDEO, dashed=True)
        box(axes, right, y, said, TEXT, dashed=True)
        box(axes, middle, y, match, LEVEL, width=1.75)
        arrow(axes, (left + WIDTH / 2, y), (middle - 0.88, y))
        arrow(axes, (right - WIDTH / 2, y), (middle + 0.88, y))
    for x in (left, right):
        arrow(axes, (x, ends[x] - HEIGHT / 2), (x, first + HEIGHT / 2))
    last = first - (levels - 1) * step
    arrow(axes, (middle, last - HEIGHT / 2), (middle, last - step + HEIGHT / 2))
    box(axes, middle, last - step, diagram.score, LEVEL, bold=True)
    axes.text(middle, 0.25, diagram.note, ha="center", va="center", fontsize=9, color=INK, style="italic")
    return figure


def box(
    axes: Any,
    x: float,
    y: float,
    text: str,
    colour: str,
    width: float = WIDTH,
    bold: bool = False,
    dashed: bool = False,
) -> None:
    """A rounded box with its text in the middle."""
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - HEIGHT / 2),
            width,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.1",
            facecolor=colour,
            edgecolor=INK,
            linewidth=0.8,
            linestyle="--" if dashed else "-",
        )
    )
    size = 10 if len(max(text.split("\n"), key=len)) * 0.072 < width or width > 3 else 8.5
    axes.text(x, y, text, ha="center", va="center", fontsize=size, color=INK, fontweight="bold" if bold else "normal")


def arrow(axes: Any, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """From one box to the next."""
    axes.add_patch(
        FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=11, color=INK, linewidth=0.9, shrinkA=0, shrinkB=0)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=sorted(MODELS))
    for name in parser.parse_args().models:
        draw(MODELS[name]).savefig(OUT / f"model_{name}.png", dpi=100)
        print(OUT / f"model_{name}.png")


if __name__ == "__main__":
    main()
