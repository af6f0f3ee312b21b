from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video.regions import best_boxes, box_iou
from graphvtr.video.regions.boxes import from_centre


def random_boxes(count: int, seed: int = 0) -> torch.Tensor:
    corner = torch.rand(2, count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.cat([corner.min(0).values, corner.max(0).values], dim=1)


def plain_iou(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared
    return shared / union if union > 0 else 0.0


def plain_nms(box, score, limit, min_score, max_overlap):
    order = sorted((i for i in range(len(box)) if score[i] >= min_score), key=lambda i: -score[i])
    kept = []
    for i in order:
        if len(kept) < limit and all(plain_iou(box[i], box[j]) <= max_overlap for j in kept):
            kept.append(i)
    return kept


def test_overlap_of_all_pairs():
    one, other = random_boxes(7), random_boxes(5, seed=1)
    expected = [[plain_iou(a, b) for b in other.tolist()] for a in one.tolist()]
    torch.testing.assert_close(box_iou(one, other), torch.tensor(expected, dtype=torch.float64))
    assert torch.allclose(box_iou(one, one).diagonal(), torch.ones(7, dtype=torch.float64))
    assert box_iou(one[:0], other).shape == (0, 5)


def test_boxes_without_area_overlap_nothing():
    point = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    assert box_iou(point, point).item() == 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("limit", "min_score", "max_overlap"), [(100, 0.0, 0.5), (3, 0.0, 0.3), (100, 0.6, 1.0)])
def test_best_boxes_equal_plain_loops(seed, limit, min_score, max_overlap):
    box, score = random_boxes(40, seed), torch.rand(40, generator=torch.Generator().manual_seed(seed + 9))
    expected = plain_nms(box.tolist(), score.tolist(), limit, min_score, max_overlap)
    found = best_boxes(box, score, limit=limit, min_score=min_score, max_overlap=max_overlap)
    assert found.tolist() == expected
    assert (score[found].diff() <= 0).all()


def test_what_cannot_be_a_region_is_never_kept():
    box = torch.tensor(
        [[0.1, 0.1, 0.1, 0.5], [0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, float("nan")], [0.6, 0.6, 1.0, 1.0]]
    )
    assert best_boxes(box, torch.tensor([0.9, float("nan"), 0.8, 0.1]), limit=9).tolist() == [3]
    assert best_boxes(box[:0], torch.empty(0), limit=9).tolist() == []


def test_equal_scores_keep_their_order():
    box = torch.tensor([[0.0, 0.0, 0.2, 0.2], [0.3, 0.3, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]])
    assert best_boxes(box, torch.ones(3), limit=2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"limit": 0}, "num_regions"),
        ({"limit": 1, "min_score": 1.5}, "min_score"),
        ({"limit": 1, "max_overlap": 0.0}, "max_overlap"),
    ],
)
def test_settings_out_of_range_are_refused(settings, named):
    with pytest.raises(DataError, match=named):
        best_boxes(torch.rand(1, 4), torch.rand(1), **settings)


def test_boxes_from_centres_stay_in_the_picture():
    found = from_centre(torch.tensor([[0.5, 0.5], [0.9, 0.1]]), torch.tensor([[0.2, 0.4], [0.4, 0.4]]))
    torch.testing.assert_close(found, torch.tensor([[0.4, 0.3, 0.6, 0.7], [0.7, 0.0, 1.0, 0.3]]))
