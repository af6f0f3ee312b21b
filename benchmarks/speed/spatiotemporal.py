"""The spatio-temporal transformer: time and peak memory, forward and training, against what else there is.

    python benchmarks/speed/spatiotemporal.py                  # 1 video x 26 frames x 36 regions x 1024, L = 1, 2, 4
    python benchmarks/speed/spatiotemporal.py --videos 64      # as the paper trains: a GPU, or 100 GB and an afternoon

- ``ours``: L blocks among the regions of each frame, L among the frames of each video, by pointers
- ``ours, ragged``: as many regions in all, 0 to 72 a frame
- ``joint``: L blocks of PyTorch's attention over all T N regions of a video
- ``TransformerConv``: our blocks with PyG's layer in place of the attention, on materialised edges
- ``floor``: nothing but the matrix products of ours (maps, scores, weighted sums), one after another

Time and memory grow with the number of videos and with nothing else in it, so one video a call says what 64 cost per
video. Medians; ratios are to the floor of the same run. Growth in T and N is measured at width 256.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import TransformerConv

from benchmarks.lib.harness import RESULTS, measure, peak_memory, write_result
from graphvtr.nn import SpatioTemporalTransformer, TransformerBlock
from graphvtr.nn.conv.complete_graph_attention import complete_edge_index

HEADS = 8
NAMES = ("ours", "ours, ragged", "joint", "TransformerConv", "floor")


class EdgeBlock(nn.Module):
    """A transformer block whose attention is PyG's TransformerConv."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.conv = TransformerConv(width, width // HEADS, heads=HEADS, root_weight=False)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = x + self.out(self.conv(self.first(x), edge_index))
        return x + self.mlp(self.second(x))


class Floor(nn.Module):
    """The matrix products of a block over [S, n, D] and no more."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = ((width, 3 * width), (width, width), (width, 4 * width), (4 * width, width))
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(*size) * 0.02) for size in sizes)

    def forward(self, x: Tensor) -> Tensor:
        groups, count, width = x.shape
        rows = x.reshape(-1, width)
        parts = (rows @ self.weights[0]).view(groups, count, 3, HEADS, -1)
        q, k, v = (parts[:, :, part].transpose(1, 2) for part in range(3))  # [S, H, n, D / H]
        context = ((q @ k.transpose(2, 3)) @ v).transpose(1, 2).reshape(-1, width)
        return (context @ self.weights[1] @ self.weights[2] @ self.weights[3]).view(x.shape)


def make(
    name: str, videos: int, frames: int, regions: int, width: int, layers: int
) -> tuple[Callable[[], Tensor], nn.Module]:
    """The forward pass of one candidate, and its parameters."""
    x = torch.randn(videos * frames * regions, width)
    frame_ptr = torch.arange(videos + 1) * frames
    if name.startswith("ours"):
        model: nn.Module = SpatioTemporalTransformer(width, layers, HEADS)
        count = torch.full((videos * frames,), regions)
        if name == "ours, ragged":
            count[::2] = torch.arange(len(count[::2])) % (2 * regions + 1)
            count[1::2] = 2 * regions - count[::2][: len(count[1::2])]
        region_ptr = torch.cat([count.new_zeros(1), count.cumsum(0)])
        x = x[: int(region_ptr[-1])]
        return lambda: model(x, region_ptr, frame_ptr), model
    if name == "joint":
        model = nn.ModuleList(TransformerBlock(width, HEADS) for _ in range(layers))
        dense = x.view(videos, frames * regions, width)
        return lambda: _chain(model, dense), model
    z = torch.randn(videos * frames, width)
    if name == "floor":
        model = nn.ModuleList(Floor(width) for _ in range(2 * layers))
        spatial, temporal = x.view(-1, regions, width), z.view(videos, frames, width)
        return lambda: _chain(model[:layers], spatial).mean() + _chain(model[layers:], temporal).mean(), model
    model = nn.ModuleList(EdgeBlock(width) for _ in range(2 * layers))
    region_edges = complete_edge_index(torch.arange(videos * frames + 1) * regions)
    frame_edges = complete_edge_index(frame_ptr)

    def by_edges() -> Tensor:
        out = _chain(model[:layers], x, region_edges)
        return _chain(model[layers:], out.view(-1, regions, width).mean(1), frame_edges)

    return by_edges, model


def _chain(blocks: nn.ModuleList, x: Tensor, *arguments: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, *arguments)
    return x


def run(name: str, sizes: tuple[int, int, int, int, int], seconds: float, memory: bool = True) -> dict[str, Any]:
    """Time and memory of one candidate, forward alone and a training step."""
    forward, model = make(name, *sizes)

    def no_grad() -> None:
        with torch.no_grad():
            forward()

    def train() -> None:
        forward().square().mean().backward()
        model.zero_grad(set_to_none=True)

    first = sizes[-1] == 1  # deeper stacks are slow enough to need no warming up
    options = {"seconds": seconds, "min_calls": 3 if first else 2, "warmup": int(first)}
    row: dict[str, Any] = {"forward": measure(no_grad, **options), "train": measure(train, **options)}
    if memory:
        row |= {"forward_bytes": peak_memory(no_grad), "train_bytes": peak_memory(train)}
    return row


def table(arguments: argparse.Namespace, rows: list[dict[str, Any]]) -> Iterator[None]:
    """All candidates for every L that ``rows`` does not have yet; they are added L by L."""
    sizes = (arguments.videos, arguments.frames, arguments.regions, arguments.width)
    for layers in arguments.layers:
        if any(row["L"] == layers for row in rows):
            continue
        found = {name: run(name, (*sizes, layers), arguments.seconds) for name in NAMES}
        floor, edges = found["floor"], found["TransformerConv"]
        for name, row in found.items():
            ratios = {f"{kind}_over_floor": row[kind].median / floor[kind].median for kind in ("forward", "train")}
            share = {f"{kind}_of_edges": row[f"{kind}_bytes"] / edges[f"{kind}_bytes"] for kind in ("forward", "train")}
            rows.append({"L": layers, "name": name, **row, **ratios, **share})
            print(
                f"L {layers}  {name:16} forward {row['forward'].median:6.2f} s ({ratios['forward_over_floor']:.2f})  "
                f"train {row['train'].median:6.2f} s ({ratios['train_over_floor']:.2f})  "
                f"peak {row['forward_bytes'] / 1e6:6.0f} {row['train_bytes'] / 1e6:6.0f} MB "
                f"({share['forward_of_edges']:.2f} {share['train_of_edges']:.2f} of TransformerConv's)",
                flush=True,
            )
        yield


def kept(sizes: dict[str, int]) -> dict[str, Any]:
    """What an earlier run of these sizes has written, so that a run that was stopped goes on."""
    path = RESULTS / "spatiotemporal.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    return found if found.get("sizes") == sizes else {"rows": [], "growth": []}


def growth(seconds: float) -> list[dict[str, Any]]:
    """Training time and memory as T and N grow."""
    rows: list[dict[str, Any]] = []
    cases = [("T", (1, frames, 36, 256, 1)) for frames in (8, 16, 32, 64)]
    cases += [("N", (1, 26, regions, 256, 1)) for regions in (9, 18, 36, 72)]
    for axis, sizes in cases:
        for name in ("ours", "joint", "TransformerConv", "floor"):
            row = run(name, sizes, seconds)
            rows.append({"axis": axis, "T": sizes[1], "N": sizes[2], "name": name, **row})
            print(f"{axis}: T {sizes[1]} N {sizes[2]} {name:16} train {row['train'].median:.3f} s", flush=True)
    return rows


def draw(rows: list[dict[str, Any]]) -> None:
    """The growth as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib import ticker

    figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", sharex="col", sharey="row")
    colours = {"ours": "#0072B2", "joint": "#D55E00", "TransformerConv": "#009E73", "floor": "#999999"}
    units = (
        ("training step, s", lambda row: row["train"]["median"]),
        ("peak memory, MB", lambda row: row["train_bytes"] / 1e6),
    )
    for column, (axis, label) in enumerate(
        (("T", "frames T (36 regions each)"), ("N", "regions a frame N (26 frames)"))
    ):
        for line, (unit, value) in enumerate(units):
            ax = axes[line, column]
            for name, colour in colours.items():
                chosen = [row for row in rows if row["axis"] == axis and row["name"] == name]
                style = "--" if name == "floor" else "-"
                ax.plot(
                    [row[axis] for row in chosen], [value(row) for row in chosen], f"o{style}", color=colour, label=name
                )
            ax.set_xscale("log", base=2)
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
            ticks = sorted({row[axis] for row in rows if row["axis"] == axis})
            ax.set_xticks(ticks, [str(tick) for tick in ticks])
            ax.minorticks_off()
            ax.grid(alpha=0.3)
            ax.set_ylabel(unit if column == 0 else "")
            if line == 1:
                ax.set_xlabel(label)
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.suptitle("one video, width 256, L = 1", fontsize=10)
    path = RESULTS / "spatiotemporal_growth.png"
    figure.savefig(path, dpi=130)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=1)
    parser.add_argument("--frames", type=int, default=26)
    parser.add_argument("--regions", type=int, default=36)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=1.0, help="a timing lasts so long, and three calls at least")
    parser.add_argument("--try-out", action="store_true", help="nothing is written")
    parser.add_argument("--fresh", action="store_true", help="measure again what is there")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    sizes = {name: getattr(arguments, name) for name in ("videos", "frames", "regions", "width")}
    found = {"rows": [], "growth": []} if arguments.fresh or arguments.try_out else kept(sizes)
    rows, grown = found["rows"], found["growth"]
    for _ in table(arguments, rows):
        if not arguments.try_out:
            write_result("spatiotemporal", rows, growth=grown, sizes=sizes)
    if arguments.try_out:
        return
    if not grown:
        grown = growth(arguments.seconds / 2)
        write_result("spatiotemporal", rows, growth=grown, sizes=sizes)
    draw(json.loads((RESULTS / "spatiotemporal.json").read_text())["growth"])


if __name__ == "__main__":
    main()
