"""Losses over the scores of a batch."""

from graphvtr.nn.losses.triplet import TripletRankingLoss

__all__ = ["TripletRankingLoss"]
