"""The names and shapes of released HGR checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from graphvtr.errors import DataError

State = Mapping[str, Mapping[str, Tensor]]
PARTS = ("video_encoder", "text_encoder")
IGNORED = {"video_encoder.ft_attn.bias", "text_encoder.ft_attn.bias"}  # cancel in the softmax
RENAMED = (
    ("video_encoder.level_embeds.0.", "video_encoder.maps.event."),
    ("video_encoder.level_embeds.1.", "video_encoder.maps.action."),
    ("video_encoder.level_embeds.2.", "video_encoder.maps.entity."),
    ("video_encoder.ft_attn.", "video_encoder.pool.score."),
    ("text_encoder.embedding.we.", "text_encoder.words.embedding."),
    ("text_encoder.rnn.", "text_encoder.words.rnn."),
    ("text_encoder.ft_attn.", "text_encoder.pool.score."),
    ("text_encoder.role_embedding.", "text_encoder.roles."),
    (".ctx_layer.", ".lin."),
    (".layernorm.", ".norm."),
    (".edge_attn_query.", ".lin_query."),
    (".edge_attn_key.", ".lin_key."),
    ("text_encoder.gcn.layers.", "text_encoder.layers."),
)
"""Released name -> ours; a name is renamed part by part."""


def released_sizes(state: State) -> dict[str, Any]:
    """The constructor arguments that a released checkpoint's shapes tell.

    Raises:
        DataError: a part or a key that tells a size is missing, or is no matrix.
    """
    found = _flat(state)

    def shape(name: str) -> tuple[int, int]:
        if name not in found:
            raise DataError(f"checkpoint key '{name}'", "is missing", "use a complete checkpoint")
        if found[name].dim() != 2:
            raise DataError(f"checkpoint key '{name}'", f"has shape {list(found[name].shape)}", "it must be a matrix")
        rows, columns = found[name].shape
        return rows, columns

    vocab_size, word_dim = shape("text_encoder.embedding.we.weight")
    hidden, video_dim = shape("video_encoder.level_embeds.0.weight")
    gates = shape("text_encoder.rnn.weight_hh_l0")[0] // hidden
    prefix = "text_encoder.gcn.layers."
    layers = {name.removeprefix(prefix).split(".")[0] for name in found if name.startswith(prefix)}
    sizes: dict[str, Any] = {
        "vocab_size": vocab_size,
        "video_dim": video_dim,
        "hidden": hidden,
        "word_dim": word_dim,
        "num_layers": len(layers),
        "rnn": "lstm" if gates == 4 else "gru",
    }
    query = f"{prefix}0.edge_attn_query.weight"
    return {**sizes, "attention_channels": shape(query)[0]} if query in found else sizes


def released_weights(state: State, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a released checkpoint under our names.

    Args:
        state: ``{"video_encoder": {...}, "text_encoder": {...}}``.
        expected: the state of the model that takes them.

    Raises:
        DataError: a key that is missing, unknown, or of a shape that does not fit.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in _flat(state).items():
        if name in IGNORED:
            _require_shape(name, tensor, (1,))
            continue
        ours = our_name(name)
        if ours not in expected:
            raise DataError(f"checkpoint key '{name}'", "is unknown", "remove it, or set the option it belongs to")
        _require_shape(name, tensor, tuple(expected[ours].shape))
        weights[ours] = tensor
    for ours in expected:
        if ours not in weights:
            raise DataError(f"checkpoint key '{released_name(ours)}'", "is missing", "use a complete checkpoint")
    return weights


def our_name(name: str) -> str:
    """The name of a released tensor in :class:`graphvtr.nn.HGR`."""
    for released, ours in RENAMED:
        name = name.replace(released, ours)
    return name


def released_name(name: str) -> str:
    """The inverse of :func:`our_name`."""
    for released, ours in RENAMED:
        name = name.replace(ours, released)
    return name


def _flat(state: State) -> dict[str, Tensor]:
    for part in PARTS:
        if part not in state:
            raise DataError(f"checkpoint key '{part}'", "is missing", f"give {' and '.join(PARTS)}")
    for part in state:
        if part not in PARTS:
            raise DataError(f"checkpoint key '{part}'", "is unknown", "remove it")
    return {f"{part}.{name}": tensor for part in PARTS for name, tensor in state[part].items()}


def _require_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise DataError(f"checkpoint key '{name}'", f"has shape {list(tensor.shape)}", f"it must be {list(shape)}")
