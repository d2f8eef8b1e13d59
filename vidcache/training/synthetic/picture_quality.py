# pyright: basic
"""What a real camera does to a picture: exposure, colour, blur, noise, compression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.video.drawing import blur, jpeg_round_trip, resize

__all__ = ["PictureQuality", "make_picture_quality"]

_Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PictureQuality:
    """One camera's faults, the same for a whole stream but for its noise.

    Attributes:
        curves: New value of each value and channel (exposure, gamma, white balance), (256, 3).
        corners: How much darker the corners are, 0 to 1.
        blur_sigma: Blur in pixels of a picture 180 high, 0 for none.
        noise: A tile of noise to lay over each picture at another place, (size, size).
        jpeg_quality: Quality of compression, 0 for none.
        coarse: Factor by which the picture is made smaller and larger again, 1 for none.
    """

    curves: NDArray[np.uint8]
    corners: float
    blur_sigma: float
    noise: NDArray[np.int16]
    jpeg_quality: int
    coarse: float

    def apply(self, image: _Picture, rng: np.random.Generator) -> _Picture:
        """Return the picture as this camera shows it; ``rng`` places the noise."""
        height, width = image.shape[:2]
        if self.coarse < 1.0:
            small = (max(8, round(width * self.coarse)), max(8, round(height * self.coarse)))
            image = resize(resize(image, small), (width, height))
        if self.blur_sigma > 0:
            image = blur(image, max(0.05, self.blur_sigma * height / 180))
        image = np.stack([self.curves[image[..., c], c] for c in range(3)], axis=-1)
        if self.corners > 0:
            image = self._darkened(image)
        y, x = rng.integers(0, 64, 2)
        if self.noise.any():
            tile = np.roll(self.noise, (int(y) * 4, int(x) * 4), (0, 1))
            repeats = (-(-height // len(tile)), -(-width // len(tile)), 1)
            grain = np.tile(tile[..., None], repeats)[:height, :width]
            image = np.clip(image + grain, 0, 255).astype(np.uint8)
        return jpeg_round_trip(image, self.jpeg_quality) if self.jpeg_quality else image

    def _darkened(self, image: _Picture) -> _Picture:
        height, width = image.shape[:2]
        y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
        factor = (1 - self.corners * (x * x + y * y) / 2).astype(np.float32)
        return (image * factor[..., None]).astype(np.uint8)


def make_picture_quality(rng: np.random.Generator) -> PictureQuality:
    """Draw a camera's faults."""
    levels = np.linspace(0, 1, 256)[:, None]
    gamma, gain = np.exp(rng.normal(0, 0.22)), np.exp(rng.normal(0, 0.18))
    balance = np.exp(rng.normal(0, 0.06, 3))
    lift = max(0.0, rng.normal(0, 0.06))
    curves = np.clip(lift + (1 - lift) * gain * balance * levels**gamma, 0, 1) * 255
    strength = rng.uniform(0.5, 7.0) if rng.random() < 0.6 else 0.0
    tile = (rng.normal(0, 1, (256, 256)) * strength).astype(np.int16)
    return PictureQuality(
        curves=curves.astype(np.uint8),
        corners=rng.uniform(0.05, 0.6) if rng.random() < 0.3 else 0.0,
        blur_sigma=rng.uniform(0.3, 1.4) if rng.random() < 0.3 else 0.0,
        noise=tile,
        jpeg_quality=int(rng.integers(18, 90)) if rng.random() < 0.6 else 0,
        coarse=rng.uniform(0.5, 0.95) if rng.random() < 0.15 else 1.0,
    )
