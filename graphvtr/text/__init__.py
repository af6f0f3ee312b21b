"""Captions to role graphs: vocabularies, parsers, printing."""

from graphvtr.graphs.roles import ROLE_IDS, ROLES, role_id
from graphvtr.text.vocabulary import BOS, EOS, UNK, Vocabulary

__all__ = [
    "BOS",
    "EOS",
    "ROLES",
    "ROLE_IDS",
    "UNK",
    "Vocabulary",
    "role_id",
]
