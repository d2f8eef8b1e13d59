"""Which of the blocks in a tier of memory leave first when its budget is used up."""

from __future__ import annotations

import time

__all__ = ["UseOrder"]


class UseOrder:
    """Keeps size and last use of chained blocks, and names those that must leave.

    The chain that was used longest ago leaves first, its end before its beginning: a block without
    those in front of it is worth nothing.

    Args:
        max_bytes: Budget in bytes.

    Attributes:
        max_bytes: Budget in bytes.
        nbytes: Bytes of all blocks.

    Example:
        >>> from vidcache.cache.prefix.use_order import UseOrder
        >>> order = UseOrder(max_bytes=25)
        >>> for name, previous in (("a", None), ("b", "a"), ("c", "b")):
        ...     _ = order.add(name, nbytes=10, previous=previous)
        >>> order.surplus()
        ['c']

    Source:
        vLLM frees the blocks of a sequence from its end for the same reason.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._sizes: dict[str, int] = {}
        self._used: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, name: str, nbytes: int, previous: str | None) -> int:
        """Takes in a block, or its new size, and counts it as used; returns :meth:`touch`'s."""
        self.nbytes += nbytes - self._sizes.get(name, 0)
        self._sizes[name] = nbytes
        return self.touch(name, previous)

    def restore(self, name: str, nbytes: int, used: int) -> None:
        """Takes in a block with the use that it had before.

        Args:
            name: The block.
            nbytes: Its size.
            used: What :meth:`touch` returned for it.
        """
        self.add(name, nbytes, None)
        self._used[name] = used

    def touch(self, name: str, previous: str | None) -> int:
        """Counts a block as used.

        Args:
            name: The block.
            previous: The block in front of it, touched before; None for the first of a chain.

        Returns:
            When its chain was begun to be used, in nanoseconds since the epoch, less its place in
            the chain: one number by which blocks are sorted.
        """
        # Without the block in front of it, a block is the first to go.
        used = time.time_ns() if previous is None else max(0, self._used.get(previous, 0) - 1)
        self._used[name] = used
        return used

    def remove(self, name: str) -> None:
        """Forgets a block, if it is known."""
        self.nbytes -= self._sizes.pop(name, 0)
        self._used.pop(name, None)

    def surplus(self) -> list[str]:
        """Names the blocks without which the rest is within the budget, the first to go first."""
        leaving: list[str] = []
        too_much = self.nbytes - self.max_bytes
        if too_much <= 0:
            return leaving
        for name in sorted(self._used, key=self._used.__getitem__):
            leaving.append(name)
            too_much -= self._sizes[name]
            if too_much <= 0:
                break
        return leaving
