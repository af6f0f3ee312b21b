"""Who does what to whom: pairs of regions on one side, actions with their agents and patients on the other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr
from graphvtr.nn.encoders.role_slots import SLOTS, action_slots
from graphvtr.nn.levels import Level
from graphvtr.nn.region_pairs import GEOMETRY, region_pairs

TIME = 3
"""Numbers that tell when: of a pair, see :class:`graphvtr.nn.region_pairs.RegionPairs`; of an action, whether it is the
only one, the first or a later one."""


class Relations(nn.Module):
    r"""Rows for :class:`graphvtr.nn.match.RelationMatch`: a key, who, to whom and when, and a value, what happens.

    Of a pair (i, j) of regions in a frame the key is :math:`[\hat U x_i, \hat V x_j, \hat T t]`, each part of length 1,
    and the value reads both regions and what their boxes do (:class:`graphvtr.nn.region_pairs.RegionPairs`). Of an
    action the key is made of its agent, of its patient with its further arguments, and of its place among the
    caption's actions; the value reads all of them.

    Args:
        region_dim: width of the region features.
        word_dim: of the words.
        channels: K, of each of the three parts of a key, and of the value.
        most: regions of a frame whose pairs are looked at.
        dropout: of the text side; half of it of what happens in a pair.
    """

    def __init__(self, region_dim: int, word_dim: int, channels: int, most: int, dropout: float) -> None:
        super().__init__()
        self.channels, self.most = channels, most
        self.scale = nn.LayerNorm(region_dim)
        self.agent_of, self.patient_of = nn.Linear(region_dim, channels), nn.Linear(region_dim, channels)
        self.time_of = nn.Linear(TIME, channels)
        self.source, self.target = nn.Linear(region_dim, 2 * channels), nn.Linear(region_dim, 2 * channels)
        self.geometry = nn.Linear(GEOMETRY + TIME, 2 * channels)
        self.happens = nn.Sequential(nn.GELU(), nn.Dropout(dropout / 2), nn.Linear(2 * channels, channels))
        self.agent, self.patient = _reader(word_dim, channels, dropout), _reader(2 * word_dim, channels, dropout)
        self.when = _reader(2 * word_dim + TIME, channels, dropout)
        self.action = _reader(len(SLOTS) * word_dim, channels, dropout)

    @property
    def key_channels(self) -> int:
        """Width of a key."""
        return 3 * self.channels

    def video(self, graph: VideoGraph, regions: Tensor) -> Level:
        """The pairs of each clip, [P, 4 K], from the regions' features [R, region_dim]."""
        pairs, x = region_pairs(graph, self.most), self.scale(regions)
        geometry, time = pairs.geometry.to(x.dtype), pairs.time.to(x.dtype)
        between = self.source(x)[pairs.source] + self.target(x)[pairs.target]
        between = between + self.geometry(torch.cat([geometry, time], 1))
        who, whom = _unit(self.agent_of(x))[pairs.source], _unit(self.patient_of(x))[pairs.target]
        return Level(torch.cat([who, whom, _unit(self.time_of(time)), _unit(self.happens(between))], 1), pairs.ptr)

    def text(self, graph: RoleGraph, actions: Tensor, entities: Tensor) -> Level:
        """The actions of each caption, [A, 4 K], from the words of actions [A, d] and entities [E, d]."""
        slots = action_slots(graph, actions, entities)
        action, agent, patient, _, other = slots.chunk(len(SLOTS), 1)
        ptr = node_ptr(graph, "action").to(slots.device)
        number = slots.size(0)  # len() would fix it where torch.export looks on
        count = torch.repeat_interleave(ptr.diff(), ptr.diff(), output_size=number)
        place = torch.arange(number, device=slots.device)
        first = place == torch.repeat_interleave(ptr[:-1], ptr.diff(), output_size=number)
        order = torch.stack([count == 1, first & (count > 1), ~first], 1).to(slots.dtype)
        parts = (
            self.agent(agent),
            self.patient(torch.cat([patient, other], 1)),
            self.when(torch.cat([action, other, order], 1)),
            self.action(slots),
        )
        return Level(torch.cat([_unit(part) for part in parts], 1), ptr)


def _reader(width: int, channels: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Dropout(dropout),
        nn.Linear(width, 2 * channels),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(2 * channels, channels),
    )


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)
