"""Sizes and chance, by hand."""

from __future__ import annotations

import logging

import pytest

from graphvtr.tasks.splits import chance_rsum, split_summary


def test_chance_of_a_few_clips(toy_dataset) -> None:
    """One caption each of 4 clips: R@1 is a quarter, R@5 and R@10 are everything, both ways."""
    assert chance_rsum(toy_dataset(videos=4, captions=1)) == pytest.approx(2 * (25 + 100 + 100))
    assert chance_rsum(toy_dataset(videos=1, captions=2)) == pytest.approx(600)


def test_few_clips_are_warned_of(toy_dataset, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        told = split_summary(toy_dataset("train", 30, 2), toy_dataset("val", 4, 1))
    assert told.startswith("toy: train 30 clips with 60 captions, val 4 clips with 4 captions; ")
    assert told.endswith("guessing gives a validation rsum of 450.0")
    assert caplog.messages == ["toy/val has 4 clips, fewer than 20: its figures say little"]
