"""What the training, validation and test streams are made of, and how they differ.

The three splits share the actions and nothing else that can be kept apart: cameras, bodies,
hues of clothing, families of backgrounds and tempo come from different ranges.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vidcache.errors import ConfigError
from vidcache.training.synthetic.performance import Tempo

__all__ = ["SPLITS", "Split", "SplitName", "split_of"]

SplitName = Literal["train", "validation", "test"]

_Range = tuple[float, float]


@dataclass(frozen=True)
class Split:
    """The ranges that one split draws from.

    Attributes:
        number: Part of every seed, so that equal seeds of two splits have nothing in common.
        camera_heights: Ranges of the camera's height in metres, one of them chosen at a time.
        camera_distances: Range of the camera's distance in metres.
        figure_heights: Range of the figure's height as a part of the picture's.
        statures: Ranges of the body's size.
        limbs: Range of the factors of the proportions.
        thickness: Range of the factor of the limbs' thickness.
        hues: Which of 12 hues clothing and backgrounds take.
        backgrounds: Names of the families of backgrounds.
        tempo: How actions are performed.
    """

    number: int
    camera_heights: tuple[_Range, ...]
    camera_distances: _Range
    figure_heights: _Range
    statures: tuple[_Range, ...]
    limbs: _Range
    thickness: tuple[_Range, ...]
    hues: tuple[int, ...]
    backgrounds: tuple[str, ...]
    tempo: Tempo

    def pick(self, rng: np.random.Generator, ranges: tuple[_Range, ...]) -> float:
        """Draw from one of several ranges, chosen by their widths."""
        widths = np.array([high - low for low, high in ranges])
        low, high = ranges[int(rng.choice(len(ranges), p=widths / widths.sum()))]
        return float(rng.uniform(low, high))

    def hue(self, rng: np.random.Generator) -> float:
        """Draw a hue of this split, 0 to 1."""
        return (int(rng.choice(self.hues)) + float(rng.uniform(0.05, 0.95))) / 12


SPLITS: dict[SplitName, Split] = {
    "train": Split(
        number=0,
        camera_heights=((0.9, 1.7), (2.2, 3.6)),
        camera_distances=(3.0, 9.0),
        figure_heights=(0.5, 0.95),
        statures=((0.84, 0.96), (1.01, 1.16)),
        limbs=(0.9, 1.1),
        thickness=((0.75, 0.95), (1.05, 1.35)),
        hues=(0, 1, 2, 4, 5, 7, 8, 10),
        backgrounds=("plain", "clouds", "blocks", "room", "hills"),
        tempo=Tempo(speed=(0.78, 1.22), size=(0.82, 1.15), noise=(0.02, 0.1)),
    ),
    "validation": Split(
        number=1,
        camera_heights=((0.7, 0.9), (1.95, 2.2)),
        camera_distances=(3.5, 7.0),
        figure_heights=(0.5, 0.88),
        statures=((0.96, 0.985),),
        limbs=(0.88, 0.95),
        thickness=((0.95, 1.0),),
        hues=(3, 9),
        backgrounds=("bricks", "clouds"),
        tempo=Tempo(speed=(0.72, 1.28), size=(0.8, 1.18), noise=(0.03, 0.11)),
    ),
    "test": Split(
        number=2,
        camera_heights=((0.5, 0.7), (1.7, 1.95)),
        camera_distances=(3.2, 8.0),
        figure_heights=(0.5, 0.88),
        statures=((0.985, 1.01),),
        limbs=(1.05, 1.12),
        thickness=((1.0, 1.05),),
        hues=(6, 11),
        backgrounds=("street", "stripes"),
        tempo=Tempo(speed=(0.7, 1.3), size=(0.8, 1.18), noise=(0.03, 0.12)),
    ),
}
"""The splits by name."""


def split_of(split: str | Split) -> Split:
    """Return a split by its name; one that is given as it is stays so.

    Raises:
        ConfigError: If there is no such split.
    """
    if isinstance(split, Split):
        return split
    for known, ranges in SPLITS.items():
        if known == split:
            return ranges
    raise ConfigError(f"unknown split {split!r}; give one of {', '.join(SPLITS)}")
