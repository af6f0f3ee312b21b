from __future__ import annotations

import itertools

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.graphs.transforms import TEMPORAL, AddTemporalEdges
from graphvtr.video.regions import Regions, TrackLinker, box_iou

pytest.importorskip("scipy")


def moving(shuffle: bool = False) -> tuple[Regions, torch.Tensor, torch.Tensor]:
    """Three objects move through five frames; the second is missing in the last two. Also returns who is who."""
    generator = torch.Generator().manual_seed(0)
    looks = torch.eye(3, 8)
    box, frame, x, who = [], [], [], []
    for t in range(5):
        present = [0, 1, 2] if t < 3 else [0, 2]
        for index in [present[i] for i in torch.randperm(len(present), generator=generator)] if shuffle else present:
            left = 0.1 + 0.3 * index + 0.02 * t
            box.append([left, 0.2, left + 0.2, 0.6])
            x.append(looks[index] + 0.05 * torch.randn(8, generator=generator))
            frame.append(t)
            who.append(index)
    regions = Regions(torch.tensor(box), torch.ones(len(box)), torch.tensor(frame))
    return regions, torch.stack(x), torch.tensor(who)


@pytest.mark.parametrize("shuffle", [False, True])
def test_objects_are_followed(shuffle):
    regions, x, who = moving(shuffle)
    track = TrackLinker()(regions, x)
    assert (track >= 0).all()
    assert len(track.unique()) == 3
    for index in range(3):
        assert len(track[who == index].unique()) == 1


def test_tracks_make_the_temporal_edges():
    regions, x, _ = moving()
    graph = VideoGraph.build(
        torch.randn(5, 4),
        region_x=x,
        region_box=regions.box,
        region_frame=regions.frame,
        region_track=TrackLinker()(regions, x),
    )
    edges = AddTemporalEdges(by="track")(graph)[TEMPORAL].edge_index
    assert edges.size(1) == 4 + 2 + 4


def test_looks_decide_where_places_do_not():
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5]] * 2)
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    track = TrackLinker()(Regions(box, torch.ones(4), torch.tensor([0, 0, 1, 1])), x)
    assert track.tolist() == [0, 1, 1, 0]


def test_assignment_is_the_best_of_all():
    generator = torch.Generator().manual_seed(3)
    corner = torch.rand(8, 2, generator=generator) * 0.5
    box, x = torch.cat([corner, corner + 0.4], dim=1), torch.randn(8, 5, generator=generator)
    regions = Regions(box, torch.ones(8), torch.tensor([0] * 4 + [1] * 4))
    track = TrackLinker(0.3, min_affinity=-1.0)(regions, x)
    centred = torch.nn.functional.normalize(x - (1 - 1 / 4) * x.mean(0), dim=1)  # four regions a frame
    affinity = 0.3 * box_iou(box[:4], box[4:]) + 0.7 * centred[:4] @ centred[4:].T
    best = max(itertools.permutations(range(4)), key=lambda order: float(affinity[range(4), list(order)].sum()))
    assert [track[4 + j].item() for j in best] == track[:4].tolist()


def test_unlike_regions_are_not_linked():
    box = torch.tensor([[0.0, 0.0, 0.2, 0.2], [0.8, 0.8, 1.0, 1.0]])
    regions = Regions(box, torch.ones(2), torch.tensor([0, 1]))
    assert TrackLinker()(regions, torch.tensor([[1.0, 0.0], [0.0, 1.0]])).tolist() == [-1, -1]


def test_frames_without_regions_end_tracks():
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5]] * 4)
    regions = Regions(box, torch.ones(4), torch.tensor([0, 1, 3, 4]))
    x = torch.tensor([[1.0, 0.0]] * 4)
    assert TrackLinker(overlap_weight=1.0)(regions, x).tolist() == [0, 0, 1, 1]


def test_a_single_object_is_followed():
    box = torch.tensor([[0.1, 0.1, 0.5, 0.5]]) + 0.05 * torch.arange(6)[:, None]
    x = torch.tensor([[1.0, 0.2, 0.1]]) + 0.05 * torch.randn(6, 3)
    assert TrackLinker()(Regions(box, torch.ones(6), torch.arange(6)), x).tolist() == [0] * 6


def test_features_are_read_a_frame_at_a_time():
    regions, x, _ = moving()
    expected, asked = TrackLinker()(regions, x), []

    class Rows:
        shape = x.shape

        def __getitem__(self, rows):
            asked.append((rows.start, rows.stop))
            return x[rows]

    assert TrackLinker()(regions, Rows()).tolist() == expected.tolist()
    frames = [(0, 3), (3, 6), (6, 9), (9, 11), (11, 13)]
    assert asked == frames * 2


def test_nothing_to_link():
    empty = Regions(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.long))
    assert TrackLinker()(empty, torch.empty(0, 3)).tolist() == []
    one = Regions(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), torch.zeros(1, dtype=torch.long))
    assert TrackLinker()(one, torch.ones(1, 3)).tolist() == [-1]


def test_wrong_arguments_are_refused():
    with pytest.raises(DataError, match="overlap_weight"):
        TrackLinker(1.5)
    with pytest.raises(DataError, match="min_affinity"):
        TrackLinker(min_affinity=2.0)
    with pytest.raises(DataError, match=r"x: has shape \[2, 3\]"):
        TrackLinker()(moving()[0], torch.zeros(2, 3))
    with pytest.raises(DataError, match=r"x: has shape \[13\]"):
        TrackLinker()(moving()[0], torch.zeros(13))
