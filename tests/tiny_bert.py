"""A BERT of few words and channels, as Hugging Face saves it: MiniLM takes seconds where any language model serves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a the white dog ##s chases cat barks and ,".split()


def write_bert(path: Path, hidden: int = 8, layers: int = 2, positions: int = 32, words: Sequence[str] = WORDS) -> Path:
    """The same weights each time, into a folder that is there."""
    transformers = pytest.importorskip("transformers")
    (path / "vocab.txt").write_text("\n".join(words))
    config = transformers.BertConfig(
        vocab_size=len(words),
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


@cache
def _kept() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="bert-")
    write_bert(Path(folder.name), words=[*WORDS, *"man bird sees hears big".split()])
    return folder


def tiny_bert() -> str:
    """The folder of one, kept until this process ends; random numbers are drawn as if it was there."""
    with torch.random.fork_rng(devices=[]):
        return _kept().name
