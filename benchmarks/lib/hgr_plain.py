"""HGR's released variant as its formulas read, with a model's weights: padded, dense, every pair built.

The rival of ``speed/hgr_step.py``: nothing here is ours but the maths. PyTorch's own recurrent network runs over packed
sequences, each node's words are masked out of all words of its caption, neighbours come by a product with a matrix of
nodes x nodes a caption, and the attended frame of every node is built for every video.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.lib.ops_rivals import direct_match
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.graphs.reasoning import reasoning_graph
from graphvtr.nn import HGR
from graphvtr.nn.conv import RoleGATConv


class PlainHGR:
    """The loss of ``model`` on one batch, in which every caption has as many actions and entities, every clip as many
    frames."""

    def __init__(self, model: HGR, video: VideoGraph, text: RoleGraph) -> None:
        self.model, word = model, cast(Any, text["word"])
        self.lengths = word.ptr.diff()
        captions, words = len(self.lengths), int(self.lengths.max())
        self.real = torch.arange(words) < self.lengths[:, None]  # [N, L]
        self.ids = word.id.new_zeros(captions, words).masked_scatter(self.real, word.id)
        own = torch.arange(len(word.id)) - word.ptr[:-1].repeat_interleave(self.lengths)  # place in the caption
        self.spans = {}
        for level in ("action", "entity"):
            count = cast(Any, text[level]).num_nodes // captions
            source, node = text["word", "in", level].edge_index
            mask = torch.zeros(captions, count, words, dtype=torch.bool)
            mask[node // count, node % count, own[source]] = True
            self.spans[level] = mask
        counts = [1, *(mask.size(1) for mask in self.spans.values())]
        graph = reasoning_graph(text, model.text_encoder.event_edges)
        place = torch.cat(  # of every node in [N, nodes]
            [
                (torch.arange(captions)[:, None] * sum(counts) + before + torch.arange(count)).flatten()
                for before, count in zip((0, counts[0], counts[0] + counts[1]), counts, strict=True)
            ]
        )
        source, target = place[graph.edge_index]
        self.edges = torch.zeros(captions, sum(counts), sum(counts), dtype=torch.bool)
        self.edges[target // sum(counts), target % sum(counts), source % sum(counts)] = True
        self.role = torch.empty_like(graph.node_role).scatter(0, place, graph.node_role).view(captions, -1)[:, 1:]
        self.frames = cast(Tensor, video["frame"].x).view(captions, -1, model.video_encoder.video_dim)

    def loss(self, video_of_text: Tensor) -> Tensor:
        """Of all pairs."""
        encoder, videos = self.model.text_encoder, self.model.video_encoder
        words = self._words()
        event = _attend(words, encoder.pool.score(words).squeeze(-1).masked_fill(~self.real, -torch.inf))
        local = torch.cat(
            [
                words[:, None].masked_fill(~mask[..., None], -torch.inf).amax(2)  # [N, nodes, L, D] is built
                for mask in self.spans.values()
            ],
            1,
        )
        x = torch.cat([event[:, None], local * encoder.roles(self.role)], 1)
        for layer in encoder.layers:
            x = self._reason(layer, x)
        frames = {
            level: F.dropout(linear(self.frames), videos.dropout, videos.training)
            for level, linear in videos.maps.items()
        }
        pooled = _attend(frames["event"], videos.pool.score(frames["event"]).squeeze(-1))
        scores = F.normalize(pooled, dim=1) @ F.normalize(x[:, 0], dim=1).T
        begin = 1
        for level, mask in self.spans.items():
            nodes = x[:, begin : begin + mask.size(1)]
            begin += mask.size(1)
            ones = torch.ones(nodes.shape[:2])
            scores = scores + direct_match(nodes, ones, frames[level], 4.0, "embed") / mask.size(1)
        return self.model.ranking(scores / 3, video_of_text)  # type: ignore[no-any-return]

    def _words(self) -> Tensor:
        """In context, [N, L, D]."""
        encoder = self.model.text_encoder.words
        assert encoder.embedding is not None
        x = F.dropout(encoder.embedding(self.ids), encoder.dropout, encoder.training)
        packed = pack_padded_sequence(x, self.lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(encoder.rnn(packed)[0], batch_first=True)
        return cast(Tensor, (out[..., : encoder.hidden] + out[..., encoder.hidden :]) / 2)

    def _reason(self, layer: nn.Module, x: Tensor) -> Tensor:
        conv = cast(RoleGATConv, layer)
        assert conv.lin_query is not None
        assert conv.lin_key is not None
        query, key = conv.lin_query(x), conv.lin_key(x)
        score = (query @ key.transpose(1, 2) / query.size(-1) ** 0.5).masked_fill(~self.edges, -1e18)
        weight = score.softmax(-1) * self.edges  # nobody to listen to: no context
        out = x + F.dropout(conv.lin(weight @ x), conv.dropout, conv.training)
        return out if conv.norm is None else cast(Tensor, conv.norm(out))


def _attend(x: Tensor, score: Tensor) -> Tensor:
    """[N, L, D] weighted by a softmax of [N, L] -> [N, D]."""
    return (score.softmax(1)[:, None] @ x).squeeze(1)
