"""Turning decoded pictures upright, as their display matrix asks."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Orientation"]


@dataclass(frozen=True)
class Orientation:
    """How stored pixels are turned to be shown: a transposition, then flips.

    Attributes:
        transpose: Rows become columns.
        flip_horizontal: Left and right are exchanged, after the transposition.
        flip_vertical: Top and bottom are exchanged, after the transposition.
    """

    transpose: bool = False
    flip_horizontal: bool = False
    flip_vertical: bool = False

    @classmethod
    def from_display_matrix(cls, matrix: bytes | None) -> "Orientation":
        """Read the 3x3 display matrix of a container (nine native 32-bit integers).

        Turns by other than quarter turns, and what cannot be read, leave the picture as it is.
        """
        if matrix is None or len(matrix) < 36:
            return cls()
        a, b, _, c, d, _, _, _, _ = struct.unpack("=9i", matrix[:36])
        if a == 0 and d == 0 and b and c:
            return cls(transpose=True, flip_horizontal=c < 0, flip_vertical=b < 0)
        if b == 0 and c == 0 and a and d:
            return cls(flip_horizontal=a < 0, flip_vertical=d < 0)
        return cls()

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (height, width, 3), upright and contiguous in memory."""
        if self.transpose:
            image = np.swapaxes(image, 0, 1)
        if self.flip_horizontal:
            image = image[:, ::-1]
        if self.flip_vertical:
            image = image[::-1]
        return np.ascontiguousarray(image)
