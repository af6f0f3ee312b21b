"""Which of two twins, against a loop."""

from __future__ import annotations

import torch

from graphvtr.metrics import between_twins, twin_positions


def test_twins_are_found_by_name() -> None:
    assert twin_positions(["b-twin", "a", "b", "c-twin", "a-twin-twin", "a-twin"]).tolist() == [2, 5, 0, -1, 5, 1]
    assert twin_positions([]).tolist() == []


def test_choices_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    owner, twin = torch.tensor([0, 0, 1, 2, 2, 2, 3]), torch.tensor([2, -1, 0, -1])
    scores = torch.randint(3, (4, 7), generator=generator).float()  # with ties
    right, share = between_twins(scores, owner, twin)
    for caption, video in enumerate(owner.tolist()):
        other = int(twin[video])
        if other < 0:
            assert right[caption].isnan()
            assert share[caption].isnan()
            continue
        own = scores[video, caption]
        assert bool(right[caption]) == bool(own > scores[other, caption])
        theirs = [scores[video, column] for column in range(7) if owner[column] == other]
        assert share[caption] == sum(float(own > score) for score in theirs) / len(theirs)
