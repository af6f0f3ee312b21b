"""Fixtures of the layers' tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a the white dog ##s chases cat barks and ,".split()


@pytest.fixture(scope="session")
def write_bert(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``write_bert(hidden=, layers=, positions=)``: a Hugging Face folder of a BERT with few words."""
    transformers = pytest.importorskip("transformers")

    def write(hidden: int, layers: int, positions: int) -> Path:
        path = tmp_path_factory.mktemp("bert")
        (path / "vocab.txt").write_text("\n".join(WORDS))
        config = transformers.BertConfig(
            vocab_size=len(WORDS),
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=2 * hidden,
            max_position_embeddings=positions,
        )
        torch.manual_seed(3)
        transformers.BertModel(config).save_pretrained(path)
        transformers.BertTokenizer(str(path / "vocab.txt")).save_pretrained(path)
        return path

    return write
