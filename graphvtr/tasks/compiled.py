"""Compiled encoders, and one line where the compiler fails."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from graphvtr.errors import DataError
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.text.parser import shorten

Encode = Callable[[Any], LevelEmbeddings]


def compiled(encode: Encode, model: str) -> Encode:
    """An encoder through ``torch.compile``, for batches of any size.

    Args:
        encode: the encoder.
        model: its name, for the message.

    Raises:
        DataError: when it is called, the compiler fails.
    """
    run = torch.compile(encode, dynamic=True)

    @functools.wraps(encode)
    def call(graph: Any) -> LevelEmbeddings:
        with compiling(model):
            return run(graph)

    return call


@contextmanager
def compiling(model: str) -> Iterator[None]:
    """Around what the compiler may have to do: of a backward pass too, which is compiled when it first runs.

    Raises:
        DataError: it fails.
    """
    try:
        yield
    except Exception as error:
        dynamo: Any = sys.modules.get("torch._dynamo.exc")
        if dynamo is None or not isinstance(error, dynamo.TorchDynamoException):
            raise
        reason = shorten(str(error), 200)
        raise DataError("compile", f"fails for {model}: {reason}", "train it without --compile true") from error
