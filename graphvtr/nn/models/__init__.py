"""Retrieval models, one file a model."""

from graphvtr.nn.models.base import MODELS, RetrievalModel
from graphvtr.nn.models.concept_model import ConceptModel
from graphvtr.nn.models.dual_encoding import DualEncoding
from graphvtr.nn.models.hanet import HANet
from graphvtr.nn.models.hgr import HGR
from graphvtr.nn.models.mcsan import MCSAN
from graphvtr.nn.models.visern import ViSERN
from graphvtr.nn.models.vse import VSE, VSEPlusPlus
from graphvtr.nn.models.vsrnet import VSRNet

__all__ = [
    "HGR",
    "MCSAN",
    "MODELS",
    "ConceptModel",
    "HANet",
    "VSE",
    "DualEncoding",
    "RetrievalModel",
    "VSEPlusPlus",
    "VSRNet",
    "ViSERN",
]
