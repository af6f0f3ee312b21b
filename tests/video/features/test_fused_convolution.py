from __future__ import annotations

import pytest
import torch
from torch import nn

from graphvtr.video.features import fused_convolution
from graphvtr.video.features.fused_convolution import FusedConvolution


def trained(groups: int, stride: int, bias: bool, padding: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    convolution = nn.Conv2d(4, 8, 3, stride, padding, groups=groups, bias=bias)
    norm = nn.BatchNorm2d(8).eval()
    nn.init.normal_(norm.weight, 2.0)
    nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.2, 3.0)
    return convolution, norm


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("relu6", [True, False])
@pytest.mark.parametrize("side", [None, (1, 1, 1, 1), (0, 1, 0, 1)])
@pytest.mark.parametrize(("groups", "stride", "bias", "padding"), [(1, 1, True, 1), (4, 2, False, 0)])
def test_three_steps_in_one(groups, stride, bias, padding, side, relu6, onednn, monkeypatch):
    if not onednn:
        monkeypatch.setattr(fused_convolution, "_has_onednn", lambda x: False)
    convolution, norm = trained(groups, stride, bias, padding)
    if side is not None:
        convolution.static_padding = nn.ZeroPad2d(side)
    x = 3 * torch.randn(2, 4, 9, 11)
    with torch.no_grad():
        expected = norm(convolution(x if side is None else convolution.static_padding(x)))
        expected = expected.clamp(0, 6) if relu6 else expected
        if relu6:
            assert (expected == 6).any()  # both ends of ReLU6 are in use
            assert (expected == 0).any()
        fused = FusedConvolution(convolution, norm, relu6=relu6)
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            torch.testing.assert_close(fused(given), expected, atol=1e-5, rtol=1e-5)


def test_other_precision_takes_the_plain_path():
    convolution, norm = trained(1, 1, True, 1)
    convolution, norm = convolution.double(), norm.double()
    fused = FusedConvolution(convolution, norm, relu6=True)
    x = torch.randn(1, 4, 5, 5, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(fused(x), norm(convolution(x)).clamp(0, 6))
    assert "relu6=True" in repr(fused)
