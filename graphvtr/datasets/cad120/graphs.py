"""Units of CAD-120 as region graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.datasets.cad120.annotations import CATEGORIES, HEIGHT, RELATIONS, STATES, WIDTH
from graphvtr.datasets.cad120.units import Unit, sample
from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph

RELATION = ("region", "relation", "region")
FEATURES = {"category": len(CATEGORIES), "geometry": 5, "motion": 4, "state": len(STATES), "relation": len(RELATIONS)}
"""Parts of ``region.x`` and their widths."""
FRAME_DIM = 4 * len(CATEGORIES)
MOTION_SCALE = 10.0  # a box moves by hundredths of the picture from frame to frame; geometry is of the order of 1


@dataclass(frozen=True)
class Regions:
    """The seen objects of a unit's F frames, sorted by frame: R rows.

    Args:
        frame: [R], position among the unit's frames.
        thing: [R], position in the recording's objects: the track.
        box: [R, 4], x0 y0 x1 y1 in 0..1.
        motion: [R, 4], how centre, width and height changed since the object was last seen, 0 at first.
        place: [F, O], row of an object in a frame, -1 where it is not seen.
    """

    frame: np.ndarray[Any, Any]
    thing: np.ndarray[Any, Any]
    box: np.ndarray[Any, Any]
    motion: np.ndarray[Any, Any]
    place: np.ndarray[Any, Any]


def find_regions(unit: Unit, frames: Sequence[int]) -> Regions:
    """The regions of ``frames`` (absolute numbers) of a unit."""
    boxes = unit.recording.boxes[:, frames].transpose(1, 0, 2)  # [F, O, 4]
    frame, thing = unit.recording.seen[:, frames].T.nonzero()
    place = np.full(boxes.shape[:2], -1)
    place[frame, thing] = np.arange(len(frame))
    scaled = boxes[frame, thing] / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], dtype=np.float32)
    corners = np.concatenate([scaled[:, :2], scaled[:, :2] + scaled[:, 2:]], axis=1).clip(0, 1)
    middle = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)
    motion = np.zeros_like(middle)
    for index in range(boxes.shape[1]):
        rows = place[:, index][place[:, index] >= 0]
        motion[rows[1:]] = np.diff(middle[rows], axis=0)
    return Regions(frame, thing, corners, motion, place)


def relation_edges(unit: Unit, frames: Sequence[int], place: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor]:
    """Annotated relations between seen objects, sorted by frame: ``edge_index`` [2, E], kinds [E]."""
    edges = []
    for (one, other), kinds in unit.recording.pairs.items():
        rows = np.stack([place[:, one], place[:, other], kinds[list(frames)]])
        edges.append(rows[:, (rows[:2] >= 0).all(0)])
    if not edges:
        return torch.empty(2, 0, dtype=torch.long), torch.empty(0, dtype=torch.long)
    joined = torch.from_numpy(np.concatenate(edges, axis=1)).long()
    joined = joined[:, joined[0].argsort(stable=True)]  # regions are sorted by frame
    return joined[:2].contiguous(), joined[2].contiguous()


def build_graph(
    unit: Unit, num_frames: int | None, features: Sequence[str], frames_per_second: float, relations: bool
) -> VideoGraph:
    """A unit as a :class:`VideoGraph`, see :class:`CAD120Graphs` for its fields.

    Raises:
        DataError: an unknown feature.
    """
    unknown = [name for name in features if name not in FEATURES]
    if unknown or not features:
        raise DataError(f"features={list(features)}", "unknown or none", f"choose of: {', '.join(FEATURES)}")
    frames = sample(unit, num_frames)
    regions = find_regions(unit, frames)
    index, kind = relation_edges(unit, frames, regions.place)
    parts = _parts(unit, frames, regions, index, kind)
    graph = VideoGraph.build(
        _frame_features(parts, regions, len(frames)),
        (torch.tensor(frames) - frames[0]).float() / frames_per_second,
        region_x=torch.cat([parts[name] for name in features], dim=1),
        region_box=torch.from_numpy(regions.box),
        region_frame=torch.from_numpy(regions.frame),
        region_track=torch.from_numpy(regions.thing),
        name=unit.name,
    )
    if relations:
        graph[RELATION].edge_index, graph[RELATION].kind = index, kind
        graph.validate()
    return graph


def _parts(unit: Unit, frames: Sequence[int], regions: Regions, index: Tensor, kind: Tensor) -> dict[str, Tensor]:
    """Every part of ``region.x`` by name, [R, width]."""
    recording, box = unit.recording, torch.from_numpy(regions.box)
    category = torch.tensor([CATEGORIES.index(recording.category(thing)) for thing in range(len(recording.objects))])
    size = box[:, 2:] - box[:, :2]
    state = torch.zeros(len(box), len(STATES))
    for thing, values in recording.states.items():
        rows = regions.place[:, thing]
        seen = rows >= 0
        state[rows[seen], values[list(frames)][seen]] = 1.0
    related = torch.zeros(len(box), len(RELATIONS))
    for end in index:
        related.index_put_((end, kind), torch.ones(len(kind)), accumulate=True)
    return {
        "category": torch.nn.functional.one_hot(category[regions.thing], len(CATEGORIES)).float(),
        "geometry": torch.cat([(box[:, :2] + box[:, 2:]) / 2, size, size.prod(1, keepdim=True)], dim=1),
        "motion": torch.from_numpy(regions.motion) * MOTION_SCALE,
        "state": state,
        "relation": related.clamp(max=1.0),  # which relations a region takes part in, not with whom
    }


def _frame_features(parts: dict[str, Tensor], regions: Regions, num_frames: int) -> Tensor:
    """[F, 52]: for each category how many are seen (quarters), their mean centre and mean speed."""
    kind = parts["category"].argmax(1)
    cell = torch.from_numpy(regions.frame) * len(CATEGORIES) + kind
    values = torch.cat(
        [torch.ones(len(kind), 1), parts["geometry"][:, :2], parts["motion"][:, :2].norm(dim=1, keepdim=True)], dim=1
    )
    total = torch.zeros(num_frames * len(CATEGORIES), 4).index_add_(0, cell, values)
    total[:, 1:] /= total[:, :1].clamp(min=1)
    total[:, 0] /= 4
    return total.view(num_frames, FRAME_DIM)
