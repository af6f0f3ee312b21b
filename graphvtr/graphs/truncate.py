"""Cut long captions and long clips: what papers and released code do to their input before a model sees it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphvtr.errors import DataError
from graphvtr.graphs.flat import keep_nodes, node_ptr
from graphvtr.graphs.role_graph import RoleGraph
from graphvtr.graphs.video_graph import VideoGraph
from graphvtr.ops.csr import counts_to_ptr


def truncate(
    graph: RoleGraph, max_words: int | None = None, max_actions: int | None = None, max_entities: int | None = None
) -> RoleGraph:
    """The first words, actions and entities of a caption.

    The words after ``max_words`` go. A node's span loses its cut words, and a node that begins among them goes;
    of the remaining nodes the first ``max_actions`` actions and ``max_entities`` entities stay, in node order.
    Edges to nodes that went go too, and the event spans the words that stay. ``caption`` stays as it is.

    Args:
        graph: one role graph, or a packed batch, of which every caption is cut.
        max_words: words to keep, at least 1; None keeps all.
        max_actions: actions to keep; None keeps all.
        max_entities: entities to keep; None keeps all.

    Returns:
        A new graph, or ``graph`` itself when nothing is too long.

    Raises:
        DataError: a limit below 1 (``max_words``) or below 0.

    Example:
        >>> graph = RoleGraph.build(
        ...     ["a", "dog", "barks", "at", "cats"], [[2]], [("ARG0", [0, 1]), ("ARG2", [3, 4])], [(0, 0), (1, 0)])
        >>> short = truncate(graph, max_words=4, max_entities=1)
        >>> short.words, short.num_entities, short["entity", "fills", "action"].edge_index.tolist()
        (['a', 'dog', 'barks', 'at'], 1, [[0], [0]])
    """
    limits = {"word": max_words, "action": max_actions, "entity": max_entities}
    for name, limit, least in (
        ("max_words", max_words, 1),
        ("max_actions", max_actions, 0),
        ("max_entities", max_entities, 0),
    ):
        if limit is not None and limit < least:
            raise DataError(name, f"is {limit}", f"give {least} or more, or None for no limit")
    if all(limit is None or _longest(graph, node_type) <= limit for node_type, limit in limits.items()):
        return graph
    device = graph["word", "in", "event"].edge_index.device
    every_word = torch.ones(int(graph["word"].num_nodes), dtype=torch.bool, device=device)
    keep = {"word": _first(graph, "word", every_word, max_words)}
    for level, limit in (("action", max_actions), ("entity", max_entities)):
        word, owner = graph["word", "in", level].edge_index
        begins = torch.zeros(int(graph[level].num_nodes), dtype=torch.bool, device=device)
        begins[owner[keep["word"][word]]] = True
        keep[level] = _first(graph, level, begins, limit)
    return keep_nodes(graph, keep)


def sample_frames(graph: VideoGraph, num_frames: int) -> VideoGraph:
    """At most ``num_frames`` frames of a clip, evenly spaced from the first to the last.

    A clip with T > n frames keeps those at ``round(linspace(0, T - 1, n))`` (halves round to even, as NumPy
    does); the regions of the other frames go with them. A shorter clip is left alone.

    Args:
        graph: one video graph, or a packed batch, of which every clip is sampled.
        num_frames: n, at least 1.

    Returns:
        A new graph, or ``graph`` itself when no clip is longer than n frames.

    Raises:
        DataError: ``num_frames`` is below 1.

    Example:
        >>> clip = VideoGraph.build(torch.arange(10.0)[:, None])
        >>> sample_frames(clip, 4)["frame"].x.flatten().tolist()
        [0.0, 3.0, 6.0, 9.0]
    """
    if num_frames < 1:
        raise DataError("num_frames", f"is {num_frames}", "keep at least one frame")
    if _longest(graph, "frame") <= num_frames:
        return graph
    ptr = node_ptr(graph, "frame")
    count = ptr.diff()
    keep = (count <= num_frames).repeat_interleave(count)
    long = count > num_frames
    step = (count[long] - 1).double() / max(num_frames - 1, 1)
    place = (torch.arange(num_frames, device=step.device) * step[:, None]).round().long()  # [long clips, n]
    keep[(ptr[:-1][long, None] + place).flatten()] = True
    masks = {"frame": keep}
    if "region" in graph.node_types:
        masks["region"] = keep[graph["region"].frame]
    return keep_nodes(graph, masks)


def top_regions(graph: VideoGraph, num_regions: int) -> VideoGraph:
    """At most ``num_regions`` regions of every frame: those of the highest score, the first of equal ones.

    Args:
        graph: one video graph, or a packed batch; without regions it is left alone.
        num_regions: n, at least 1.

    Returns:
        A new graph, or ``graph`` itself when no frame has more than n regions.

    Raises:
        DataError: ``num_regions`` is below 1.

    Example:
        >>> clip = VideoGraph.build(torch.zeros(2, 1), region_x=torch.arange(5.0)[:, None],
        ...     region_frame=torch.tensor([0, 0, 0, 1, 1]), region_score=torch.tensor([0.1, 0.9, 0.5, 0.2, 0.3]))
        >>> top_regions(clip, 2)["region"].x.flatten().tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    if num_regions < 1:
        raise DataError("num_regions", f"is {num_regions}", "keep at least one region")
    if "region" not in graph.node_types:
        return graph
    frame, score = graph["region"].frame, graph["region"].score
    count = torch.bincount(frame, minlength=int(graph["frame"].num_nodes))
    if not count.numel() or int(count.max()) <= num_regions:
        return graph
    order = best_first(frame, score)
    place = torch.arange(len(order), device=order.device) - (count.cumsum(0) - count)[frame[order]]
    keep = torch.zeros_like(order, dtype=torch.bool)
    keep[order[place < num_regions]] = True
    return keep_nodes(graph, {"region": keep})


def best_first(frame: Tensor, score: Tensor) -> Tensor:
    """Regions [R] by frame, and in a frame by falling score, the first of equal ones first."""
    by_score = score.argsort(descending=True, stable=True)
    return by_score[frame[by_score].argsort(stable=True)]


def between(graph: VideoGraph, begin: float, end: float) -> VideoGraph:
    """The frames of a clip from ``begin`` to ``end`` seconds, with their regions; times then count from ``begin``.

    Where no frame lies between the two, the one nearest to their middle is taken.

    Args:
        graph: one video graph.
        begin: in seconds.
        end: in seconds, not before ``begin``.

    Raises:
        DataError: ``end`` is before ``begin``, or the graph has no frames.

    Example:
        >>> clip = VideoGraph.build(torch.arange(10.0)[:, None])
        >>> part = between(clip, 2.0, 4.5)
        >>> part["frame"].x.flatten().tolist(), part["frame"].time.tolist()
        ([2.0, 3.0, 4.0], [0.0, 1.0, 2.0])
    """
    time = graph["frame"].time
    if not begin <= end or not len(time):
        raise DataError(f"{graph.describe()}seconds {begin} to {end}", f"of {len(time)} frames", "give begin <= end")
    keep = (time >= begin) & (time <= end)
    if not keep.any():
        keep[(time - (begin + end) / 2).abs().argmin()] = True
    masks = {"frame": keep}
    if "region" in graph.node_types:
        masks["region"] = keep[graph["region"].frame]
    out = keep_nodes(graph, masks)
    out["frame"].time = (out["frame"].time - begin).clamp(min=0)
    return out


def _longest(graph: HeteroData, node_type: str) -> int:
    """The largest number of such nodes in any graph of a batch."""
    if "ptr" not in graph[node_type]:
        return int(graph[node_type].num_nodes)
    count = graph[node_type].ptr.diff()
    return int(count.max()) if count.numel() else 0


def _first(graph: HeteroData, node_type: str, candidates: Tensor, limit: int | None) -> Tensor:
    """Mask of the first ``limit`` nodes of each graph, counting only ``candidates``."""
    if limit is None:
        return candidates
    ptr = node_ptr(graph, node_type).to(candidates.device)
    before = counts_to_ptr(candidates)  # candidates before each node, all graphs
    rank = before[:-1] - before[ptr[:-1]].repeat_interleave(ptr.diff())
    return candidates & (rank < limit)
