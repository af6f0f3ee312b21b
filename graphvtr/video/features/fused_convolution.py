"""Convolution, batch normalisation and ReLU6 of a trained network in one step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights


class FusedConvolution(nn.Module):
    r"""A convolution whose weights hold the batch normalisation after it, with ReLU6 in the same pass over memory.

    At inference :math:`\mathrm{BN}(W * x) = \frac{\gamma}{\sigma} W * x + \beta - \frac{\gamma \mu}{\sigma}` is a
    convolution. On a CPU oneDNN also applies ReLU6 while it writes the result, as in models that ``torch.compile``
    has frozen; three passes over memory become one, which makes EfficientNet-Lite three times as quick
    (``benchmarks/speed/extraction.py``). Numbers differ from the three steps by rounding only, and unlike those of
    ``F.conv2d`` they are the same for any number of threads, so that stores are, however many processes made them.

    Args:
        convolution: in evaluation mode, zero padding; a submodule ``static_padding`` is taken over.
        norm: what follows it.
        relu6: whether min(max(x, 0), 6) follows that.

    Shapes:
        - **input:** ``[N, C, H, W]``
        - **output:** as the convolution's
    """

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d, *, relu6: bool) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        weight, bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", bias.detach())
        self.stride, self.dilation, self.groups = convolution.stride, convolution.dilation, convolution.groups
        self.relu6 = relu6
        left, right, top, bottom = getattr(getattr(convolution, "static_padding", None), "padding", (0, 0, 0, 0))
        even = left == right and top == bottom  # else one pixel more on one side, which convolutions do not know
        rows, columns = (int(size) for size in convolution.padding)
        self.padding = (rows + top, columns + left) if even else (rows, columns)
        self.before = None if even else nn.ZeroPad2d((left, right, top, bottom))

    weight: Tensor
    bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = x if self.before is None else self.before(x)
        if _has_onednn(x):
            sizes: list[Sequence[int]] = [list(size) for size in (self.padding, self.stride, self.dilation)]
            after: tuple[str, list[float], str] = ("hardtanh", [0.0, 6.0], "") if self.relu6 else ("none", [], "")
            fused = torch.ops.mkldnn._convolution_pointwise
            return fused(x, self.weight, self.bias, *sizes, self.groups, *after)  # type: ignore[no-any-return]
        out = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return F.hardtanh_(out, 0.0, 6.0) if self.relu6 else out

    def extra_repr(self) -> str:
        return f"{list(self.weight.shape)}, stride={self.stride}, groups={self.groups}, relu6={self.relu6}"


def _has_onednn(x: Tensor) -> bool:
    """Whether the fused kernel, which is not public, is there and takes this input."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()
    return fits and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def fuse_efficient_net(network: nn.Module) -> None:
    """Fuse the convolutions of a network of ``efficientnet_lite_pytorch``, in place; its ``forward`` stays its own."""
    for block in (network, *network.get_submodule("_blocks").children()):
        for convolution, norm, relu6 in (
            ("_conv_stem", "_bn0", True),
            ("_expand_conv", "_bn0", True),
            ("_depthwise_conv", "_bn1", True),
            ("_project_conv", "_bn2", False),
            ("_conv_head", "_bn1", True),
        ):
            if hasattr(block, convolution):
                fused = FusedConvolution(getattr(block, convolution), getattr(block, norm), relu6=relu6)
                setattr(block, convolution, fused)
                setattr(block, norm, nn.Identity())
        block._swish = nn.Identity()
