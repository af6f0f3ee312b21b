"""Results as the page takes them: plain values, with the boxes that light up for a phrase."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from graphvtr.errors import DataError
from graphvtr.plot import role_attention
from graphvtr.plot.html import role_graph_svg
from graphvtr.search.results import SearchResults

BOXES = 4  # regions that light up in a frame


def results_json(index: Any, results: SearchResults) -> dict[str, Any]:
    """Results with the regions of each phrase's frame, the heaviest first."""
    out = results.to_dict()
    with_regions = any(segment.has_regions for part in getattr(index, "parts", [index]) for segment in part.segments)
    for entry, result in zip(out["results"], results, strict=True):
        entry["playable"] = index.file_at(result.item) is not None
        regions = index.regions(result.name) if result.phrases and with_regions else []
        for phrase, match in zip(entry["phrases"], result.phrases, strict=True):
            frame = int(match.weights.argmax()) if regions else 0
            here = sorted(((w, box) for at, box, w in regions if at == frame), key=lambda pair: -pair[0])[:BOXES]
            most = max((weight for weight, _ in here), default=1.0) or 1.0
            phrase["boxes"] = [[*box, weight / most] for weight, box in here]
    return out


def graph_json(encoder: Any, query: str) -> dict[str, Any]:
    """The role graph of a sentence: a picture, its phrases, and words that the model has never seen.

    Raises:
        DataError: it has no graph.
    """
    graph = encoder.graphs([query])[0]
    phrases = [
        {"id": f"{level}-{node}", "level": level, "node": node, "phrase": graph.phrase(level, node), "role": role}
        for level, roles in (("action", ["V"] * graph.num_actions), ("entity", graph.role_names()))
        for node, role in enumerate(roles)
    ]
    return {"query": query, "svg": role_graph_svg(graph), "phrases": phrases, "unknown": encoder.unknown(graph)}


def why_json(index: Any, results: SearchResults, name: str) -> dict[str, Any]:
    """Why a clip was found: its scores, each phrase's weight on every frame, and the attention of the role graph.

    Args:
        index: that gave the results.
        results: of the query, of this clip alone.
        name: of the clip.

    Raises:
        DataError: the clip was not found.
    """
    if not len(results):
        raise DataError(f"clip '{name[:80]}'", "is not what was searched for", "search again")
    told = results_json(index, results)
    clip, graph, svg, layers = told["results"][0], results.graph, "", 0
    if graph is not None:
        attention: Any = {}
        with suppress(DataError):  # of a model without attention over role graphs
            attention = role_attention(index.model, index.encoder.read([results.query])[0].seen, "all")
        layers = max((len(weights) for weights in attention.values()), default=0)
        svg = role_graph_svg(graph, attention=attention or None, words=False)
    return {"query": results.query, "clip": clip, "svg": svg, "layers": layers}
