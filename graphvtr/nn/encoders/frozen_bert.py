"""A frozen BERT and its tokenizer without transformers, whose import takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from graphvtr._optional import optional_import
from graphvtr.errors import MissingExtraError
from graphvtr.reading import read_json

PLAIN = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
"""What a BERT's configuration says, or leaves out."""
PARTS = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}
"""transformers' names of a layer's parts -> PyTorch's."""
CLASSES = ("BertTokenizer", "BertTokenizerFast")


class FrozenBert(nn.Module):
    """Hidden states of a BERT in evaluation, those of transformers' ``BertModel`` (`Devlin et al. 2019
    <https://arxiv.org/abs/1810.04805>`_).

    Its layers are :class:`torch.nn.TransformerEncoderLayer`: attention and a network of two layers, after each of them
    a sum and a norm.

    Args:
        config: ``config.json`` of a Hugging Face folder.
        weights: of its safetensors file, float32.

    Shapes:
        - **input:** ``input_ids`` [N, T] and ``attention_mask`` [N, T], 1 for pieces that are there
        - **output:** ``hidden_states``, one [N, T, D] more than there are layers, of no meaning where nothing is there;
          the last one is ``last_hidden_state`` too

    Raises:
        KeyError, RuntimeError: configuration and weights are not those of a BERT.
    """

    words: nn.Embedding
    places: nn.Embedding
    kinds: nn.Embedding

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        width, depth, eps = config["hidden_size"], config["num_hidden_layers"], config.get("layer_norm_eps", 1e-12)
        sizes = width, config["num_attention_heads"], config["intermediate_size"]
        state = {
            "words.weight": weights["embeddings.word_embeddings.weight"],
            "places.weight": weights["embeddings.position_embeddings.weight"],
            "kinds.weight": weights["embeddings.token_type_embeddings.weight"],
        }
        for kind in ("weight", "bias"):
            state[f"norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
            for layer in range(depth):
                theirs, ours = f"encoder.layer.{layer}.", f"layers.{layer}."
                three = [weights[f"{theirs}attention.self.{one}.{kind}"] for one in ("query", "key", "value")]
                state[f"{ours}self_attn.in_proj_{kind}"] = torch.cat(three)
                state |= {f"{ours}{own}.{kind}": weights[f"{theirs}{part}.{kind}"] for part, own in PARTS.items()}
        with torch.device("meta"):  # no random numbers where others are put
            layer_of = nn.TransformerEncoderLayer
            self.layers = nn.ModuleList(
                layer_of(*sizes, 0.0, "gelu", layer_norm_eps=eps, batch_first=True) for _ in range(depth)
            )
            self.norm = nn.LayerNorm(width, eps)
            for name in ("words", "places", "kinds"):
                setattr(self, name, nn.Embedding(*state[f"{name}.weight"].shape))
        self.load_state_dict(state, assign=True)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SimpleNamespace:
        """All hidden states."""
        alone = self.kinds.weight[0]  # a sentence, not the second one of a pair
        x = self.norm(self.words(input_ids) + alone + self.places.weight[: input_ids.size(1)])
        states, missing = [x], None if attention_mask is None else attention_mask == 0
        for layer in self.layers:
            states.append(layer(states[-1], src_key_padding_mask=missing))
        return SimpleNamespace(hidden_states=tuple(states), last_hidden_state=states[-1])


def read_bert(folder: Path) -> FrozenBert | None:
    """The BERT of a Hugging Face folder; None for what only transformers reads, or explains."""
    config, files = read_json(folder / "config.json"), list(folder.glob("*.safetensors"))
    if config.get("model_type") != "bert" or len(files) != 1:
        return None
    if any(config.get(name, usual) != usual for name, usual in PLAIN.items()):
        return None
    try:
        weights = load_file(files[0])
        return FrozenBert(config, {name.removeprefix("bert."): x.float() for name, x in weights.items()}).eval()
    except (KeyError, RuntimeError, TypeError, OSError, SafetensorError):
        return None


def is_of_bert(compiled: Any) -> bool:
    """Whether a compiled tokenizer cuts as those of BERT do."""
    parts = [type(getattr(compiled, part)).__name__ for part in ("normalizer", "pre_tokenizer", "model")]
    return parts == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]


def read_tokenizer(folder: Path) -> Any:
    """The compiled tokenizer of a BERT's folder; None where transformers would make another one of the files."""
    purpose = "a pretrained language model"
    try:
        told = read_json(folder / "tokenizer_config.json")
        found = optional_import("tokenizers", "bert", purpose).Tokenizer.from_file(str(folder / "tokenizer.json"))
    except MissingExtraError:
        raise
    except Exception:  # of the file: tokenizers raises Exception itself
        return None
    if told.get("tokenizer_class") not in CLASSES or not is_of_bert(found):
        return None
    normal = found.normalizer
    cuts = [normal.lowercase, normal.strip_accents, normal.handle_chinese_chars, normal.clean_text]
    wanted = [
        told.get("do_lower_case", True),
        told.get("strip_accents"),
        told.get("tokenize_chinese_chars", True),
        True,
    ]
    ends = [told.get("cls_token", "[CLS]"), told.get("sep_token", "[SEP]")]
    return found if cuts == wanted and found.encode("").tokens[:2] == ends else None
