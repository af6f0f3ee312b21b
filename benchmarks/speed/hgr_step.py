"""One HGR training step against its bare matrix products.

    python benchmarks/speed/hgr_step.py

A step is encoding both sides, the loss, the backward pass and Adam. The floor is every matrix product that the
mathematics asks for, forward and backward, each at its shape, by PyTorch's own product, nothing else; both are timed in
turn in one run, so that a busy machine slows both. Where ours multiplies by oneDNN (``graphvtr kernels`` says so) it
may go below, and stands against the same products by oneDNN too.
Sizes are the released ones: 64 pairs, 20 frames x 2048, 30 words, D = 1024.
Memory is kept between steps as ``graphvtr train`` keeps it. In the same turns the released variant is computed as its
formulas read (``lib/hgr_plain.py``: padded, dense, PyTorch's network and Adam), with the same weights and loss.
Aims: a step takes at most 1.3 times the floor, and at most a third of the plain way.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from benchmarks.lib.harness import peak_memory, write_result
from benchmarks.lib.hgr_plain import PlainHGR
from graphvtr.freed_memory import keep_freed_memory
from graphvtr.graphs import ROLES, GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import HGR
from graphvtr.nn.encoders.recurrent import run_bidirectional
from graphvtr.ops.products import times

VOCAB, FRAMES, VIDEO_DIM, ACTIONS, ENTITIES = 10_000, 20, 2048, 4, 6


@dataclass(frozen=True)
class Product:
    """``count`` calls of ``batch`` products [m, k] x [k, n]; ``layout``: each factor stored as it is, or transposed."""

    what: str
    m: int
    k: int
    n: int
    layout: str = "nn"
    count: int = 1
    batch: int = 1

    @property
    def flops(self) -> int:
        return 2 * self.m * self.k * self.n * self.count * self.batch

    def operands(self, device: torch.device) -> tuple[Tensor, Tensor]:
        def matrix(rows: int, columns: int, layout: str) -> Tensor:
            shape = (rows, columns) if layout == "n" else (columns, rows)
            full = torch.randn((self.batch, *shape) if self.batch > 1 else shape, device=device)
            return full if layout == "n" else full.transpose(-1, -2)

        return matrix(self.m, self.k, self.layout[0]), matrix(self.k, self.n, self.layout[1])


def linear(
    what: str, rows: int, inputs: int, outputs: int, *, input_grad: bool = True, count: int = 1
) -> list[Product]:
    """y = x W': the product itself, the gradient of W, and that of x."""
    products = [
        Product(f"{what}, forward", rows, inputs, outputs, "nt", count),
        Product(f"{what}, weight gradient", outputs, rows, inputs, "tn", count),
    ]
    if input_grad:
        products.append(Product(f"{what}, input gradient", rows, outputs, inputs, "nn", count))
    return products


def products(model: HGR, lengths: list[int]) -> Iterator[Product]:
    """Every matrix product of a step, from the sizes alone."""
    config = model.config
    width, words, captions = config["hidden"], sum(lengths), len(lengths)
    frames, gates = captions * FRAMES, 4 if config["rnn"] == "lstm" else 3
    nodes = captions * (1 + ACTIONS + ENTITIES)
    yield from linear("gates of the words", words, config["word_dim"], gates * width, count=2)
    steps = Counter(sum(length > step for length in lengths) for step in range(max(lengths)))
    for rows, count in steps.items():  # the faster orientation of few rows and a large weight
        yield Product("recurrence, forward", gates * width, width, rows, "nt", 2 * count)
        yield Product("recurrence, input gradient", rows, gates * width, width, "nn", 2 * count)
    yield Product("recurrence, weight gradient", gates * width, words, width, "tn", 2)
    yield from linear("attention of the words", words, width, 1)
    query = config["attention_channels"] or width
    yield from linear("queries and keys", nodes, width, query, count=2 * config["num_layers"])
    yield from linear("contexts", nodes, width, width, count=config["num_layers"])
    yield from linear("video maps", frames, config["video_dim"], width, input_grad=False, count=3)
    yield from linear("attention of the frames", frames, width, 1)
    yield from linear("cosines of the events", captions, width, captions)
    for count in (ACTIONS * captions, ENTITIES * captions):
        yield from linear("similarities of nodes and frames", count, width, frames)
        if config["fusion"] == "embed":
            yield Product("Gram matrices, forward", FRAMES, width, FRAMES, "nt", batch=captions)
            yield Product("Gram matrices, gradient", FRAMES, FRAMES, width, "nn", batch=captions)
            yield Product("norms, forward", count, FRAMES, FRAMES, "nn", batch=captions)
            yield Product("norms, weight gradient", FRAMES, count, FRAMES, "tn", batch=captions)


def floor(listed: list[Product], device: torch.device, quickest: bool = False) -> Callable[[], None]:
    """A call that runs every product as often as a step needs it, by PyTorch's own or by the quickest library here."""
    prepared = []
    for product in listed:
        left, right = product.operands(device)
        prepared.append((left, right, torch.empty_like(left @ right), product.count))

    def run() -> None:
        for left, right, out, count in prepared:
            for _ in range(count):
                if quickest and left.dim() == 2:
                    times(left, right.t())
                else:
                    torch.matmul(left, right, out=out)

    return run


def inputs(lengths: list[int], device: torch.device) -> tuple[VideoGraph, RoleGraph]:
    """As many clips as captions; every caption with as many actions and entities as the released code keeps."""
    captions = []
    for length in lengths:
        actions = [[min(length - 1, 1 + 6 * i)] for i in range(ACTIONS)]
        entities = [(i % (len(ROLES) - 1) + 1, [j % length for j in (4 * i, 4 * i + 1)]) for i in range(ENTITIES)]
        fills = [(i, j % ACTIONS) for i in range(ENTITIES) for j in (i, i + 1)]
        graph = RoleGraph.build(["word"] * length, actions, entities, fills)
        graph["word"].id = torch.randint(3, VOCAB, (length,))
        captions.append(graph)
    clips = [VideoGraph.build(torch.randn(FRAMES, VIDEO_DIM)) for _ in lengths]
    every = range(len(lengths))
    video, text = GraphStore.from_graphs(clips).batch(every), GraphStore.from_graphs(captions).batch(every)
    return video.to(device), text.to(device)


def training_steps(model: HGR, lengths: list[int], device: torch.device, plain: bool) -> dict[str, Callable[[], None]]:
    """Calls that train one step on always the same batch: ours and, with ``plain``, the plain way's."""
    video, text = inputs(lengths, device)
    pairs = torch.arange(len(lengths), device=device)

    def ours() -> Tensor:
        return model.loss(model.encode_video(video), model.encode_text(text), pairs)["loss"]

    def run(loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    steps = {"step": partial(run, ours, torch.optim.Adam(model.parameters(), lr=1e-4, fused=True))}
    if plain:
        rival = partial(PlainHGR(model, video, text).loss, pairs)
        with torch.no_grad():
            model.eval()  # without dropout they agree
            torch.testing.assert_close(rival(), ours(), rtol=1e-3, atol=1e-3)
            model.train()
        steps["plain"] = partial(run, rival, torch.optim.Adam(model.parameters(), lr=1e-4))
    return steps


def in_turn(calls: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each call, all of them once a repeat, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if repeat:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def spread(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=5)
    return {"median": statistics.median(values), "p20": cuts[0], "p80": cuts[3]}


def time_model(
    name: str, model: HGR, lengths: list[int], repeats: int, device: torch.device, plain: bool = False
) -> dict[str, Any]:
    listed = list(products(model, lengths))
    steps = training_steps(model.to(device).train(), lengths, device, plain and device.type == "cpu")
    floors = {"products": floor(listed, device), "quickest": floor(listed, device, quickest=True)}
    seconds = in_turn({**steps, **floors}, repeats)
    ratios, to_quickest = (
        [a / b for a, b in zip(seconds["step"], seconds[name], strict=True)] for name in ("products", "quickest")
    )
    row = {
        "model": name,
        "pairs": len(lengths),
        "words": sum(lengths),
        "repeats": repeats,
        "step_seconds": spread(seconds["step"]),
        "products_seconds": spread(seconds["products"]),
        "ratio": spread(ratios),
        "quickest_products_seconds": spread(seconds["quickest"]),
        "ratio_to_quickest": spread(to_quickest),
        "peak_bytes": peak_memory(steps["step"]),
        "parameter_bytes": sum(p.numel() * p.element_size() for p in model.parameters()),
        "gflop": sum(product.flops for product in listed) / 1e9,
    }
    if "plain" in steps:
        row["plain_seconds"] = spread(seconds["plain"])
        row["plain_over_step"] = spread([a / b for a, b in zip(seconds["plain"], seconds["step"], strict=True)])
        row["plain_peak_bytes"] = peak_memory(steps["plain"])
        print(f"{name:<24} the plain way takes {row['plain_over_step']['median']:.2f} times as long")
    print(
        f"{name:<24} step {row['step_seconds']['median'] * 1e3:8.1f} ms   products "
        f"{row['products_seconds']['median'] * 1e3:8.1f} ms   ratio {row['ratio']['median']:.2f} "
        f"({row['ratio']['p20']:.2f}-{row['ratio']['p80']:.2f}; to the quickest products "
        f"{row['ratio_to_quickest']['median']:.2f})   peak {row['peak_bytes'] / 2**20:.0f} MiB"
    )
    return row


def time_recurrence(network: type[nn.LSTM | nn.GRU], lengths: list[int], repeats: int) -> dict[str, Any]:
    """Forward and backward pass of the word encoder's network, ours and PyTorch's, in turn, on the CPU."""
    rnn, lengths = network(300, 1024, bidirectional=True), sorted(lengths, reverse=True)
    sizes = torch.tensor([sum(length > step for length in lengths) for step in range(lengths[0])])
    x = torch.randn(sum(lengths), 300, requires_grad=True)

    def train(run: Callable[[], Tensor]) -> None:
        rnn.zero_grad(set_to_none=True)
        run().sum().backward()

    seconds = in_turn(
        {
            "ours": lambda: train(lambda: run_bidirectional(rnn, x, sizes)),
            "pytorch": lambda: train(lambda: rnn(PackedSequence(x, sizes))[0].data),
        },
        repeats,
    )
    ratios = [a / b for a, b in zip(seconds["pytorch"], seconds["ours"], strict=True)]
    row = {
        "network": network.__name__,
        "words": sum(lengths),
        "steps": lengths[0],
        "ours_seconds": spread(seconds["ours"]),
        "pytorch_seconds": spread(seconds["pytorch"]),
        "speedup": spread(ratios),
    }
    print(
        f"{network.__name__:<5} {sum(lengths):>5} words, {lengths[0]} steps: "
        f"ours {row['ours_seconds']['median'] * 1e3:7.1f} ms   "
        f"PyTorch {row['pytorch_seconds']['median'] * 1e3:7.1f} ms   speedup {row['speedup']['median']:.2f}"
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--words", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, help="CPU threads; PyTorch's default when not given")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    load = os.getloadavg()[0]  # of the machine before the benchmark: other work makes absolute times worthless
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    full = [arguments.words] * arguments.pairs
    ragged = [5 + (7 * i) % (arguments.words - 4) for i in range(arguments.pairs)]
    rows = [
        time_model("released", HGR.released(VOCAB, VIDEO_DIM), full, arguments.repeats, device, True),
        time_model("released, ragged", HGR.released(VOCAB, VIDEO_DIM), ragged, arguments.repeats, device, True),
        time_model("paper", HGR(VOCAB, VIDEO_DIM), full, arguments.repeats, device),
    ]
    networks = [time_recurrence(n, lengths, arguments.repeats) for n in (nn.GRU, nn.LSTM) for lengths in (full, ragged)]
    shapes = [vars(product) for product in products(HGR.released(VOCAB, VIDEO_DIM), full)]
    write_result(
        "hgr_step",
        rows,
        word_networks=networks,
        products_of_the_released_step=shapes,
        frames=FRAMES,
        video_dim=VIDEO_DIM,
        aim_ratio=1.3,
        aim_plain_over_step=3.0,
        load_before=load,
    )


if __name__ == "__main__":
    main()
