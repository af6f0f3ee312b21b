"""Workloads of ``speed/ops.py`` over batches of role graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from benchmarks.lib import ops_rivals as rivals
from benchmarks.lib.ops_case import Case, on_backends
from graphvtr import ops

ROLES = 16


@dataclass
class RoleGraphs:
    """Packed role graphs of 4 to 20 nodes: an event, actions, entities that fill one or two actions."""

    node_ptr: Tensor
    ptr: Tensor
    row: Tensor
    col: Tensor
    role: Tensor

    @staticmethod
    def random(count: int, device: torch.device) -> RoleGraphs:
        generator = torch.Generator().manual_seed(0)

        def number(high: int) -> int:
            return int(torch.randint(high, (1,), generator=generator))

        kinds = [_random_role_graph(number) for _ in range(min(count, 256))]
        nodes = torch.tensor([kinds[i % len(kinds)][0] for i in range(count)])
        node_ptr = torch.cat([torch.zeros(1, dtype=torch.long), nodes.cumsum(0)])
        edges = torch.cat([kinds[i % len(kinds)][1] + node_ptr[i] for i in range(count)], dim=1)
        role = torch.cat([kinds[i % len(kinds)][2] for i in range(count)])
        ptr, col, order = ops.edges_to_csr(edges, int(node_ptr[-1]))
        row = torch.repeat_interleave(ptr.diff())
        return RoleGraphs(*(x.to(device) for x in (node_ptr, ptr, row, col, role[order])))


def _random_role_graph(number: Callable[[int], int]) -> tuple[int, Tensor, Tensor]:
    nodes = 4 + number(17)
    actions = max(1, nodes // 4)
    edges, roles = [], []
    for action in range(1, 1 + actions):
        edges += [(0, action), (action, 0)]
        roles += [0, 0]
    for entity in range(1 + actions, nodes):
        first = number(actions)
        for step in range(2 if actions > 1 and number(3) == 0 else 1):
            action, role = 1 + (first + step) % actions, 1 + number(ROLES - 1)
            edges += [(entity, action), (action, entity)]
            roles += [role, role]
    return nodes, torch.tensor(edges).T, torch.tensor(roles)


def role_attention(graphs: int, width: int, roles: bool, device: torch.device, compiled: bool) -> Case:
    """The attention layer of HGR over a batch of role graphs."""
    g = RoleGraphs.random(graphs, device)
    nodes, edges = int(g.node_ptr[-1]), g.col.numel()
    leaves = [torch.randn(nodes, width, device=device) for _ in range(3)]
    leaves += [torch.randn(ROLES, width, device=device)] * roles
    layer, dense = rivals.RoleMessagePassing(), rivals.DenseRoleAttention(g.node_ptr, g.row, g.col, g.role, ROLES)
    edge_index = torch.stack([g.col, g.row])

    def ours(q: Tensor, k: Tensor, v: Tensor, weight: Tensor | None = None) -> Tensor:
        return ops.role_attention(q, k, v, g.ptr, g.col, None if weight is None else g.role, weight)

    def functional(q: Tensor, k: Tensor, v: Tensor, weight: Tensor | None = None) -> Tensor:
        return rivals.pyg_role_attention(q, k, v, weight, g.ptr, g.row, g.col, g.role)

    def message_passing(q: Tensor, k: Tensor, v: Tensor, weight: Tensor | None = None) -> Tensor:
        return layer(q, k, v, weight, edge_index, g.role)

    ways = {
        **on_backends(ours, device, "native", "triton"),
        "PyG softmax + scatter": functional,
        "PyG MessagePassing": message_passing,
    }
    padded = "padded dense, a product a role" if roles else "padded dense + SDPA"
    slow = roles and graphs > 10_000 and device.type == "cpu"  # 9 GB, two minutes a call
    if not slow:
        ways[padded] = dense
    if compiled:
        ways["PyG compiled"] = torch.compile(functional, dynamic=False)
    forward = edges * width * (2 + 2 + roles)
    return Case(
        "role_attention",
        f"{graphs:,} role graphs, D {width}, {'16 roles' if roles else 'no roles'}",
        leaves,
        ways,
        (forward, forward + edges * width * (8 + 4 * roles)),
        8 * (nodes + edges * (1 + roles)),
        too_large=(padded,) if slow else (),
    )


def gather(graphs: int, width: int, device: torch.device, compiled: bool) -> Case:
    """Node features from word features: a weighted sum over incoming edges."""
    g = RoleGraphs.random(graphs, device)
    nodes, edges = int(g.node_ptr[-1]), g.col.numel()
    leaves = [torch.randn(nodes, width, device=device), torch.rand(edges, device=device)]

    def pyg(x: Tensor, weight: Tensor) -> Tensor:
        return scatter(x[g.col] * weight.unsqueeze(-1), g.row, dim=0, dim_size=nodes, reduce="sum")

    ways = {
        **on_backends(
            lambda x, weight: ops.gather_segment_reduce(x, g.col, g.ptr, "sum", weight),
            device,
            "native",
            "triton",
            "torch_scatter",
        ),
        "PyG gather + scatter": pyg,
    }
    if compiled:
        ways["PyG compiled"] = torch.compile(pyg, dynamic=False)
    return Case(
        "gather_segment_reduce",
        f"{graphs:,} role graphs, D {width}",
        leaves,
        ways,
        (2 * edges * width, 6 * edges * width),
        8 * (nodes + edges),
    )
