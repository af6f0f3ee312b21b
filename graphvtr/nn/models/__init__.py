"""Retrieval models, one file a model."""

from graphvtr.nn.models.base import RetrievalModel
from graphvtr.nn.models.concept_model import ConceptModel
from graphvtr.nn.models.corr_ae import CorrAE
from graphvtr.nn.models.devise import DeViSE
from graphvtr.nn.models.dual_encoding import DualEncoding
from graphvtr.nn.models.graphvtr import GraphVTR
from graphvtr.nn.models.hanet import HANet
from graphvtr.nn.models.hgr import HGR
from graphvtr.nn.models.jemc import JEMC
from graphvtr.nn.models.mcsan import MCSAN
from graphvtr.nn.models.mixture_of_experts import MixtureOfExperts
from graphvtr.nn.models.order_embeddings import OrderEmbeddings
from graphvtr.nn.models.pvse import PVSE
from graphvtr.nn.models.visern import ViSERN
from graphvtr.nn.models.vse import VSE, VSEPlusPlus
from graphvtr.nn.models.vsrnet import VSRNet
from graphvtr.nn.models.w2vv import W2VV, W2VVPlusPlus
from graphvtr.nn.models.zero_shot import ZeroShot
from graphvtr.nn.registered import MODELS

__all__ = [
    "HGR",
    "JEMC",
    "MCSAN",
    "MODELS",
    "PVSE",
    "W2VV",
    "ConceptModel",
    "CorrAE",
    "DeViSE",
    "GraphVTR",
    "HANet",
    "VSE",
    "DualEncoding",
    "MixtureOfExperts",
    "OrderEmbeddings",
    "RetrievalModel",
    "VSEPlusPlus",
    "VSRNet",
    "W2VVPlusPlus",
    "ViSERN",
    "ZeroShot",
]
