"""Draw the figures of docs/guides/gallery.rst again.

    python docs/make_gallery.py --msvd ../shared/data/msvd98 --store STORE --msvd-checkpoint runs/msvd/best.ckpt \
        --scenes-checkpoint runs/scenes/best.ckpt

The page says which commands train the two models. Real captions are those of MSVD's test clips; of real clips only
names, captions and numbers are drawn, never their frames. Queries are drawn at random (seed 0); the captions whose
graphs are shown were chosen by hand, each for what it shows.
"""

from __future__ import annotations

import argparse
import io
import logging
from pathlib import Path
from typing import Any

import matplotlib
import torch
from PIL import Image

from graphvtr.datasets import DataSource, RetrievalDataset
from graphvtr.graphs import RoleGraph
from graphvtr.metrics import RetrievalRanks
from graphvtr.nn import HGR
from graphvtr.plot import (
    Retrieved,
    phrase_frame_weights,
    plot_curves,
    plot_phrase_frames,
    plot_rank_histogram,
    plot_role_attention,
    plot_role_graph,
    role_attention,
    role_graph_html,
    word_attention,
)
from graphvtr.plot.clips import frames_of
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.curves import read_curves
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.open import dataset_for
from graphvtr.tasks.prepare import prepare
from graphvtr.text import Vocabulary, get_parser

MOST_BYTES = 150_000
GRAPHS = {
    "simple": "a man is riding a horse by a creek",
    "passive": "a man is surprised by a crowd of people who chase him down an alley",
    "misread": "medical personnel wheel a woman into a hospital room",
}
ATTENTION = {
    "two": "a man is lifting and pushing a tyre",
    "many": "a man and a woman are holding each other and gently rocking as she sings a song and he whistles a tune",
    "long": "a man is basting and seasoning a roast prior to placing it in the oven and then preparing another sauce "
    "for the roast",
}
FRAMES = "a young man opens a package containing headphones that he received in the mail for free"
QUERIES, TOP = 4, 3


def save(figure: Any, path: Path, dpi: int = 90) -> None:
    """Write a small PNG: few colours are enough for drawings."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=dpi)
    picture = Image.open(drawn).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    assert size < MOST_BYTES, f"{path} has {size} bytes"
    print(f"{path}: {size // 1000} kB")


class Gallery:
    """A trained model on the test split of its dataset, and the figures that show it."""

    def __init__(self, checkpoint: Path, data: str, source: DataSource, out: Path, prefix: str) -> None:
        model = load(checkpoint)
        self.dataset = dataset_for(model, data, "test", source)
        self.vocabulary = model.vocabulary
        assert isinstance(model, HGR), f"{checkpoint} is no HGR"
        self.model, self.checkpoint, self.out, self.prefix = model, checkpoint, out, prefix
        prepared = prepare(self.dataset, model, self.vocabulary)
        with torch.inference_mode():
            video, text = encode_videos(model, prepared.video_graphs), encode_texts(model, prepared.role_graphs)
            self.levels = model.level_scores(video, text)
            self.scores = model.fuse(self.levels)

    def save(self, figure: Any, name: str) -> None:
        save(figure, self.out / f"{self.prefix}_{name}.png")

    def graph(self, caption: str) -> RoleGraph:
        return encoded(self.dataset, caption, self.model, self.vocabulary)

    def attention(self, caption: str, name: str) -> None:
        self.save(plot_role_attention(self.model, self.graph(caption), words=True).figure, name)

    def page(self, caption: str, name: str) -> None:
        graph = self.graph(caption)
        attention, words = role_attention(self.model, graph), word_attention(self.model, graph)
        page = role_graph_html(graph, attention=attention, word_weights=words)
        (self.out / f"{self.prefix}_{name}.html").write_text(page, encoding="utf-8")

    def frames(self, caption: str) -> None:
        index = int(self.dataset.video_of_caption[self.dataset.captions.index(caption)])
        video = self.model.transform_video(self.dataset.video_graphs[index])
        weights, phrases = phrase_frame_weights(self.model, self.graph(caption), video)
        times = video["frame"].time.tolist()
        pictures = frames_of(self.dataset, index, times)
        title = f"{caption} — {self.dataset.videos[index]}"
        self.save(plot_phrase_frames(weights, phrases, times=times, frames=pictures, title=title).figure, "frames")

    def galleries(self) -> None:
        found = Retrieved(self.dataset, self.scores, self.levels, self.model.levels)
        for direction, count in (("t2v", len(self.dataset.captions)), ("v2t", len(self.dataset.videos))):
            queries = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:QUERIES].tolist()
            self.save(found.plot(queries, direction, top=TOP), direction)  # type: ignore[arg-type]

    def ranks_and_curves(self) -> None:
        ranks = RetrievalRanks(self.dataset.video_of_caption, *self.scores.shape)
        ranks.add_positives(self.scores)
        ranks.add(self.scores)
        shown = {"text to video": ranks.ranks()[0].best.numpy().astype(int)}
        self.save(plot_rank_histogram(shown, items=len(self.dataset.videos)).figure, "ranks")
        curves = read_curves(self.checkpoint.parent)
        self.save(plot_curves({"HGR, 57 clips": curves["val/rsum"]}).figure, "curves")


def encoded(dataset: RetrievalDataset, caption: str, model: HGR, vocabulary: Vocabulary) -> RoleGraph:
    """A caption's graph as the model sees it; the caption must be one of the dataset."""
    return model.transform_text(vocabulary.encode(dataset.role_graphs[dataset.captions.index(caption)].clone()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--msvd", type=Path, required=True, help="folder of MSVD's captions and lists")
    parser.add_argument("--store", type=Path, required=True, help="its frame features")
    parser.add_argument("--msvd-checkpoint", type=Path, required=True)
    parser.add_argument("--scenes-checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    matplotlib.use("Agg")
    for name, caption in GRAPHS.items():
        graph = get_parser("spacy").parse_one(caption)
        save(plot_role_graph(graph, words=True).figure, arguments.out / f"msvd_{name}.png")
    source = DataSource(root=arguments.msvd, store=arguments.store)
    real = Gallery(arguments.msvd_checkpoint, "msvd", source, arguments.out, "msvd")
    for name, caption in ATTENTION.items():
        real.attention(caption, name)
    real.page(ATTENTION["many"], "many")
    real.frames(FRAMES)
    real.galleries()
    real.ranks_and_curves()
    scenes = Gallery(arguments.scenes_checkpoint, "moving_scenes", DataSource(), arguments.out, "scenes")
    longest = max(scenes.dataset.captions, key=len)
    scenes.attention(longest, "attention")
    scenes.frames(longest)
    scenes.galleries()


if __name__ == "__main__":
    main()
