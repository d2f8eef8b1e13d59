"""What a figure looks like: its body's thickness, its clothes, its head."""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.skeleton import Proportions
from vidcache.training.synthetic.splits import Split

__all__ = ["Appearance", "hsv", "make_appearance"]

Rgb = NDArray[np.float64]

_SKINS = np.array([[244, 208, 177], [224, 172, 135], [187, 130, 92], [141, 85, 54], [88, 56, 41]])


@dataclass(frozen=True, eq=False)
class Appearance:
    """One figure's body and clothing.

    Attributes:
        proportions: Lengths of the bones.
        thickness: Factor of the limbs' radii.
        shirt: Colour of the trunk and the sleeves.
        stripes: Colour of stripes across the shirt, or None for a plain one.
        trousers: Colour of the legs.
        shoes: Colour of the feet.
        skin: Colour of face, hands and bare limbs.
        hair: Colour of the hair.
        long_hair: Whether the hair reaches the neck.
        sleeves: ``"none"``, ``"short"`` or ``"long"``.
        legs: ``"short"``, ``"long"`` or ``"skirt"``.
    """

    proportions: Proportions
    thickness: float
    shirt: Rgb
    stripes: Rgb | None
    trousers: Rgb
    shoes: Rgb
    skin: Rgb
    hair: Rgb
    long_hair: bool
    sleeves: str
    legs: str


def hsv(hue: float, saturation: float, value: float) -> Rgb:
    """Return a colour as RGB from 0 to 255; the arguments go from 0 to 1."""
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value)) * 255


def make_appearance(rng: np.random.Generator, split: Split) -> Appearance:
    """Dress a new figure.

    Args:
        rng: Source of randomness.
        split: Where the ranges come from.

    Returns:
        The figure's appearance.
    """
    factors = rng.uniform(*split.limbs, 5)
    proportions = Proportions(split.pick(rng, split.statures), *(float(f) for f in factors))
    skin = _SKINS[rng.integers(len(_SKINS))] * rng.uniform(0.9, 1.05)
    hair = hsv(rng.uniform(0.03, 0.12), rng.uniform(0.0, 0.6), rng.uniform(0.05, 0.75))
    return Appearance(
        proportions=proportions,
        thickness=split.pick(rng, split.thickness),
        shirt=_cloth(rng, split),
        stripes=_cloth(rng, split) if rng.random() < 0.25 else None,
        trousers=_cloth(rng, split),
        shoes=_cloth(rng, split) if rng.random() < 0.5 else np.full(3, rng.uniform(20, 230)),
        skin=skin,
        hair=hair,
        long_hair=bool(rng.random() < 0.35),
        sleeves=str(rng.choice(["none", "short", "long", "long"])),
        legs=str(rng.choice(["short", "long", "long", "long", "skirt"])),
    )


def _cloth(rng: np.random.Generator, split: Split) -> Rgb:
    if rng.random() < 0.3:
        return np.full(3, rng.uniform(15, 240)) + rng.uniform(-8, 8, 3)
    return hsv(split.hue(rng), rng.uniform(0.25, 0.95), rng.uniform(0.2, 0.95))
