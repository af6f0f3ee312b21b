"""Losses over the scores and embeddings of a batch."""

from graphvtr.nn.losses.distribution_alignment import DistributionAlignmentLoss
from graphvtr.nn.losses.focal_bce import FocalBCELoss
from graphvtr.nn.losses.info_nce import SymmetricInfoNCE
from graphvtr.nn.losses.triplet import TripletRankingLoss

__all__ = ["DistributionAlignmentLoss", "FocalBCELoss", "SymmetricInfoNCE", "TripletRankingLoss"]
