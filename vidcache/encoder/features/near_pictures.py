"""Pictures that look almost like one that was encoded, by a measure that small things count in."""

from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from vidcache.encoder.preprocessing import Preprocessing

__all__ = ["CELL_PIXELS", "LOCAL_FACTOR", "NearPictures", "thumbnails"]

CELL_PIXELS = 8
"""Side of a thumbnail's cell in pixels that the encoder sees: a half or a whole patch."""

LOCAL_FACTOR = 8.0
"""How many times the threshold the cell that differs most may differ by."""

_MOST_CANDIDATES = 16

_Item = TypeVar("_Item")


def thumbnails(pixels: torch.Tensor, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """The mean red, green and blue of each cell of pictures, up to a constant.

    Args:
        pixels: What `FrameEncoder.preprocess` gives, (B, 3, height, width).
        preprocessing: How it was made.

    Returns:
        In grey levels of 0 to 255, shape (B, 3 * cells). Cells at the edge may be smaller.
    """
    levels = torch.tensor(preprocessing.std, device=pixels.device).mul_(255).view(3, 1, 1)
    cells = avg_pool2d(pixels, CELL_PIXELS, ceil_mode=True, count_include_pad=False)
    found: NDArray[np.float32] = (cells * levels).flatten(1).cpu().numpy()
    return found


class NearPictures(Generic[_Item]):
    """Finds the one of the last encoded pictures of a stream that a new one looks almost like.

    Two pictures are near if the cells of their thumbnails differ by at most the threshold on the
    average, and none by more than `LOCAL_FACTOR` times as much: a person who moves changes few
    cells, but these by much. Only encoded pictures are compared with, so that what changes slowly
    does not drift away; of these the 16 that were used last. It is not thread-safe.

    Args:
        threshold: Mean difference in grey levels of 0 to 255.

    Example:
        >>> import numpy as np
        >>> near = NearPictures[str](threshold=1.0)
        >>> near.add(np.zeros(432, np.float32), "empty room")
        >>> noise, person = np.full(432, 0.5, np.float32), np.zeros(432, np.float32)
        >>> person[100:103] = 20.0
        >>> near.find(noise), near.find(person)
        ('empty room', None)
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._thumbnails: NDArray[np.float32] | None = None
        self._items: list[_Item] = []
        self._used = np.zeros(_MOST_CANDIDATES, np.int64)
        self._num_asked = 0

    def find(self, thumbnail: NDArray[np.float32]) -> _Item | None:
        """The nearest picture that is near enough, which then counts as used last.

        Args:
            thumbnail: A row of `thumbnails`.

        Returns:
            What was added with it; None if none is near.
        """
        self._num_asked += 1
        if self._thumbnails is None:
            return None
        gaps = np.abs(self._thumbnails[: len(self._items)] - thumbnail)
        means = gaps.mean(axis=1)
        is_near = (means <= self._threshold) & (gaps.max(axis=1) <= LOCAL_FACTOR * self._threshold)
        if not is_near.any():
            return None
        nearest = int(np.where(is_near, means, np.inf).argmin())
        self._used[nearest] = self._num_asked
        return self._items[nearest]

    def add(self, thumbnail: NDArray[np.float32], item: _Item) -> None:
        """Makes an encoded picture one to compare with, in the place of that used longest ago.

        Args:
            thumbnail: A row of `thumbnails`; all have one length.
            item: What `find` returns for it.
        """
        if self._thumbnails is None:
            self._thumbnails = np.zeros((_MOST_CANDIDATES, len(thumbnail)), np.float32)
        if len(self._items) < _MOST_CANDIDATES:
            place = len(self._items)
            self._items.append(item)
        else:
            place = int(self._used.argmin())
            self._items[place] = item
        self._thumbnails[place] = thumbnail
        self._used[place] = self._num_asked
