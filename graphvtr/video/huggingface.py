"""Models in local directories as Hugging Face's transformers saves them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphvtr import reading
from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.video.clip_files import fingerprint

_WEIGHTS = ("*.safetensors", "*.bin")


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object of a model's directory.

    Raises:
        DataError: it is missing or damaged.
    """
    fix = "give the directory of a model, with config.json, preprocessor_config.json and weights"
    values = reading.read_json(file, fix="download the model again", missing=fix)
    if not isinstance(values, dict):
        raise DataError(file, "is no JSON object", "download the model again")
    return values


def load_model(directory: Path, auto_class: str, purpose: str) -> Any:
    """The model of a directory, in evaluation mode, without running code or reading pickles from it.

    Args:
        directory: of the model.
        auto_class: of transformers, or the name of the model's class itself.
        purpose: what it is for, for messages.

    Raises:
        DataError: no such model, or weights are missing in it.
        MissingExtraError: transformers is not installed.
    """
    read_json(directory / "config.json")
    transformers = optional_import("transformers", "bert", purpose)
    try:
        # files of weights are safetensors or read with weights_only=True, and code in the directory is not run
        model, info = getattr(transformers, auto_class).from_pretrained(
            directory, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, AttributeError, TypeError) as error:
        problem = f"holds no model for {purpose} ({str(error).splitlines()[0][:200]})"
        raise DataError(directory, problem, "give the directory of one") from error
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key and "text_model" not in key)
    if missing:  # transformers fills them with random numbers
        raise DataError(directory, f"lacks weights: {', '.join(missing[:3])}", "give the directory of a whole model")
    return model.eval().requires_grad_(False)


def model_version(directory: Path) -> str:
    """Name of a model's directory and a digest of its configuration and weights."""
    digest = hashlib.sha256()
    files = [file for pattern in (*_WEIGHTS, "*config.json") for file in sorted(directory.glob(pattern))]
    for file in files:
        digest.update(f"{file.name} {fingerprint(file)}\n".encode())
    return f"{directory.name} {digest.hexdigest()[:12]}"


@dataclass(frozen=True)
class PictureInput:
    """How a model wants pictures, as its ``preprocessor_config.json`` says; they are squeezed, never cropped.

    Attributes:
        height: of the input, None where ``shortest`` and ``longest`` decide.
        width: likewise.
        shortest: length of the shorter side; proportions are kept.
        longest: which the longer side may not exceed then.
        mean: of each channel, of values 0..1.
        std: likewise.
    """

    height: int | None
    width: int | None
    shortest: int | None
    longest: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, directory: Path, size: int | tuple[int, int] | None = None) -> PictureInput:
        """Of a model's directory.

        Args:
            directory: of the model.
            size: of the input, height and width, where the model allows one only.

        Raises:
            DataError: there is no ``preprocessor_config.json``, or it says no size.
        """
        file = directory / "preprocessor_config.json"
        values = read_json(file)
        normalises = values.get("do_normalize", True)
        mean, std = (tuple(values.get(key, ())) if normalises else () for key in ("image_mean", "image_std"))
        wanted = size if size is not None else values.get("crop_size") or values.get("size")
        if isinstance(wanted, int):
            wanted = (wanted, wanted)
        if isinstance(wanted, tuple | list) and len(wanted) == 2:
            wanted = {"height": wanted[0], "width": wanted[1]}
        if not isinstance(wanted, dict) or not (wanted.get("height") or wanted.get("shortest_edge")):
            raise DataError(file, f"says no size of pictures ({wanted})", "give size.height and size.width")
        return cls(
            wanted.get("height"),
            wanted.get("width"),
            wanted.get("shortest_edge"),
            wanted.get("longest_edge"),
            mean or (0.0, 0.0, 0.0),
            std or (1.0, 1.0, 1.0),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Plain JSON values, for manifests."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the input for pictures of ``height`` x ``width`` pixels."""
        if self.height and self.width:
            return self.height, self.width
        assert self.shortest is not None
        scale = self.shortest / min(height, width)
        if self.longest is not None:
            scale = min(scale, self.longest / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def __call__(self, frames: Tensor, device: torch.device) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, 3, h, w]`` float32 on ``device``, bilinear and antialiased."""
        channels_first = frames.cpu().permute(0, 3, 1, 2)
        size = self.size(*channels_first.shape[2:])
        resized = F.interpolate(channels_first, size, mode="bilinear", antialias=True, align_corners=False)
        pictures = resized.contiguous().to(device).float() / 255
        mean, std = (pictures.new_tensor(value).view(3, 1, 1) for value in (self.mean, self.std))
        return (pictures - mean) / std
