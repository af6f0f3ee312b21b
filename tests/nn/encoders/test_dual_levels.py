"""Edge cases of Dual Encoding's levels; their values are tested in tests/nn/models/test_dual_encoding.py."""

from __future__ import annotations

import pytest
import torch

from graphvtr.graphs import VideoGraph
from graphvtr.nn import DualVideoEncoder
from graphvtr.nn.encoders.dual_levels import CommonSpace, SequenceLevels


@pytest.mark.parametrize("padded", [False, True])
def test_empty_sequences(padded: bool) -> None:
    levels = SequenceLevels(4, 3, (2, 3), 2).double()
    x = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    out = levels(x, torch.tensor([0, 0, 3, 3, 5]), padded_rnn=padded)
    assert out.shape == (4, 10)
    assert (out[[0, 2]] == 0).all()
    assert (out[[1, 3]] != 0).any(1).all()
    torch.testing.assert_close(out[1], levels(x[:3], torch.tensor([0, 3]))[0])
    out.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert (levels(x[:0], torch.tensor([0, 0, 0]), padded_rnn=padded) == 0).all()


def test_a_clip_without_frames_has_a_vector() -> None:
    encoder = DualVideoEncoder(4, 6, rnn=3, filters=2).eval()
    assert torch.isfinite(encoder(VideoGraph.build(torch.zeros(0, 4)))).all()


def test_dropout_acts_in_training_only() -> None:
    levels = SequenceLevels(4, 30, (2,), 30, dropout=0.5)
    x, ptr = torch.randn(6, 4), torch.tensor([0, 6])
    dropped = levels(x, ptr)
    kept = levels.eval()(x, ptr)
    survivors = dropped != 0
    torch.testing.assert_close(dropped[survivors], 2 * kept[survivors])
    assert 0.3 < survivors[:, :60].double().mean() < 0.7


def test_common_space_counts_words() -> None:
    """A bag is the sum of its words' columns of W."""
    space = CommonSpace(2, 5, bag=4).double().eval()
    features = torch.randn(3, 2, dtype=torch.float64)
    words, ptr = torch.tensor([0, 3, 3, 1]), torch.tensor([0, 3, 3, 4])
    counts = torch.tensor([[1.0, 0, 0, 2], [0, 0, 0, 0], [0, 1, 0, 0]]).double()
    expected = space.norm(space.linear(features) + counts @ space.bag)
    torch.testing.assert_close(space(features, words, ptr), expected / expected.norm(dim=1, keepdim=True))
    assert not torch.allclose(space(features), space(features, words, ptr))


def test_common_space_trains_on_a_single_video() -> None:
    """The last batch of an epoch may hold captions of one video only."""
    space, row = CommonSpace(2, 5), torch.randn(1, 2)
    out = space(row)
    out[0, 0].backward()
    assert space.linear.weight.grad is not None
    assert bool(space.linear.weight.grad.isfinite().all())
    torch.testing.assert_close(out, space.eval()(row))  # by the running statistics
