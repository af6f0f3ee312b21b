"""Export to networkx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch_geometric.data import HeteroData

from graphvtr.graphs.role_graph import RoleGraph
from graphvtr.graphs.roles import ROLES

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(graph: HeteroData, *, words: bool = False) -> nx.MultiDiGraph:
    """A video or role graph as a ``networkx.MultiDiGraph``.

    Nodes are pairs ``(node type, index)`` with attribute ``kind``; in role graphs also ``text`` (the phrase) and,
    for entities, ``role``; in video graphs ``time``, ``box`` (list of four), ``score`` and ``frame`` where present.
    Edges carry ``relation`` and, on ``fills``, ``role``.

    Args:
        graph: a single graph (of a packed batch the nodes of all graphs come together).
        words: include word nodes and their edges (role graphs).

    Example:
        >>> graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> net = to_networkx(graph)
        >>> net.nodes["entity", 0]["text"], sorted(data["relation"] for _, _, data in net.edges(data=True))
        ('dogs', ['fills', 'holds', 'in', 'of'])
    """
    import networkx as nx  # 285 modules, which a layer does without

    out = nx.MultiDiGraph()
    for node_type in graph.node_types:
        if node_type == "word" and not words:
            continue
        for index in range(int(graph[node_type].num_nodes)):
            out.add_node((node_type, index), kind=node_type, **_attributes(graph, node_type, index))
    for source, relation, target in graph.edge_types:
        if source == "word" and not words:
            continue
        store = graph[source, relation, target]
        roles = store.role.tolist() if "role" in store else None
        for position, (begin, end) in enumerate(store.edge_index.t().tolist()):
            extra = {} if roles is None else {"role": ROLES[roles[position]]}
            out.add_edge((source, begin), (target, end), relation=relation, **extra)
    return out


def _attributes(graph: HeteroData, node_type: str, index: int) -> dict[str, Any]:
    store = graph[node_type]
    out: dict[str, Any] = {}
    if isinstance(graph, RoleGraph) and "text" in graph["word"]:
        out["text"] = graph["word"].text[index] if node_type == "word" else graph.phrase(node_type, index)
        if node_type == "entity":
            out["role"] = ROLES[int(store.role[index])]
    for name in ("time", "score", "frame", "track", "box"):
        value = store.get(name)
        if isinstance(value, Tensor):
            out[name] = value[index].tolist()
    return out
