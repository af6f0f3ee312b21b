"""Captions to role graphs: parsers, vocabularies, caches, printing."""

from graphvtr.graphs.roles import ROLE_IDS, ROLES, role_id
from graphvtr.text.allennlp_parser import AllenNLPParser
from graphvtr.text.bert_srl import BertSrlParser
from graphvtr.text.cache import CachedParser
from graphvtr.text.concept_extractor import CaptionConcepts, ConceptExtractor
from graphvtr.text.concepts import ConceptVocabulary, sibling_mask, video_labels
from graphvtr.text.frames import Argument, Frame, frames_to_lists
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.neural_parser import NeuralRoleParser
from graphvtr.text.packing import pack
from graphvtr.text.parse_file import parse_file, read_captions
from graphvtr.text.parser import PARSERS, ListParser, RoleParser, get_parser
from graphvtr.text.precomputed import PrecomputedParser
from graphvtr.text.printing import format_tree
from graphvtr.text.serialise import graph_from_dict, graph_to_dict
from graphvtr.text.spacy_parser import SpacyRoleParser
from graphvtr.text.tagged import tag_spans
from graphvtr.text.vocabulary import BOS, EOS, UNK, Vocabulary

__all__ = [
    "AllenNLPParser",
    "Argument",
    "BOS",
    "BertSrlParser",
    "CachedParser",
    "CaptionConcepts",
    "ConceptExtractor",
    "ConceptVocabulary",
    "EOS",
    "Frame",
    "GraphLists",
    "ListParser",
    "NeuralRoleParser",
    "PARSERS",
    "PrecomputedParser",
    "ROLES",
    "ROLE_IDS",
    "RoleParser",
    "SpacyRoleParser",
    "UNK",
    "Vocabulary",
    "format_tree",
    "frames_to_lists",
    "get_parser",
    "graph_from_dict",
    "graph_to_dict",
    "pack",
    "parse_file",
    "read_captions",
    "role_id",
    "sibling_mask",
    "tag_spans",
    "video_labels",
]
