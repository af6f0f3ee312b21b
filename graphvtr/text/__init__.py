"""Captions to role graphs: parsers, vocabularies, caches, printing."""

from graphvtr.graphs.roles import ROLE_IDS, ROLES, role_id
from graphvtr.text.frames import Argument, Frame, frames_to_graph
from graphvtr.text.parser import PARSERS, RoleParser, get_parser
from graphvtr.text.spacy_parser import SpacyRoleParser
from graphvtr.text.vocabulary import BOS, EOS, UNK, Vocabulary

__all__ = [
    "Argument",
    "BOS",
    "EOS",
    "Frame",
    "PARSERS",
    "ROLES",
    "ROLE_IDS",
    "RoleParser",
    "SpacyRoleParser",
    "UNK",
    "Vocabulary",
    "frames_to_graph",
    "get_parser",
    "role_id",
]
