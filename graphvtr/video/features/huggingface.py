"""Frame features of vision encoders in local Hugging Face directories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.features.base import check_frames
from graphvtr.video.huggingface import PictureInput, load_model, model_version, read_json


class HuggingFaceVision:
    """A vision encoder saved by transformers: CLIP, SigLIP, ViT, DINOv2, Swin, ResNet, ConvNeXt and their like.

    ==================  ================================  ===================================================
    model               a frame's vector                  map that regions are pooled from
    ==================  ================================  ===================================================
    CLIP                its image embedding               patch tokens, normalised and projected the same way
    SigLIP              its pooled output                 patch tokens
    with a CLS token    that token of the last layer      patch tokens
    others              mean of the map                   patch tokens or the last convolutional map
    ==================  ================================  ===================================================

    Pictures are squeezed into the model's input without cropping and resized bilinearly, where some models were
    trained on centre crops and bicubic resizing: boxes keep their meaning, vectors differ slightly. Code in the
    directory is never run. Needs the extra ``bert`` (transformers) and nothing of torchvision.

    Args:
        directory: with ``config.json``, ``preprocessor_config.json`` and weights.
        device: where to compute.
        batch_size: pictures at a time.

    Raises:
        DataError: no such model, weights are missing, or its outputs are of another kind.
        MissingExtraError: transformers is not installed.
    """

    name = "huggingface"

    def __init__(
        self, directory: str | Path, device: str | torch.device = "cpu", batch_size: int | None = None
    ) -> None:
        self.directory = Path(directory)
        self.device = torch.device(device)
        self.batch_size = batch_size or (4 if self.device.type == "cpu" else 64)
        architectures = read_json(self.directory / "config.json").get("architectures") or [""]
        architecture = str(architectures[0]) if isinstance(architectures, list) else ""
        projected = architecture if architecture.endswith("VisionModelWithProjection") else "AutoModel"
        model = load_model(self.directory, projected, "frame features")
        self._projection = getattr(model, "visual_projection", None)
        self._model = getattr(model, "vision_model", model).to(self.device)
        if self._model.main_input_name != "pixel_values":
            problem = f"is no model of pictures, it reads {self._model.main_input_name}"
            raise DataError(self.directory, problem, "give the directory of a vision encoder")
        if self._projection is not None:
            self._projection = self._projection.to(self.device)
        config = getattr(model.config, "vision_config", model.config)
        self._patch = getattr(config, "patch_size", None)
        self._input = PictureInput.of(self.directory, _fixed_size(getattr(config, "image_size", None)))
        self.version = model_version(self.directory)
        self.dim = self(torch.zeros(1, 64, 64, 3, dtype=torch.uint8)).size(1)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._input.settings

    def __call__(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim]`` float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        check_frames(frames)
        return torch.cat([self._both(part)[0].cpu() for part in frames.split(self.batch_size)])

    def feature_map(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim, h, w]`` float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        return self.vectors_and_map(frames)[1]

    def vectors_and_map(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Both by one pass."""
        check_frames(frames)
        vectors, maps = zip(*(self._both(part) for part in frames.split(self.batch_size)), strict=True)
        return torch.cat([part.cpu() for part in vectors]), torch.cat([part.cpu() for part in maps])

    @torch.no_grad()
    def _both(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        pictures = self._input(frames, self.device)
        output = self._model(pixel_values=pictures)
        hidden: Tensor = output.last_hidden_state
        if hidden.dim() == 4:  # a convolutional network
            return hidden.mean(dim=(2, 3)).float(), hidden.float()
        height, width = self._grid(hidden.size(1), pictures.shape[2:])
        patches = hidden[:, hidden.size(1) - height * width :]
        if self._projection is not None:
            vectors = self._projection(output.pooler_output)
            patches = self._projection(self._model.post_layernorm(patches))
        elif hasattr(self._model, "head"):
            vectors = output.pooler_output
        else:
            vectors = patches.mean(1) if patches.size(1) == hidden.size(1) else hidden[:, 0]
        maps = patches.transpose(1, 2).unflatten(2, (height, width))
        return vectors.float(), maps.float().contiguous()

    def _grid(self, tokens: int, size: torch.Size) -> tuple[int, int]:
        """How many rows and columns of patches the last tokens stand for."""
        if isinstance(self._patch, int):
            height, width = size[0] // self._patch, size[1] // self._patch
            if 0 < height * width <= tokens < 2 * height * width + 2:
                return height, width
        side = math.isqrt(tokens)
        if side**2 != tokens:
            raise DataError(self.directory, f"gives {tokens} tokens a picture", "it should be a map or patch tokens")
        return side, side


def _fixed_size(size: Any) -> int | tuple[int, int] | None:
    """A configuration's ``image_size`` as height and width, None where there is none."""
    if isinstance(size, list | tuple) and len(size) == 2:
        return int(size[0]), int(size[1])
    return size if isinstance(size, int) else None
