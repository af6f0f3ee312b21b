from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import RelationshipEncoder


def test_several_heads_attend_on_their_own() -> None:
    """Against PyTorch's own post-norm transformer layer with the same weights, after the same positions."""
    torch.manual_seed(0)
    encoder = RelationshipEncoder(8, 8, heads=2, feedforward=16).double()
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double()
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(encoder.attention.qkv.weight)
        layer.self_attn.in_proj_bias.zero_()
        layer.self_attn.out_proj.weight.copy_(encoder.attention.out.weight)
        layer.self_attn.out_proj.bias.zero_()
        for mine, theirs in (
            (layer.norm1, encoder.norm_attention),
            (layer.norm2, encoder.norm),
            (layer.linear1, encoder.feedforward[0]),
            (layer.linear2, encoder.feedforward[2]),
        ):
            mine.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 8, dtype=torch.float64)
    place = torch.arange(5, dtype=torch.float64)[:, None]
    angle = place / 10000 ** (torch.arange(0, 8, 2, dtype=torch.float64) / 8)
    positions = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
    expected = layer((x + positions)[None])[0].mean(0)
    torch.testing.assert_close(encoder(x, torch.tensor([0, 5]))[0], expected, rtol=1e-6, atol=1e-6)


def test_order_matters_within_a_sequence_only() -> None:
    encoder = RelationshipEncoder(6, 4)
    x = torch.randn(5, 6)
    ptr = torch.tensor([0, 3, 3, 5])
    out = encoder(x, ptr)
    swapped = encoder(x[[3, 4, 0, 1, 2]], torch.tensor([0, 2, 5, 5]))
    torch.testing.assert_close(swapped[[1, 2, 0]], out)
    assert not torch.allclose(encoder(x[[1, 0, 2, 3, 4]], ptr)[0], out[0])
    empty = encoder(torch.zeros(0, 6), torch.tensor([0, 0]))
    torch.testing.assert_close(empty[0], out[1])  # the map's bias alone


def test_width_must_fit_the_heads() -> None:
    with pytest.raises(DataError, match="multiple of heads"):
        RelationshipEncoder(6, 4, heads=4)
