"""Time the backends on this device, for the shapes that models run: what ``graphvtr kernels --measure`` does."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr import ops
from graphvtr.ops._backend import KERNELS, usable
from graphvtr.ops.dispatch import Rule

#: Graphs (captions, frames) of the two size classes.
GRAPHS = {"cpu": (32, 512), "cuda": (128, 8192)}
WIDTH = {"cpu": 256, "cuda": 1024}
SECONDS, ROUNDS = 0.4, 3


@dataclass(frozen=True)
class Case:
    """One op at one size."""

    op: str
    call: Callable[..., Tensor]
    leaves: tuple[Tensor, ...]

    @property
    def size(self) -> int:
        """Elements that the table goes by."""
        return self.leaves[0].numel()


def cases(device: str, graphs: int, width: int) -> Iterator[Case]:
    """Every op that has more than one backend, on ``graphs`` captions of 9 nodes, frames of 36 regions, clips of 20
    frames."""

    def leaf(*shape: int) -> Tensor:
        return torch.randn(shape, device=device, requires_grad=True)

    def ptr(count: int, length: int) -> Tensor:
        return torch.arange(count + 1, device=device) * length

    nodes = graphs * 9
    col = (torch.arange(nodes, device=device)[:, None] // 9 * 9 + torch.randint(9, (nodes, 2), device=device)).flatten()
    edge_ptr, role = ptr(nodes, 2), torch.randint(16, (2 * nodes,), device=device)
    caption, frame = ptr(graphs, 9), ptr(max(1, graphs // 4), 36)
    clips = max(2, graphs // 16)
    clip = ptr(clips, 20)
    yield Case("segment_reduce", lambda x: ops.segment_reduce(x, caption, "mean"), (leaf(nodes, width),))
    yield Case("segment_softmax", lambda x: ops.segment_softmax(x, caption), (leaf(nodes, width),))
    yield Case("gather_segment_reduce", lambda x: ops.gather_segment_reduce(x, col, edge_ptr), (leaf(nodes, width),))
    yield Case(
        "role_attention",
        lambda q, k, v, w: ops.role_attention(q, k, v, edge_ptr, col, role, w),
        (leaf(nodes, width), leaf(nodes, width), leaf(nodes, width), leaf(16, width)),
    )
    yield Case(
        "local_match",
        lambda n, f: ops.local_match(n, ptr(clips, 9), f, clip, fusion="embed"),
        (leaf(clips * 9, width), leaf(clips * 20, width)),
    )
    rows = int(frame[-1])
    yield Case(
        "complete_graph_walk",
        lambda p, t, x: ops.complete_graph_walk(p, t, x, frame, affinity="softplus"),
        (leaf(rows, width), leaf(rows, width), leaf(rows, 2 * width)),
    )
    ragged = frame.clone()
    ragged[1:-1] -= torch.arange(len(ragged) - 2, device=device) % 9  # 28 to 44 rows: no length is the common one
    yield Case(
        "segment_attention",
        lambda q, k, v: ops.segment_attention(q, k, v, ragged),
        tuple(leaf(rows, 8, max(8, width // 8)) for _ in range(3)),
    )


def candidates(op: str, device: str) -> list[str]:
    """The backends that can run an op here."""
    found = [name for name in KERNELS if usable(name, op, torch.device(device), torch.float32)]
    return ["torch", *found]


def measure(device: str, say: Callable[[str], None] = print, seconds: float = SECONDS) -> list[Rule]:
    """Time forward and backward of every op and backend, in turns; the table of the quickest.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        say: told a line for every op and size.
        seconds: spent on a backend, op and size.
    """
    rules: list[Rule] = []
    small, large = GRAPHS[device]
    for graphs in (large, small):  # the larger sizes first: the first line that fits wins
        for case in cases(device, graphs, WIDTH[device]):
            names = candidates(case.op, device)
            if len(names) == 1:
                continue
            found = {name: times for name in names if (times := _times(case, name, device, seconds)) is not None}
            medians = {name: statistics.median(times) for name, times in found.items()}
            best = min(medians, key=medians.__getitem__)
            figure = ", ".join(f"{name} {1e3 * value:.3f} ms" for name, value in sorted(medians.items()))
            say(f"{case.op} of {case.size:,} elements: {figure}")
            rules.append(Rule(case.op, device, case.size if graphs == large else 0, best, figure, "this machine"))
    return rules


def _times(case: Case, name: str, device: str, seconds: float) -> list[float] | None:
    """Seconds a call, one figure a round; None where the backend fails."""

    def once() -> None:
        torch.autograd.grad(case.call(*case.leaves).sum(), case.leaves)
        if device == "cuda":
            torch.cuda.synchronize()

    with ops.backend(name):
        try:
            once()  # compiles
        except (RuntimeError, ValueError):
            return None
        begin = time.perf_counter()
        once()
        calls = max(1, round(seconds / ROUNDS / max(time.perf_counter() - begin, 1e-6)))
        rounds = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            for _ in range(min(calls, 1000)):
                once()
            rounds.append((time.perf_counter() - begin) / min(calls, 1000))
    return rounds
