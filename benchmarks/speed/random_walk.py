"""The random walk layer of ViSERN against other ways to compute it, and against its matrix products alone.

    python benchmarks/speed/random_walk.py                 # 16 frames of 36 regions, and one frame of 36 to 4,096
    python benchmarks/speed/random_walk.py --frames 1664   # 64 clips of 26 frames: 8 GB, many minutes on a CPU

- layer: :class:`graphvtr.nn.RandomWalkGCN`
- conv1d: the same as 1 x 1 convolutions and batched products, as such layers are usually written
- edges: PyG message passing on the materialised complete graph; left out where one message tensor passes --memory
- floor: the matrix products of Eq 1 and 12 as printed, nothing else: four maps of width d, the scores, the walk

Aims: at most 1.15 times the floor at 36 regions; linear growth in n where the low-rank form takes over. All four give
the same numbers before anything is timed.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.utils import scatter, softmax

from benchmarks.lib.harness import measure, peak_memory, write_result
from graphvtr.nn import RandomWalkGCN, RandomWalkGCNConv
from graphvtr.ops.transition import guard_degree

REGIONS = 36
PASSES = ("forward", "forward+backward")


class Conv1dWalk(nn.Module):
    """The layer in channels-first convolutions: a random walk, or rows divided by n."""

    def __init__(self, layer: RandomWalkGCNConv) -> None:
        super().__init__()
        self.affinity, self.normalization, self.eps = layer.affinity, layer.normalization, layer.eps
        d, key = layer.in_channels, layer.key_channels
        self.phi, self.theta = nn.Conv1d(d, key, 1), nn.Conv1d(d, key, 1)
        self.g, self.w = nn.Conv1d(d, d, 1, bias=False), nn.Conv1d(d, d, 1, bias=False)
        pairs = ((self.phi, layer.phi), (self.theta, layer.theta), (self.g, layer.gcn), (self.w, layer.residual))
        for conv, linear in pairs:
            conv.weight.data.copy_(linear.weight[:, :, None].detach())
            if conv.bias is not None:
                conv.bias.data.copy_(linear.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        v = x.mT.contiguous()  # [B, d, n]
        phi, theta = self.phi(v), self.theta(v)
        score = torch.bmm(phi.mT, theta) + torch.bmm(theta.mT, phi)
        if self.affinity == "exp":
            matrix = score.softmax(-1)
        else:
            matrix = F.softplus(score) if self.affinity == "softplus" else score
            row = self.normalization == "row"
            matrix = matrix / (x.size(1) if row else guard_degree(matrix.sum(-1, keepdim=True), self.eps))
        walked = torch.bmm(matrix, self.g(v).mT)
        return self.w(walked.mT).mT + x


class EdgeWalk(MessagePassing):
    """The layer by PyG's own means over edges."""

    def __init__(self, layer: RandomWalkGCNConv) -> None:
        super().__init__(aggr="sum", node_dim=0)
        self.layer = [layer]  # in a list: its parameters stay its own

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        layer = self.layer[0]
        phi, theta = layer.phi(x), layer.theta(x)
        source, target = edge_index
        score = (phi[target] * theta[source]).sum(-1) + (theta[target] * phi[source]).sum(-1)
        regions = edge_index.size(1) / len(x)
        if layer.affinity == "exp":
            weight = softmax(score, target, num_nodes=len(x))
        else:
            weight = F.softplus(score) if layer.affinity == "softplus" else score
            degree = guard_degree(scatter(weight, target, dim_size=len(x)), layer.eps)[target]
            weight = weight / (regions if layer.normalization == "row" else degree)
        return layer.residual(layer.gcn(self.propagate(edge_index, x=x, weight=weight))) + x

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        return weight[:, None] * x_j


class Floor:
    """The products of the layer, and those of its backward pass, on buffers that stand ready."""

    def __init__(self, graphs: int, n: int, d: int, key: int) -> None:
        rows = graphs * n
        self.x, self.keys = torch.randn(rows, d), torch.randn(rows, key)
        self.wide, self.narrow = torch.randn(d, d), torch.randn(d, key)
        self.matrix = torch.randn(graphs, n, n)
        self.batch, self.batch_keys = self.x.view(graphs, n, d), self.keys.view(graphs, n, key)

    def forward(self) -> None:
        for _ in range(2):
            torch.mm(self.x, self.narrow)
            torch.mm(self.x, self.wide)
        torch.bmm(self.batch_keys, self.batch_keys.mT)
        torch.bmm(self.matrix, self.batch)

    def backward(self) -> None:
        for _ in range(2):
            torch.mm(self.keys, self.narrow.T)
            torch.mm(self.x.T, self.keys)
            torch.mm(self.x, self.wide.T)
            torch.mm(self.x.T, self.x)
            torch.bmm(self.matrix, self.batch_keys)
        torch.bmm(self.matrix.mT, self.batch)
        torch.bmm(self.batch, self.batch.mT)

    def both(self) -> None:
        self.forward()
        self.backward()


def complete_edges(graphs: int, n: int) -> Tensor:
    index = torch.arange(graphs * n).view(graphs, n)
    source, target = index[:, None].expand(-1, n, -1), index[:, :, None].expand(-1, -1, n)
    return torch.stack([source.flatten(), target.flatten()])


def with_backward(call: Callable[[], Tensor], x: Tensor, module: nn.Module) -> Callable[[], None]:
    parameters, gradient = [x, *module.parameters()], torch.randn_like(x)

    def run() -> None:
        out = call()
        torch.autograd.grad(out, parameters, gradient)

    return run


def contenders(
    graphs: int, n: int, d: int, key: int, affinity: str, normalization: str, edge_limit: float
) -> Iterator[tuple[str, Callable[[], object] | None, Callable[[], object] | None]]:
    """Name, forward, and forward with backward; None where it does not fit."""
    gcn = RandomWalkGCN(d, key_channels=key, affinity=affinity, normalization=normalization)
    layer: Any = gcn.layers[0]
    x = torch.rand(graphs, n, d)  # features behind a ReLU are not negative
    x /= d**0.5 / 4  # of length about 2, so that a softmax over scores is not one-hot
    leaf = x.clone().requires_grad_()
    plain = Conv1dWalk(layer)
    edges, message_bytes = EdgeWalk(layer), 4.0 * graphs * n * n * max(d, key)
    runs: list[tuple[str, Callable[[Tensor], Tensor] | None, nn.Module]] = [
        ("layer", gcn, gcn),
        ("conv1d", plain, plain),
        ("edges", None, layer),
    ]
    if message_bytes <= edge_limit:
        edge_index = complete_edges(graphs, n)
        runs[2] = ("edges", lambda x: edges(x.flatten(0, 1), edge_index).view(x.shape), layer)
    check_same(gcn, x[:1], message_bytes <= edge_limit)
    for name, call, module in runs:
        if call is None:
            yield name, None, None
            continue

        def forward(call: Callable[[Tensor], Tensor] = call) -> None:
            with torch.no_grad():
                call(x)

        yield name, forward, with_backward(lambda call=call: call(leaf), leaf, module)
    floor = Floor(graphs, n, d, key)
    yield "floor", floor.forward, floor.both


def check_same(gcn: RandomWalkGCN, x: Tensor, with_edges: bool) -> None:
    """The contenders compute the same, in float64: degrees of ``dot`` near 0 leave few digits to float32."""
    wide = copy.deepcopy(gcn).double()
    layer: Any = wide.layers[0]
    with torch.no_grad():
        expected = wide(x.double())
        torch.testing.assert_close(Conv1dWalk(layer).double()(x.double()), expected, atol=1e-9, rtol=1e-9)
        if with_edges:
            edges = EdgeWalk(layer)(x[0].double(), complete_edges(1, x.size(1)))
            torch.testing.assert_close(edges, expected[0], atol=1e-9, rtol=1e-9)


def run_case(rows: list[dict[str, Any]], case: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Time the contenders in turns: on a shared machine the speed drifts, and a ratio within one turn does not."""
    found = {name: calls for name, *calls in contenders(**case, edge_limit=arguments.memory * 2**30)}
    results: dict[str, dict[str, Any]] = {name: {"name": name, **case} for name in found}
    for kind in arguments.passes:
        position = PASSES.index(kind)
        calls = {name: pair[position] for name, pair in found.items() if pair[position] is not None}
        turns: dict[str, list[float]] = {name: [] for name in calls}
        end = time.perf_counter() + arguments.seconds * len(calls)
        warmup = arguments.warmup
        while len(turns["floor"]) < arguments.turns or time.perf_counter() < end:
            for name, call in calls.items():
                turns[name].append(measure(call, seconds=0.0, min_calls=1, warmup=warmup).median)
            warmup = 0
        for name, result in results.items():
            fits = name in calls
            result[kind] = statistics.median(turns[name]) if fits else None
            ratios = [t / floor for t, floor in zip(turns[name], turns["floor"], strict=True)] if fits else []
            result[f"{kind} / floor"] = statistics.median(ratios) if fits else None
            result[f"{kind} / floor p20 p80"] = quintiles(ratios) if fits else None
            result[f"{kind} bytes"] = peak_memory(calls[name]) if fits else None
    for result in results.values():
        rows.append(result)
        print(describe(result), flush=True)


def quintiles(values: list[float]) -> list[float]:
    """The 20th and 80th percentile."""
    cuts = statistics.quantiles(values, n=5) if len(values) > 1 else values * 4
    return [cuts[0], cuts[3]]


def describe(row: dict[str, Any]) -> str:
    cells = [f"{row['graphs']:>6} x {row['n']:<5} key {row['key']:<5} {row['affinity']:<8} {row['name']:<7}"]
    for kind in PASSES:
        if kind not in row:
            continue
        if row[kind] is None:
            cells.append(f"{'does not fit':>32}")
        else:
            seconds, ratio, mega = row[kind], row[f"{kind} / floor"], row[f"{kind} bytes"] / 2**20
            cells.append(f"{seconds * 1e3:>10.1f} ms {ratio:>6.2f} {mega:>9.0f} MB")
    return " ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="*", default=[16], help="frames of 36 regions, d = 2048")
    parser.add_argument("--affinities", nargs="+", default=["softplus", "exp"], help="of --frames")
    parser.add_argument("--regions", type=int, nargs="*", default=[36, 256, 1024, 2048, 4096], help="of one frame")
    parser.add_argument("--keys", type=int, default=256, help="width of phi and theta for --regions")
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=PASSES)
    parser.add_argument("--memory", type=float, default=1.0, help="GiB that one tensor of messages may take")
    parser.add_argument("--seconds", type=float, default=4.0, help="a contender and case, at least")
    parser.add_argument("--turns", type=int, default=5, help="calls of each contender, at least")
    parser.add_argument("--warmup", type=int, default=1, help="calls before that are not counted")
    parser.add_argument("--out", default="random_walk", help="name of the result file")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rows: list[dict[str, Any]] = []
    print(f"{'':51}{'forward':>12} {'/floor':>9} {'peak':>12} {'with backward':>14} {'/floor':>6} {'peak':>12}")
    for frames in arguments.frames:
        for affinity in arguments.affinities:
            case = {"graphs": frames, "n": REGIONS, "d": 2048, "key": 2048, "affinity": affinity}
            run_case(rows, {**case, "normalization": "random_walk"}, arguments)
    for regions in arguments.regions:
        case = {"graphs": 1, "n": regions, "d": 2048, "key": arguments.keys, "affinity": "dot"}
        run_case(rows, {**case, "normalization": "row"}, arguments)
    write_result(arguments.out, rows, unit="seconds and bytes a call", aim="layer / floor <= 1.15 at n = 36")


if __name__ == "__main__":
    main()
