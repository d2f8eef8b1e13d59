"""The time at which a picture was made, as black and white cells in the picture itself.

Twenty bits of the clock's milliseconds, the lowest first, stand in the topmost 16 rows. Each has
two cells of 16x16 pixels, the second one the opposite of the first, so that a picture without
a stamp, or a damaged one, is known as such.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.bench.camera_graph import movie_filter

__all__ = ["HEIGHT", "WIDTH", "age_ms", "read_stamp", "stamped_graph"]

_NUM_BITS = 20
_CELL = 16
# Edges of cells suffer most from encoding.
_MARGIN = 4
_LEAST_CONTRAST = 160
_PERIOD_MS = 1 << _NUM_BITS

WIDTH = 2 * _NUM_BITS * _CELL
HEIGHT = 360
"""Size of the stamped picture in pixels; the scene takes what the stamp leaves."""


def stamped_graph(scene: Path, rate: int) -> str:
    """A live camera that shows a video for ever, as a graph for libav's ``lavfi``.

    The clock is read when the picture is due, behind the filter that waits for that moment, and
    once a picture: the first cell keeps it for the others.

    Args:
        scene: The video; its pictures come one after the other, whatever its own rate.
        rate: Pictures a second.
    """
    bit = "mod(floor(ld(0)/pow(2,floor(X/2)))+X,2)"
    cells = (
        f"color=black:s={2 * _NUM_BITS}x1:r={rate},format=yuv420p,realtime,"
        f"geq=lum='if(eq(X,0),st(0,floor(time(0)*1000)));if({bit},235,16)':cb=128:cr=128,"
        f"scale={WIDTH}:{_CELL}:flags=neighbor,pad={WIDTH}:{HEIGHT}[stamp]"
    )
    rest = f"{WIDTH}:{HEIGHT - _CELL}"
    shown = f"{movie_filter(scene, rate)},scale={rest},format=yuv420p[scene]"
    return f"{cells};{shown};[stamp][scene]overlay=y={_CELL}:shortest=1"


def read_stamp(image: NDArray[np.uint8]) -> int | None:
    """The clock's milliseconds in a picture, without the high bits.

    Args:
        image: Grey (height, width) or of any colours (height, width, 3), at its own size.

    Returns:
        The number, or None if the picture has no readable stamp.
    """
    if image.shape[0] < _CELL or image.shape[1] < WIDTH:
        return None
    rows = image[_MARGIN : _CELL - _MARGIN, :WIDTH].astype(np.float64)
    grey = rows if rows.ndim == 2 else rows.mean(axis=2)
    cells = grey.reshape(len(grey), -1, _CELL)[:, :, _MARGIN:-_MARGIN].mean(axis=(0, 2))
    contrast = cells[0::2] - cells[1::2]
    if np.abs(contrast).min() < _LEAST_CONTRAST:
        return None
    return sum(1 << bit for bit, light in enumerate(contrast > 0) if light)


def age_ms(stamp: int, seconds: float) -> float:
    """How long before a moment a stamp was made, in milliseconds.

    Args:
        stamp: What `read_stamp` gave.
        seconds: The moment (seconds since the epoch), at most 17 minutes later.

    Example:
        >>> age_ms(stamp=5, seconds=(3 * 1048576 + 25.5) / 1000)
        20.5
    """
    return (1000 * seconds - stamp) % _PERIOD_MS
