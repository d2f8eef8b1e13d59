"""A labelled video as a head learns from it: features, times, labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError

__all__ = ["EncodedVideo"]


@dataclass(frozen=True, eq=False)
class EncodedVideo:
    """The features of every frame of a video, and what each frame shows.

    Attributes:
        name: What the video is called in reports.
        features: Tokens of the frames, shape (T, N, C), float16 or float32; may be a memory map,
            so that a data set need not fit into memory.
        seconds: Presentation times of the frames, shape (T,), float64; they never decrease.
        targets: 1 for each label that a frame shows, shape (T, K), float32; column 0 alone where
            none of the others is shown.
        ignore: Frames that do not count, shape (T,), bool: damaged ones, or ambiguous ones.

    Raises:
        InputError: The arrays do not belong together.

    Example:
        >>> import numpy as np
        >>> video = EncodedVideo("clip", np.zeros((3, 1, 8), np.float16), np.arange(3.0),
        ...                      np.eye(3, 4, dtype=np.float32), np.zeros(3, bool))
        >>> len(video), video
        (3, EncodedVideo('clip', 3 frames of 1 x 8, 4 labels))
    """

    name: str
    features: NDArray[Any]
    seconds: NDArray[np.float64]
    targets: NDArray[np.float32]
    ignore: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.features.ndim != 3:
            raise InputError(
                f"the features of {self.name!r} have shape {self.features.shape}, but must have "
                "(frames, tokens, width): give one token as features[:, None]"
            )
        num_frames = len(self.features)
        shapes = {
            "seconds": (self.seconds.shape, (num_frames,)),
            "ignore": (self.ignore.shape, (num_frames,)),
            "targets": (self.targets.shape, (num_frames, *self.targets.shape[1:2])),
        }
        for name, (shape, expected) in shapes.items():
            if shape != expected or (name == "targets" and len(shape) != 2):
                wanted = f"({num_frames}, labels)" if name == "targets" else str(expected)
                raise InputError(
                    f"{name} of {self.name!r} has shape {shape}, but there are {num_frames} "
                    f"frames of features: give {wanted}"
                )

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        num_frames, num_tokens, width = self.features.shape
        return (
            f"EncodedVideo({self.name!r}, {num_frames} frames of {num_tokens} x {width}, "
            f"{self.targets.shape[1]} labels)"
        )
