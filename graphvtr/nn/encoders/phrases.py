"""Captions and the phrases of their role graphs through the text side of a CLIP-like model, no training needed."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, node_ptr
from graphvtr.nn.encoders.bert import piece_ids
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.video.huggingface import load_model

LEVELS = ("event", "action", "entity")


class PhraseEncoder(nn.Module):
    """The embedding of a caption as a whole and of each of its phrases, in the space of a CLIP-like model's pictures.

    An action's phrase and an entity's are the words that its node spans, read on their own. The model is frozen, and no
    part of a checkpoint.

    Args:
        directory: local Hugging Face directory of CLIP, SigLIP or another with ``get_text_features``.

    Raises:
        DataError: it holds no such model, or captions were not tokenised.
        MissingExtraError: ``transformers`` is not installed.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__()
        self.directory = Path(directory)
        model = load_model(self.directory, "AutoModel", "captions without training")
        if not hasattr(model, "get_text_features"):
            raise DataError(
                self.directory, "has no text side in a space with pictures", "give a CLIP or SigLIP directory"
            )
        self._frozen: list[Any] = [model]  # in a list, so that it is no submodule
        transformers = optional_import("transformers", "bert", "captions without training")
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(self.directory, local_files_only=True)
        text = model.config.text_config
        self.max_pieces = int(text.max_position_embeddings)
        self.out_channels = int(getattr(model.config, "projection_dim", None) or text.hidden_size)

    def tokenize(self, graph: RoleGraph) -> RoleGraph:
        """A caption, or a packed batch with its strings, with the pieces of its phrases; the graph is left as it is."""
        flat = list(graph["word"].text)
        texts: dict[str, list[str]] = {"event": [" ".join(flat[a:b]) for a, b in _runs(node_ptr(graph, "word"))]}
        for level in LEVELS[1:]:
            word, owner = (side.tolist() for side in graph["word", "in", level].edge_index)
            spans: list[list[int]] = [[] for _ in range(int(graph[level].num_nodes))]
            for position, node in zip(word, owner, strict=True):
                spans[node].append(position)
            texts[level] = [" ".join(flat[position] for position in sorted(span)) for span in spans]
        graph = copy.copy(graph)
        ids: list[list[list[int]]] = []  # of each caption: its own pieces, then those of its phrases
        pieces = {level: self._ids(texts[level]) for level in LEVELS}
        for level in LEVELS:
            graph[level].pieces = torch.tensor([len(one) for one in pieces[level]], dtype=torch.long)
        bounds = [list(_runs(node_ptr(graph, level))) for level in LEVELS[1:]]
        for caption, whole in enumerate(pieces["event"]):
            parts = [pieces[level][slice(*bound[caption])] for level, bound in zip(LEVELS[1:], bounds, strict=True)]
            ids.append([whole, *parts[0], *parts[1]])
        graph["piece"].id = torch.tensor([piece for own in ids for phrase in own for piece in phrase], dtype=torch.long)
        graph["piece"].num_nodes = len(graph["piece"].id)
        if "ptr" in graph["word"]:
            counts = [sum(map(len, own)) for own in ids]
            graph["piece"].ptr = torch.tensor([0, *itertools.accumulate(counts)])
            graph["piece"].batch = torch.repeat_interleave(torch.tensor(counts))
        return graph

    @torch.no_grad()
    def forward(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, D], ragged ``action`` and ``entity``: unit vectors."""
        if "pieces" not in graph["event"]:
            raise DataError("event.pieces", "missing", "pass captions through the model's transform_text first")
        ptr = {level: node_ptr(graph, level).to(graph["piece"].id.device) for level in LEVELS}
        caption = torch.cat([torch.repeat_interleave(ptr[level].diff()) for level in LEVELS])
        count = torch.cat([graph[level].pieces for level in LEVELS])
        order = torch.sort(caption, stable=True).indices  # as the pieces lie: each caption, its actions, its entities
        rows = torch.empty(len(order), self.out_channels, device=count.device)
        rows[order] = self._embed(graph["piece"].id, count[order])
        event, action, entity = rows.split([int(graph[level].num_nodes) for level in LEVELS])
        return LevelEmbeddings(event=event, action=Level(action, ptr["action"]), entity=Level(entity, ptr["entity"]))

    def _embed(self, ids: Tensor, count: Tensor, size: int = 256) -> Tensor:
        parts = []
        model = self._frozen[0].to(ids.device)
        for own, length in zip(
            ids.split([int(part.sum()) for part in count.split(size)]), count.split(size), strict=True
        ):
            mask = torch.arange(int(length.max()), device=ids.device) < length[:, None]
            padded = ids.new_full(mask.shape, int(self._tokenizer.pad_token_id or 0)).masked_scatter(mask, own)
            found = model.get_text_features(input_ids=padded, attention_mask=mask.long())
            parts.append(nn.functional.normalize(getattr(found, "pooler_output", found).float(), dim=1))
        return torch.cat(parts)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return piece_ids(self._tokenizer, texts, self.max_pieces)


def _runs(ptr: Tensor) -> Iterator[tuple[int, int]]:
    return itertools.pairwise(ptr.tolist())
