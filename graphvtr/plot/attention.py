"""What a model attends to, as plain numbers and drawn: between the nodes of a caption, and from phrases to frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import ROLES, RoleGraph, VideoGraph
from graphvtr.graphs.reasoning import LEVELS
from graphvtr.nn import HGR, GraphVTR, LocalAttentiveMatch, RetrievalModel
from graphvtr.nn.match.local_attentive import weights_by_frame
from graphvtr.plot.role_graph import plot_role_graph
from graphvtr.plot.role_layout import Attention, Node
from graphvtr.plot.style import HEAT, plain, pyplot, wrap

Attentive = HGR | GraphVTR
"""Models with attention over role graphs."""


def role_attention(model: Attentive, graph: RoleGraph, into: str = "action") -> Attention:
    """How much each node of a caption listens to each neighbour, layer by layer (HGR, Eq 8 and Figure 3).

    Args:
        model: with graph attention.
        graph: a single caption, its words encoded.
        into: the level whose nodes listen: ``"action"`` as in Figure 3, ``"entity"``, ``"event"``, or ``"all"``.

    Returns:
        (source, destination) -> a number a layer; the numbers of a destination sum to 1.

    Raises:
        DataError: an unknown level, or a model without attention over graphs.
    """
    if into not in (*LEVELS, "all"):
        raise DataError("into", f"is '{into}'", f"use one of {', '.join(LEVELS)}, all")
    if not hasattr(model, "attention_weights"):
        raise DataError(type(model).__name__, "has no attention over role graphs", "use HGR or GraphVTR")
    with torch.inference_mode():
        reasoning, layers = model.attention_weights(graph)
    counts = [1, graph.num_actions, graph.num_entities]
    names: list[Node] = [(level, i) for level, count in zip(LEVELS, counts, strict=True) for i in range(count)]
    weights = (
        torch.stack([layer.cpu() for layer in layers], 1) if layers else torch.zeros(reasoning.edge_index.size(1), 0)
    )
    return {
        (names[source], names[target]): row
        for (source, target), row in zip(reasoning.edge_index.t().tolist(), weights.tolist(), strict=True)
        if into in ("all", names[target][0])
    }


def plot_role_attention(
    model: Attentive,
    graph: RoleGraph,
    ax: Any = None,
    *,
    into: str = "action",
    words: bool = False,
    title: str | None = None,
) -> Any:
    """Draw a caption's role graph with the attention of every layer, as in HGR's Figure 3.

    Args:
        model: with graph attention, in evaluation mode.
        graph: a single caption, its words encoded.
        ax: a matplotlib Axes; a new figure when not given.
        into: see :func:`role_attention`.
        words: also draw the words, with the event's attention over them (Eq 5; HGR alone).
        title: a line above the picture.

    Returns:
        The Axes.
    """
    attention = role_attention(model, graph, into)
    weights = word_attention(model, graph) if words and isinstance(model, HGR) else None
    return plot_role_graph(graph, ax, title=title, attention=attention, word_weights=weights)


def word_attention(model: HGR, graph: RoleGraph) -> list[float]:
    """How much the event listens to each word of a caption (HGR, Eq 5); 1 in sum.

    Args:
        model: an HGR model in evaluation mode.
        graph: a single caption, its words encoded.
    """
    with torch.inference_mode():
        weights: list[float] = model.text_encoder.word_weights(graph).tolist()
    return weights


def phrase_frame_weights(model: RetrievalModel, graph: RoleGraph, video: VideoGraph) -> tuple[Tensor, list[str]]:
    """How much each phrase of a caption attends to each frame of a clip (HGR, Eq 12).

    Args:
        model: with levels of a local attentive match, in evaluation mode.
        graph: a single caption, its words encoded, cut by ``model.transform_text``.
        video: a single clip, sampled by ``model.transform_video``.

    Returns:
        Weights [P, T], each row summing to 1, and the P phrases with their roles.

    Raises:
        DataError: no level of the model attends over frames.
    """
    rows: list[Tensor] = []
    phrases: list[str] = []
    with torch.inference_mode():
        clip, text = model.encode_video(video), model.encode_text(graph)
        for level in model.frame_levels:
            matcher = model.matchers[level]
            if not isinstance(matcher, LocalAttentiveMatch):
                continue
            found = matcher.frame_weights(clip[level], text[level]).cpu()
            regions = video["region"].frame.cpu() if "region" in video.node_types else None
            rows.append(weights_by_frame(found, video.num_frames, regions))
            phrases += _phrases(graph, level, len(rows[-1]))
    if not rows:
        raise DataError(type(model).__name__, "has no level that attends over frames", "use an HGR model")
    return torch.cat(rows), phrases


def _phrases(graph: RoleGraph, level: str, count: int) -> list[str]:
    """What the rows of a level stand for, with roles; HANet's ``individual_action`` are the actions once more."""
    kind = level.rpartition("_")[2]
    if kind not in ("action", "entity"):
        return [f"{level} {row}" for row in range(count)]
    roles = ["V"] * count if kind == "action" else [ROLES[role] for role in graph["entity"].role.tolist()]
    prefix = "" if kind == level else f"{level.removesuffix(kind).strip('_')}: "
    return [f"{prefix}{graph.phrase(kind, node)}  [{roles[node]}]" for node in range(count)]


def plot_phrase_frames(
    weights: Tensor | np.ndarray[Any, Any],
    phrases: Sequence[str],
    *,
    times: Sequence[float] | None = None,
    frames: np.ndarray[Any, Any] | None = None,
    ax: Any = None,
    title: str | None = None,
) -> Any:
    """A heat map: a row a phrase, a column a frame, light where the phrase attends.

    Args:
        weights: [P, T].
        phrases: P labels.
        times: T seconds; frame numbers when not given.
        frames: uint8 [T, H, W, 3], shown above their columns (not with ``ax``).
        ax: a matplotlib Axes; a new figure when not given.
        title: a line above the picture.

    Returns:
        The Axes of the heat map.

    Raises:
        DataError: shapes that do not go together, or no phrase.
    """
    values = np.asarray(weights, dtype=float)
    if values.ndim != 2 or len(values) != len(phrases) or not values.size:
        raise DataError("weights", f"have shape {list(values.shape)} for {len(phrases)} phrases", "give [P, T]")
    count = values.shape[1]
    if (times is not None and len(times) != count) or (frames is not None and len(frames) != count):
        raise DataError("times and frames", f"do not have {count} entries", "give one a column of the weights")
    if ax is None:
        ax = _heat_axes(values.shape, frames)
    image = ax.imshow(values, aspect="auto", cmap=HEAT, interpolation="nearest", vmin=0)
    ax.set_yticks(range(len(phrases)), [_row_label(phrase) for phrase in phrases], fontsize=8, **plain())
    step = max(1, -(-count // 16))
    labels = [f"{frame}" if times is None else f"{times[frame]:.1f}" for frame in range(0, count, step)]
    ax.set_xticks(range(0, count, step), labels, fontsize=7)
    ax.set_xlabel("frame" if times is None else "seconds", fontsize=8)
    for row, best in enumerate(values.argmax(1)):
        middle = (values.min() + values.max()) / 2
        ax.text(
            best,
            row,
            f"{values[row, best]:.2f}",
            ha="center",
            va="center",
            fontsize=7,
            color="black" if values[row, best] > middle else "white",
        )
    ax.figure.colorbar(image, ax=ax, label="attention", fraction=0.03, pad=0.01)
    if title:
        ax.figure.suptitle(wrap(title, 90, 2), fontsize=10, **plain())
    return ax


def _row_label(phrase: str) -> str:
    """A phrase in at most two lines; its role is never cut off."""
    text, mark, role = phrase.rpartition("  [")
    return wrap(text, 34 - len(role) // 2, 2) + mark + role if mark else wrap(phrase, 34, 2)


def _heat_axes(shape: tuple[int, ...], frames: np.ndarray[Any, Any] | None) -> Any:
    plt = pyplot()
    cell = 0.42 if frames is None else min(0.7, max(0.42, 14 / shape[1]))  # inches
    width, height = min(18.0, 4.2 + cell * shape[1]), 1.3 + 0.36 * shape[0]
    if frames is None:
        return plt.subplots(figsize=(width, height), layout="constrained")[1]
    tall = (width - 4.2) / shape[1] * frames.shape[1] / frames.shape[2]  # pictures keep their shape
    _, (strip, ax) = plt.subplots(
        2, 1, figsize=(width, height + tall), height_ratios=[tall, 0.36 * shape[0]], layout="constrained", sharex=True
    )
    for column, frame in enumerate(frames):
        strip.imshow(frame, extent=(column - 0.47, column + 0.47, 0, 1), aspect="auto", interpolation="nearest")
    strip.set_xlim(-0.5, shape[1] - 0.5)
    strip.set_ylim(0, 1)
    strip.set_axis_off()
    return ax
