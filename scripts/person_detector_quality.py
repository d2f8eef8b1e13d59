"""What cameras do to pictures: light and colour, low resolution, blur, noise, compression."""

import cv2
import numpy as np
from numpy.typing import NDArray


def worsen(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Changes a picture of any size as a bad camera or bad light might.

    Args:
        image: The picture, shape (height, width, 3).
        rng: Source of randomness.
    """
    image = np.ascontiguousarray(image)
    if rng.random() < 0.85:
        image = _other_light(image, rng)
    if rng.random() < 0.5:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
        part = 0.0 if rng.random() < 0.2 else rng.uniform(0.2, 1.5)
        image = np.clip(grey + part * (image.astype(np.float32) - grey), 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        image = _haze(image, rng)
    if rng.random() < 0.08:
        image = np.ascontiguousarray(image[..., rng.permutation(3)])
    if rng.random() < 0.2:
        part = rng.uniform(0.4, 0.9)
        height, width = image.shape[:2]
        small = cv2.resize(image, None, fx=part, fy=part, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.15:
        size = int(rng.choice([3, 5]))
        image = cv2.blur(image, (size, int(rng.choice([1, 3, size]))))
    if rng.random() < 0.2:
        noise = rng.integers(-1, 2, image.shape, np.int8) * rng.integers(3, 18)
        image = np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))]
        image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], 1), np.uint8)
    return image


def recolour(person: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """A cut-out person in other light than its new background, and often in other colours.

    Args:
        person: Its pixels, shape (height, width, 3).
        rng: Source of randomness.
    """
    if person.size and rng.random() < 0.4:
        tones = cv2.cvtColor(person, cv2.COLOR_RGB2HSV)
        tones[..., 0] = (tones[..., 0].astype(int) + int(rng.integers(180))) % 180
        person = np.asarray(cv2.cvtColor(tones, cv2.COLOR_HSV2RGB), np.uint8)
    gains = rng.uniform(0.7, 1.3, 3) * np.exp(rng.normal(0, 0.3))
    contrast = np.exp(rng.normal(0, 0.3))
    return (255 * (person.astype(np.float32) / 255) ** contrast * gains).astype(np.float32)


def _other_light(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    gains = rng.uniform(0.82, 1.18, 3) * np.exp(rng.normal(0, 0.25))
    levels = np.arange(256)[:, None] / 255
    table = np.clip(255 * (levels * gains) ** np.exp(rng.normal(0, 0.25)), 0, 255)
    return cv2.LUT(image, table.astype(np.uint8)[None])


def _haze(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light that is stronger on one side, or air that hides contrast there."""
    height, width = image.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
    strength = (np.cos(angle) * x + np.sin(angle) * y + 1) / 2.83 * rng.uniform(0.1, 0.6)
    veil = rng.uniform(0, 255)
    mixed = image * (1 - strength[..., None]) + veil * strength[..., None]
    return mixed.clip(0, 255).astype(np.uint8)
