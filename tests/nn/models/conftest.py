"""A plain float64 HGR, written node by node from specs/hgr.md and the paper's equations, and inputs for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from graphvtr.graphs import GraphStore, RoleGraph

VOCAB, VIDEO_DIM, HIDDEN, WORD_DIM = 30, 6, 8, 5


@dataclass
class Caption:
    """A caption in plain lists; roles are ids, ``fills`` are (entity, action) pairs."""

    ids: list[int]
    actions: list[list[int]] = field(default_factory=list)
    entities: list[tuple[int, list[int]]] = field(default_factory=list)
    fills: list[tuple[int, int]] = field(default_factory=list)

    def graph(self) -> RoleGraph:
        graph = RoleGraph.build([f"w{i}" for i in self.ids], self.actions, self.entities, self.fills)
        graph["word"].id = torch.tensor(self.ids)
        return graph

    def cut(self, words: int, actions: int, entities: int) -> Caption:
        kept_actions = [i for i, span in enumerate(self.actions) if min(span) < words][:actions]
        kept_entities = [i for i, (_, span) in enumerate(self.entities) if min(span) < words][:entities]
        return Caption(
            self.ids[:words],
            [[w for w in self.actions[i] if w < words] for i in kept_actions],
            [(self.entities[i][0], [w for w in self.entities[i][1] if w < words]) for i in kept_entities],
            [
                (kept_entities.index(e), kept_actions.index(a))
                for e, a in self.fills
                if e in kept_entities and a in kept_actions
            ],
        )


CAPTIONS = {
    "two actions, a shared entity": Caption(
        [3, 4, 5, 6, 7, 8, 9, 10],
        [[2], [6]],
        [(2, [0, 1]), (1, [3, 4]), (1, [7])],
        [(0, 0), (1, 0), (0, 1), (2, 1)],
    ),
    "one span with two roles": Caption([3, 11, 12, 13], [[1], [3]], [(2, [0]), (1, [0]), (6, [2])], [(0, 0), (1, 1)]),
    "no action": Caption([3, 14, 15], [], [(15, [0, 1, 2]), (15, [1])]),
    "one word": Caption([16], [[0]]),
    "one word, no node": Caption([17]),
    "an unused verb and overlapping spans": Caption(
        [18, 19, 20, 21, 22], [[1], [2, 3]], [(2, [0]), (8, [0, 3, 4]), (4, [1, 2])], [(0, 1), (1, 1), (2, 1)]
    ),
    "too long": Caption(
        [3 + i % 27 for i in range(36)],
        [[1], [33], [5], [7, 31], [9], [11]],
        [(i % 15 + 1, [3 * i, 3 * i + 1]) for i in range(12)],
        [(i, j) for i in range(12) for j in range(6) if (i + j) % 3 == 0],
    ),
}
FRAMES = (3, 1, 25, 20, 7)
VIDEO_OF_TEXT = [0, 1, 0, 2, 3, 4, 4]


@pytest.fixture
def batch() -> SimpleNamespace:
    """Captions and clips of every awkward kind; one clip has two captions, another two as well."""
    captions = list(CAPTIONS.values())
    return SimpleNamespace(
        captions=captions,
        graphs=[caption.graph() for caption in captions],
        clips=[torch.randn(count, VIDEO_DIM) for count in FRAMES],
        video_of_text=torch.tensor(VIDEO_OF_TEXT),
        pack=lambda graphs: GraphStore.from_graphs(graphs).batch(range(len(graphs))),
    )


def released_state(layers: int = 1, query: int = HIDDEN // 2) -> dict[str, dict[str, Tensor]]:
    """Random tensors under the names and shapes of a released checkpoint."""

    def linear(prefix: str, rows: int, columns: int, bias: bool = True) -> dict[str, Tensor]:
        weight = {f"{prefix}.weight": torch.randn(rows, columns) / math.sqrt(columns)}
        return {**weight, f"{prefix}.bias": torch.randn(rows) / 2} if bias else weight

    video: dict[str, Tensor] = {}
    for level in range(3):
        video.update(linear(f"level_embeds.{level}", HIDDEN, VIDEO_DIM))
    video.update(linear("ft_attn", 1, HIDDEN))
    text = {"embedding.we.weight": torch.randn(VOCAB, WORD_DIM), "role_embedding.weight": torch.randn(16, HIDDEN)}
    for suffix in ("", "_reverse"):
        text[f"rnn.weight_ih_l0{suffix}"] = torch.randn(3 * HIDDEN, WORD_DIM) / 2
        text[f"rnn.weight_hh_l0{suffix}"] = torch.randn(3 * HIDDEN, HIDDEN) / 2
        text[f"rnn.bias_ih_l0{suffix}"] = torch.randn(3 * HIDDEN) / 2
        text[f"rnn.bias_hh_l0{suffix}"] = torch.randn(3 * HIDDEN) / 2
    text.update(linear("ft_attn", 1, HIDDEN))
    for layer in range(layers):
        prefix = f"gcn.layers.{layer}"
        text.update(linear(f"{prefix}.ctx_layer", HIDDEN, HIDDEN, bias=False))
        text.update(linear(f"{prefix}.edge_attn_query", query, HIDDEN))
        text.update(linear(f"{prefix}.edge_attn_key", query, HIDDEN))
        text[f"{prefix}.layernorm.weight"] = torch.randn(HIDDEN)
        text[f"{prefix}.layernorm.bias"] = torch.randn(HIDDEN)
    return {"video_encoder": video, "text_encoder": text}


class DenseHGR:
    """HGR one caption, one node and one pair at a time.

    Args:
        weights: float64 tensors by released name, for instance ``text_encoder.rnn.weight_ih_l0``.
        option: fields of :class:`graphvtr.nn.HGR` with the same meaning.
    """

    def __init__(self, weights: dict[str, Tensor], **option: Any) -> None:
        self.w, self.option = weights, SimpleNamespace(**option)

    def recurrent(self, x: Tensor, suffix: str) -> list[Tensor]:
        w_ih, w_hh, b_ih, b_hh = (
            self.w[f"text_encoder.rnn.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = c = x.new_zeros(w_hh.size(1))
        out = []
        for word in x if suffix == "" else x.flip(0):
            if self.option.rnn == "gru":
                r_x, z_x, n_x = (w_ih @ word + b_ih).chunk(3)
                r_h, z_h, n_h = (w_hh @ h + b_hh).chunk(3)
                z = torch.sigmoid(z_x + z_h)
                h = (1 - z) * torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h) + z * h
            else:
                i, f, g, o = (w_ih @ word + b_ih + w_hh @ h + b_hh).chunk(4)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        return out if suffix == "" else out[::-1]

    def pool(self, x: Tensor, part: str) -> Tensor:
        score = x @ self.w[f"{part}.ft_attn.weight"][0] + self.w.get(f"{part}.ft_attn.bias", x.new_zeros(1))
        return torch.softmax(score, 0) @ x

    def text(self, caption: Caption) -> tuple[Tensor, Tensor, Tensor]:
        option = self.option
        if option.max_words is not None:
            caption = caption.cut(option.max_words, option.max_actions, option.max_entities)
        x = self.w["text_encoder.embedding.we.weight"][caption.ids]
        forward, backward = self.recurrent(x, ""), self.recurrent(x, "_reverse")
        words = torch.stack([(f + b) / 2 for f, b in zip(forward, backward, strict=True)])
        nodes = [self.pool(words, "text_encoder")]
        nodes += [words[span].amax(0) for span in caption.actions]
        nodes += [words[span].amax(0) for _, span in caption.entities]
        roles = [16] + [0] * len(caption.actions) + [role for role, _ in caption.entities]
        if option.role_aware:
            first = 0 if option.event_role else 1
            for node in range(first, len(nodes)):
                nodes[node] = nodes[node] * self.w["text_encoder.role_embedding.weight"][roles[node]]
        hears: list[set[int]] = [set() for _ in nodes]
        for action in range(len(caption.actions)):
            hears[1 + action].add(0)
            if option.event_edges == "both":
                hears[0].add(1 + action)
        for entity, action in caption.fills:
            hears[1 + len(caption.actions) + entity].add(1 + action)
            hears[1 + action].add(1 + len(caption.actions) + entity)
        for layer in range(option.num_layers):
            nodes = [self.reason(nodes, node, sorted(hears[node]), layer) for node in range(len(nodes))]
        event, rest = nodes[0], nodes[1:]
        empty = event.new_zeros(0, len(event))
        split = len(caption.actions)
        action = torch.stack(rest[:split]) if split else empty
        return event, action, torch.stack(rest[split:]) if rest[split:] else empty

    def reason(self, nodes: list[Tensor], i: int, hears: list[int], layer: int) -> Tensor:
        prefix = f"text_encoder.gcn.layers.{layer}"
        context = torch.zeros_like(nodes[i])
        if hears and self.option.attention:

            def linear(name: str, x: Tensor) -> Tensor:
                return self.w[f"{prefix}.{name}.weight"] @ x + self.w.get(f"{prefix}.{name}.bias", 0.0)

            query = linear("edge_attn_query", nodes[i])
            scores = [query @ linear("edge_attn_key", nodes[j]) / math.sqrt(len(query)) for j in hears]
            for beta, j in zip(torch.softmax(torch.stack(scores), 0), hears, strict=True):
                context = context + beta * nodes[j]
        elif hears:
            context = torch.stack([nodes[j] for j in hears]).mean(0)
        out = nodes[i] + self.w[f"{prefix}.ctx_layer.weight"] @ context
        if self.option.layer_norm:
            scaled = (out - out.mean()) / torch.sqrt(out.var(correction=0) + 1e-5)
            out = scaled * self.w[f"{prefix}.layernorm.weight"] + self.w[f"{prefix}.layernorm.bias"]
        return out

    def video(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        limit = self.option.max_frames
        if limit is not None and len(frames) > limit:
            frames = frames[np.round(np.linspace(0, len(frames) - 1, limit)).astype(int)]
        names = (
            [f"level_embeds.{level}" for level in range(3)] if self.option.hierarchical_video else ["maps.shared"] * 3
        )
        event, action, entity = (
            frames @ self.w[f"video_encoder.{name}.weight"].T + self.w.get(f"video_encoder.{name}.bias", 0.0)
            for name in names
        )
        return self.pool(event, "video_encoder"), action, entity

    def local(self, frames: Tensor, nodes: Tensor) -> Tensor:
        total = frames.new_zeros(())
        for node in nodes:
            similarity = torch.stack([cosine(frame, node) for frame in frames])
            positive = torch.relu(similarity)
            length = (positive if self.option.norm == "clipped" else similarity).square().sum().sqrt()
            weight = torch.softmax(4.0 * (positive / length if length > 0 else positive), 0)
            total = total + (weight @ similarity if self.option.fusion == "sim" else cosine(weight @ frames, node))
        return total / max(len(nodes), 1) if self.option.node_reduce == "mean" else total

    def scores(self, captions: list[Caption], clips: list[Tensor]) -> Tensor:
        """[3, Nv, Nt]"""
        texts = [self.text(caption) for caption in captions]
        videos = [self.video(clip.double()) for clip in clips]
        levels = [[[cosine(v[0], t[0]) for t in texts] for v in videos]]
        levels += [[[self.local(v[level], t[level]) for t in texts] for v in videos] for level in (1, 2)]
        return torch.stack([torch.stack([torch.stack(row) for row in rows]) for rows in levels])

    @staticmethod
    def loss(scores: Tensor, video_of_text: list[int], margin: float = 0.2, siblings: bool = False) -> Tensor:
        """Eq 14, hardest negatives, each direction averaged over the captions; with ``siblings`` as in the released
        code: a matrix of pairs, each with a copy of its video, of which all off the diagonal are negatives."""
        total = scores.new_zeros(())
        if siblings:
            scores, video_of_text = scores[video_of_text], list(range(len(video_of_text)))
        for text, video in enumerate(video_of_text):
            others = [scores[video, t] for t, owner in enumerate(video_of_text) if owner != video]
            total = total + torch.relu(margin + torch.stack(others).max() - scores[video, text])
            others = [scores[v, text] for v in range(len(scores)) if v != video]
            total = total + torch.relu(margin + torch.stack(others).max() - scores[video, text])
        return total / len(video_of_text)


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return a @ b / ((a @ a) * (b @ b)).sqrt()


@pytest.fixture
def dense() -> type[DenseHGR]:
    return DenseHGR


@pytest.fixture
def make_state() -> Callable[..., dict[str, dict[str, Tensor]]]:
    return released_state
