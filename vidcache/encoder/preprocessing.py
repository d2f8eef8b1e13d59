"""From uint8 pictures of any size to the pixels that an encoder expects."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vidcache.errors import ConfigError, InputError

__all__ = ["Images", "Preprocessing"]

Picture: TypeAlias = NDArray[np.uint8] | torch.Tensor
Images: TypeAlias = Picture | Sequence[Picture]
"""A batch (B, height, width, 3), or a list of pictures (height, width, 3) of any sizes."""

_MODES = {"bicubic": "bicubic", "bilinear": "bilinear", "nearest": "nearest-exact"}


@dataclass(frozen=True)
class Preprocessing:
    """Resizes, crops or pads, and normalises pictures.

    Resizing is antialiased and, on the processor, done on uint8, which rounds and clips as
    Pillow does: ``fit="crop"`` agrees with timm's evaluation transform.

    Attributes:
        size: Height and width of the result in pixels.
        fit: How a picture of another shape fits in: ``"crop"`` (the short side is resized to
            size / crop_pct and the centre is cut out, as timm does), ``"pad"`` (the whole
            picture, centred, the rest filled with the mean colour) or ``"stretch"`` (the whole
            picture, its aspect given up).
        mean: Mean of red, green and blue, on the scale 0 to 1.
        std: Standard deviation of them.
        interpolation: ``"bicubic"``, ``"bilinear"`` or ``"nearest"``.
        crop_pct: Share of the resized short side that ``fit="crop"`` keeps; else unused.

    Raises:
        ConfigError: A setting is none of those named.
    """

    size: tuple[int, int]
    fit: Literal["crop", "pad", "stretch"] = "crop"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"
    crop_pct: float = 1.0

    def __post_init__(self) -> None:
        if self.fit not in ("crop", "pad", "stretch"):
            raise ConfigError(f"fit is {self.fit!r}, but must be 'crop', 'pad' or 'stretch'")
        if self.interpolation not in _MODES:
            raise ConfigError(
                f"interpolation is {self.interpolation!r}, but must be one of {', '.join(_MODES)}"
            )
        if not 0 < self.crop_pct <= 1:
            raise ConfigError(f"crop_pct is {self.crop_pct}, but must be above 0 and at most 1")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ConfigError(
                f"mean {self.mean} and std {self.std} must be three numbers each (red, green, "
                "blue; scale 0 to 1), and std above 0"
            )

    def __call__(self, images: Images, device: str | torch.device = "cpu") -> torch.Tensor:
        """Turns pictures into normalised pixels.

        Args:
            images: uint8 RGB, NumPy or torch: a batch (B, height, width, 3), or a list of
                pictures (height, width, 3) whose sizes may differ.
            device: Where the work is done and the result lies.

        Returns:
            float32, shape (B, 3, *size). Each picture's pixels depend on that picture alone.

        Raises:
            InputError: The pictures have another type or shape.
        """
        if isinstance(images, (np.ndarray, torch.Tensor)):
            return self._normalise(self._fit_batch(_as_tensor(images, 4, device)))
        fitted = [self._fit_batch(_as_tensor(image, 3, device)) for image in images]
        if not fitted:
            return torch.empty(0, 3, *self.size, device=device)
        return self._normalise(torch.cat(fitted))

    def place_boxes(
        self, boxes_xyxy: NDArray[np.floating], picture_size: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Says where boxes of a picture lie in its pixels after fitting.

        Args:
            boxes_xyxy: Boxes in pixels of the picture, shape (K, 4).
            picture_size: Height and width of the picture.

        Returns:
            The boxes in pixels of the result, shape (K, 4); they may reach beyond its edges.
        """
        height, width = picture_size
        if self.fit == "crop":
            inner = self._crop_size(height, width)
            top, left = (-_margin(new, size) for new, size in zip(inner, self.size, strict=True))
        elif self.fit == "pad":
            inner = self._pad_size(height, width)
            top, left = ((size - new) // 2 for new, size in zip(inner, self.size, strict=True))
        else:
            inner, top, left = self.size, 0, 0
        scale = (inner[1] / width, inner[0] / height)
        boxes: NDArray[np.float64] = np.array(boxes_xyxy, np.float64)
        return boxes * np.array(scale * 2) + np.array((left, top) * 2)

    def _fit_batch(self, images: torch.Tensor) -> torch.Tensor:
        """(B, height, width, 3) to (B, 3, *size), values 0 to 255."""
        pixels = images.permute(0, 3, 1, 2)
        if pixels.shape[0] == 0:
            return pixels.new_empty(0, 3, *self.size)
        if self.fit == "stretch":
            return self._resize(pixels, self.size)
        if self.fit == "pad":
            return self._pad(pixels)
        return self._crop(pixels)

    def _crop(self, pixels: torch.Tensor) -> torch.Tensor:
        new_size = self._crop_size(*pixels.shape[-2:])
        resized = self._resize(pixels, new_size)
        top, left = (_margin(new, size) for new, size in zip(new_size, self.size, strict=True))
        return resized[:, :, top : top + self.size[0], left : left + self.size[1]]

    def _crop_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that a picture is resized to before its centre is cut out."""
        # The roundings are those of torchvision's Resize and CenterCrop and of timm's
        # ResizeKeepRatio, which timm's evaluation transform is made of.
        scaled = [math.floor(side / self.crop_pct) for side in self.size]
        if scaled[0] == scaled[1]:
            short = scaled[0]
            if height <= width:
                return short, int(short * width / height)
            return int(short * height / width), short
        ratio = min(height / scaled[0], width / scaled[1])
        return round(height / ratio), round(width / ratio)

    def _pad_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the whole picture within the result."""
        ratio = min(self.size[0] / height, self.size[1] / width)
        return (
            min(max(round(height * ratio), 1), self.size[0]),
            min(max(round(width * ratio), 1), self.size[1]),
        )

    def _pad(self, pixels: torch.Tensor) -> torch.Tensor:
        inner = self._pad_size(*pixels.shape[-2:])
        resized = self._resize(pixels, inner)
        if inner == self.size:
            return resized
        fill = torch.tensor([255 * value for value in self.mean], device=pixels.device)
        canvas = fill.view(1, 3, 1, 1).repeat(pixels.shape[0], 1, *self.size)
        top, left = (self.size[0] - inner[0]) // 2, (self.size[1] - inner[1]) // 2
        canvas[:, :, top : top + inner[0], left : left + inner[1]] = resized
        return canvas

    def _resize(self, pixels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        if tuple(pixels.shape[-2:]) == size:
            return pixels
        mode = _MODES[self.interpolation]
        if pixels.device.type != "cpu":
            # Only the processor resizes uint8; rounded and clipped, the result is the same.
            smooth = functional.interpolate(
                pixels.float(), size=size, mode=mode, antialias=mode != "nearest-exact"
            )
            return smooth.round_().clamp_(0, 255)
        return functional.interpolate(
            pixels, size=size, mode=mode, antialias=mode != "nearest-exact"
        )

    def _normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        mean = torch.tensor(self.mean, device=pixels.device).mul_(255).view(3, 1, 1)
        scale = torch.tensor(self.std, device=pixels.device).mul_(255).reciprocal_().view(3, 1, 1)
        result = pixels.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
        return result.sub_(mean).mul_(scale)


def _margin(resized: int, kept: int) -> int:
    """How much is cut off before the centre of a side, in pixels; timm rounds so."""
    return round((resized - kept) / 2)


def _as_tensor(images: object, num_dims: int, device: str | torch.device) -> torch.Tensor:
    """Checks one batch (4 dimensions) or one picture (3) and returns it as a batch."""
    if not isinstance(images, (np.ndarray, torch.Tensor)):
        raise InputError(
            f"a picture is a {type(images).__name__}, but must be a uint8 NumPy array or tensor "
            "of shape (height, width, 3)"
        )
    images = cast("Picture", images)
    shape = tuple(images.shape)
    expected = "(B, height, width, 3)" if num_dims == 4 else "(height, width, 3)"
    if images.dtype not in (np.uint8, torch.uint8):
        raise InputError(
            f"the pictures are {images.dtype}, but must be uint8 RGB of shape {expected}, 0 to 255"
        )
    if len(shape) != num_dims or shape[-1] != 3:
        hint = ": give one picture as images[None]" if len(shape) == 3 and num_dims == 4 else ""
        raise InputError(f"the pictures have shape {shape}, but must have {expected}{hint}")
    if 0 in shape[-3:-1]:
        raise InputError(f"the pictures have shape {shape}: no pixels to look at")
    if isinstance(images, np.ndarray):
        images = _share_memory(images)
    batch = images if num_dims == 4 else images[None]
    return batch.to(device)


def _share_memory(images: NDArray[np.uint8]) -> torch.Tensor:
    # torch takes neither negative strides (images[..., ::-1]) nor read-only memory.
    if not images.flags.writeable or min(images.strides) < 0:
        images = np.array(images, dtype=np.uint8)
    return torch.as_tensor(images)
