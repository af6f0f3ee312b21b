"""Training and evaluation of retrieval models.

Training needs the extra ``train``: :func:`graphvtr.tasks.trainer.fit`.
"""

from graphvtr.tasks.checkpoint import CheckpointInfo, load, load_checkpoint, save_checkpoint
from graphvtr.tasks.embedding_file import encode_file, read_embeddings
from graphvtr.tasks.evaluate import Evaluation, evaluate
from graphvtr.tasks.prepare import build_model, make_vocabulary, prepare
from graphvtr.tasks.ranking import EvalOptions
from graphvtr.tasks.report import format_table, to_json

__all__ = [
    "CheckpointInfo",
    "EvalOptions",
    "Evaluation",
    "build_model",
    "encode_file",
    "evaluate",
    "format_table",
    "load",
    "load_checkpoint",
    "make_vocabulary",
    "prepare",
    "read_embeddings",
    "save_checkpoint",
    "to_json",
]
