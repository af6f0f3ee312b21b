"""Packed batches against ``torch_geometric.data.Batch.from_data_list``, and a transform of a whole store against one
of every graph, on the same role graphs.

    python benchmarks/speed/packed_batching.py

Aims: at most 1/20 of PyG's time for 128 graphs; a transform of 2,048 graphs in at most 1/20 of the time.
"""

from __future__ import annotations

import argparse

import torch
from torch_geometric.data import Batch

from benchmarks.lib.harness import measure, write_result
from graphvtr.graphs import ROLES, GraphStore, RoleGraph, truncate


def random_graph(generator: torch.Generator) -> RoleGraph:
    """A caption of 6 to 14 words with 1 or 2 actions of 2 to 4 entities, as real captions have."""

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=generator))

    words = number(6, 14)
    actions = number(1, 2)
    entities, fills = [], []
    for action in range(actions):
        for _ in range(number(2, 4)):
            begin = number(0, words - 2)
            fills.append((len(entities), action))
            entities.append((number(1, len(ROLES) - 1), range(begin, min(words, begin + number(1, 3)))))
    graph = RoleGraph.build(["word"] * words, [[number(0, words - 1)] for _ in range(actions)], entities, fills)
    graph["word"].id = torch.randint(3, 5000, (words,), generator=generator)
    return graph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 32, 128, 512, 2048])
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    graphs = [random_graph(generator) for _ in range(max(arguments.sizes))]
    store = GraphStore.from_graphs(graphs)
    rows = []
    print(f"{'graphs':>7} {'PyG ms':>9} {'packed ms':>10} {'ratio':>7}")
    for size in arguments.sizes:
        index = torch.randperm(len(graphs), generator=generator)[:size]
        chosen = [graphs[i] for i in index.tolist()]
        reference = measure(lambda chosen=chosen: Batch.from_data_list(chosen), seconds=arguments.seconds)
        packed = measure(lambda index=index: store.batch(index), seconds=arguments.seconds)
        ratio = reference.median / packed.median
        rows.append({"graphs": size, "pyg": reference, "packed": packed, "ratio": ratio})
        print(f"{size:>7} {reference.median * 1e3:>9.3f} {packed.median * 1e3:>10.3f} {ratio:>7.1f}")
    each = measure(
        lambda: GraphStore.from_graphs([truncate(graph, 8, 1, 3) for graph in store]), seconds=arguments.seconds
    )
    at_once = measure(lambda: store.mapped(lambda batch: truncate(batch, 8, 1, 3)), seconds=arguments.seconds)
    print(f"transform of {len(store)}: {each.median * 1e3:.1f} ms one by one, {at_once.median * 1e3:.1f} ms at once")
    transform = {"graphs": len(store), "one_by_one": each, "at_once": at_once, "ratio": each.median / at_once.median}
    write_result("packed_batching", rows, unit="seconds a batch", transform=transform)


if __name__ == "__main__":
    main()
