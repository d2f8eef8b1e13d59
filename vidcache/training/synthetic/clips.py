# pyright: basic
"""Training clips: synthetic streams at the size that a model sees, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.skeleton import KEYPOINTS
from vidcache.training.synthetic.splits import Split, SplitName
from vidcache.training.synthetic.stream import VISIBLE, SyntheticFrame, SyntheticStream
from vidcache.video.drawing import resize

__all__ = ["Clip", "ClipSettings", "draw_clip"]

_ASPECTS = (4 / 3, 4 / 3, 16 / 9, 16 / 9, 16 / 9, 3 / 2, 1.0, 9 / 16)
_MAX_FIGURES = 3


@dataclass(frozen=True)
class ClipSettings:
    """How clips are drawn.

    Attributes:
        num_frames: Frames of a clip.
        frame_rates: Range of the frame rate; each clip has its own, drawn on a log scale.
        image_size: Height and width of the pictures; streams of other aspects are stretched.
        split: Split of the streams.
        source_heights: Range of the height in pixels at which streams are drawn.
    """

    num_frames: int
    frame_rates: tuple[float, float]
    image_size: tuple[int, int]
    split: SplitName | Split = "train"
    source_heights: tuple[int, int] = (112, 168)


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip with its labels.

    Attributes:
        images: Pictures, uint8 RGB, shape (T, height, width, 3).
        targets: 1 for each label shown, shape (T, K).
        seconds: Times of the frames, shape (T,).
        keypoints: Keypoints of up to 3 figures, x and y from 0 to 1 within the picture, shape
            (T, 3, 18, 2), the most visible figure first; NaN where there is no figure.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.float32]
    seconds: NDArray[np.float64]
    keypoints: NDArray[np.float32]


def draw_clip(seed: int, settings: ClipSettings) -> Clip:
    """Draw one clip; the same seed and settings give the same clip.

    Example:
        >>> clip = draw_clip(0, ClipSettings(2, (8.0, 12.0), (112, 160)))
        >>> clip.images.shape
        (2, 112, 160, 3)
    """
    rng = np.random.default_rng((7, seed))
    low, high = settings.frame_rates
    frame_rate = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    height = int(rng.integers(settings.source_heights[0], settings.source_heights[1] + 1))
    width = round(height * float(rng.choice(_ASPECTS)))
    stream = SyntheticStream(
        seed,
        settings.split,
        size=(width, height),
        frame_rate=frame_rate,
        num_frames=settings.num_frames,
    )
    frames = list(stream)
    size = (settings.image_size[1], settings.image_size[0])
    return Clip(
        images=np.stack([resize(frame.image_rgb, size) for frame in frames]),
        targets=np.stack([frame.target for frame in frames]),
        seconds=np.array([frame.seconds for frame in frames]),
        keypoints=np.stack([_keypoints(frame, (width, height)) for frame in frames]),
    )


def _keypoints(frame: SyntheticFrame, size: tuple[int, int]) -> NDArray[np.float32]:
    result = np.full((_MAX_FIGURES, len(KEYPOINTS), 2), np.nan, dtype=np.float32)

    def shown(box: tuple[float, float, float, float], visibility: float) -> float:
        return visibility * (box[2] - box[0]) * (box[3] - box[1])

    figures = [figure for figure in frame.figures if figure.visibility >= VISIBLE]
    figures.sort(key=lambda figure: -shown(figure.box_xyxy, figure.visibility))
    for slot, figure in enumerate(figures[:_MAX_FIGURES]):
        result[slot] = figure.keypoints_xy / np.array(size)
    return result
