"""Features in memory, of which those that were used longest ago leave first."""

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import ConfigError

__all__ = ["MemoryTier"]

# What Python spends on a key and its place, as measured for 20-byte keys.
_ENTRY_BYTES = 200


class MemoryTier:
    """Holds the features of the frames that were used last, to the bit.

    All of its memory is taken at once, so a process does not grow while it fills. Several threads
    may use it.

    Args:
        max_bytes: Budget in all; one that is too small for a frame holds none.
        shape: Tokens and width of a frame, (N, C).

    Attributes:
        capacity: Frames that it holds at most.

    Raises:
        ConfigError: The budget is negative, or more than there is memory.

    Example:
        >>> import numpy as np
        >>> tier = MemoryTier(max_bytes=2 * (200 + 4 * 3), shape=(1, 3))
        >>> for name in (b"a", b"b", b"c"):
        ...     tier.put(name, np.ones((1, 3), np.float32))
        >>> tier.get(b"a") is None, len(tier)
        (True, 2)
    """

    def __init__(self, max_bytes: int, shape: tuple[int, int]) -> None:
        if max_bytes < 0:
            raise ConfigError(f"max_bytes is {max_bytes}: give a number of bytes, 0 for none")
        self.capacity = max_bytes // (_ENTRY_BYTES + 4 * shape[0] * shape[1])
        try:
            # Written to, not only reserved: the system gives a page when it is first written.
            self._slots = np.full((self.capacity, *shape), 0, np.float32)
        except MemoryError:
            raise ConfigError(
                f"max_bytes is {max_bytes}: there is not so much memory, give less"
            ) from None
        self._places: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """Bytes of all slots, used or not."""
        return self._slots.nbytes + _ENTRY_BYTES * self.capacity

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """Finds the features of a frame, which then counts as used last.

        Args:
            key: What it is known by.

        Returns:
            A copy, shape (N, C); None if it is not there.
        """
        with self._lock:
            place = self._places.get(key)
            if place is None:
                return None
            self._places.move_to_end(key)
            return self._slots[place].copy()

    def put(self, key: bytes, features: NDArray[np.float32]) -> None:
        """Keeps the features of a frame, in the place of the one that was used longest ago.

        Args:
            key: What it is known by.
            features: Shape (N, C).
        """
        with self._lock:
            if self.capacity == 0:
                return
            place = self._places.pop(key, len(self._places))
            if place == self.capacity:
                _, place = self._places.popitem(last=False)
            self._slots[place] = features
            self._places[key] = place
