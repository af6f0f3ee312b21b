"""The names and shapes of released Dual Encoding checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from graphvtr.errors import DataError

ReleasedState = Mapping[str, Any] | Sequence[Mapping[str, Tensor]]
PARTS = ("video", "text")
MAPPINGS = {"video": "visual_mapping", "text": "text_mapping"}
RELEASED_SPECIAL_WORDS = 4
"""Padding, begin, end and unknown word: the bag of words leaves them out."""


def released_sizes(state: ReleasedState) -> dict[str, Any]:
    """The constructor arguments that a released checkpoint's shapes tell.

    Raises:
        DataError: a key that tells a size is missing or has another number of dimensions; or the mappings take neither
            a first level on both sides (the full variant) nor on none (the reduced one).
    """
    found = _flat(state)
    vocab_size, word_dim = _shape(found, "text/embed.weight", 2)
    sizes: dict[str, Any] = {"vocab_size": vocab_size, "word_dim": word_dim}
    taken = {}
    for part in PARTS:
        gates, width = _shape(found, f"{part}/rnn.weight_ih_l0", 2)
        sizes[f"{part}_rnn"] = gates // 3
        convs = [_shape(found, f"{part}/convs1.{i}.weight", 4) for i in range(_num_convs(found, part))]
        sizes[f"{part}_kernels"] = [shape[2] for shape in convs]
        sizes[f"{part}_filters"] = convs[0][0]
        if part == "video":
            sizes["video_dim"] = width
        sizes["hidden"], taken[part] = _shape(found, f"{part}/{MAPPINGS[part]}.fc1.weight", 2)
        taken[part] -= 2 * sizes[f"{part}_rnn"] + sum(shape[0] for shape in convs)
    if not any(taken.values()):
        return {**sizes, "first_level": False, "begin_id": 1, "end_id": 2}
    if taken["video"] != sizes["video_dim"] or not 0 < taken["text"] <= vocab_size:
        part, rest = ("text", taken["text"]) if taken["video"] == sizes["video_dim"] else ("video", taken["video"])
        raise DataError(
            f"checkpoint key '{part}/{MAPPINGS[part]}.fc1.weight'",
            f"leaves {rest} columns for the first level",
            "the full variant has the first level on both sides, the reduced one on neither",
        )
    sizes["bow_size"] = taken["text"]
    if vocab_size - taken["text"] == RELEASED_SPECIAL_WORDS:
        sizes.update(begin_id=1, end_id=2)
    return sizes


def released_weights(state: ReleasedState, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a released checkpoint under our names.

    Args:
        state: as in :meth:`graphvtr.nn.DualEncoding.from_released`.
        expected: the state of the model that takes them.

    Raises:
        DataError: a key that is missing, unknown, or of a shape that does not fit.
    """
    weights = {name: tensor for name, tensor in expected.items() if name.endswith("num_batches_tracked")}
    origin = {}
    for name, tensor in _flat(state).items():
        for ours, value in _renamed(name, tensor, expected):
            if ours not in expected:
                raise DataError(f"checkpoint key '{name}'", "is unknown", "remove it")
            if value.shape != expected[ours].shape:
                raise DataError(
                    f"checkpoint key '{name}'", f"has shape {list(tensor.shape)}", "it does not fit the other keys"
                )
            weights[ours], origin[ours] = value, name
    for ours in expected:
        if ours not in weights:
            raise DataError(f"checkpoint key '{_released_name(ours)}'", "is missing", "use a complete checkpoint")
    return weights


def _renamed(name: str, tensor: Tensor, expected: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    """Our names of a released tensor, with what each takes of it."""
    part, _, rest = name.partition("/")
    encoder = f"{part}_encoder"
    if rest.startswith("convs1.") and rest.endswith(".weight") and tensor.dim() == 4:
        # a Conv2d whose kernel spans all features is a Conv1d: [F, 1, k, 2 H] -> [F, 2 H, k]
        return [(f"{encoder}.levels.convs.{rest.removeprefix('convs1.')}", tensor.squeeze(1).mT)]
    bag = f"{encoder}.mapping.bag"
    if rest == "text_mapping.fc1.weight" and part == "text" and tensor.dim() == 2 and bag in expected:
        split = expected["text_encoder.mapping.linear.weight"].size(1)
        return [
            (f"{encoder}.mapping.linear.weight", tensor[:, :split]),
            (bag, tensor[:, split:].T),
        ]
    for released, ours in _names(part):
        if rest.startswith(released):
            return [(f"{encoder}.{ours}{rest.removeprefix(released)}", tensor)]
    return [(name, tensor)]


def _names(part: str) -> list[tuple[str, str]]:
    mapping = MAPPINGS[part]
    names = [("rnn.", "levels.rnn."), ("convs1.", "levels.convs.")]
    names += [(f"{mapping}.fc1.", "mapping.linear."), (f"{mapping}.bn_1.", "mapping.norm.")]
    return names if part == "video" else [*names, ("embed.", "words.")]


def _released_name(ours: str) -> str:
    encoder, _, rest = ours.partition(".")
    part = encoder.removesuffix("_encoder")
    if rest == "mapping.bag":
        return "text/text_mapping.fc1.weight"
    for released, name in _names(part):
        if rest.startswith(name):
            return f"{part}/{released}{rest.removeprefix(name)}"
    return ours


def _flat(state: ReleasedState) -> dict[str, Tensor]:
    """Tensors by names such as ``video/rnn.weight_ih_l0``."""
    if isinstance(state, Mapping) and "model" in state:
        state = state["model"]
    if not isinstance(state, Mapping):
        if len(state) != len(PARTS):
            raise DataError("checkpoint", f"is a list of {len(state)}", "give the state of the video and of the text")
        state = dict(zip(PARTS, state, strict=True))
    if set(state) == set(PARTS):
        return {f"{part}/{name}": tensor for part in PARTS for name, tensor in state[part].items()}
    for name in state:
        if not str(name).startswith(tuple(f"{part}/" for part in PARTS)):
            raise DataError(f"checkpoint key '{name}'", "is unknown", "give names that begin with video/ or text/")
    return dict(state)


def _num_convs(found: Mapping[str, Tensor], part: str) -> int:
    prefix = f"{part}/convs1."
    return max(1, len({name.removeprefix(prefix).split(".")[0] for name in found if name.startswith(prefix)}))


def _shape(found: Mapping[str, Tensor], name: str, dims: int) -> tuple[int, ...]:
    if name not in found:
        raise DataError(f"checkpoint key '{name}'", "is missing", "use a complete checkpoint")
    if found[name].dim() != dims:
        raise DataError(
            f"checkpoint key '{name}'", f"has shape {list(found[name].shape)}", f"it must have {dims} dimensions"
        )
    return tuple(found[name].shape)
