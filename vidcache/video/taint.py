"""Which pictures may show the effect of damage, by the order in which they were decoded."""

from collections import deque

__all__ = ["PacketMark", "TaintTracker"]

# Far more than the pictures that a decoder holds back to reorder them.
_NUM_REMEMBERED = 256


class PacketMark:
    """Travels with a packet through the decoder and comes out on its picture.

    Attributes:
        number: Place of the packet in the order of decoding.
    """

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class TaintTracker:
    """Tells which pictures are whole, where pictures are shown in another order than decoded.

    A picture is tainted if it was decoded at or after a damaged packet, unless a whole key frame
    lies between. A key frame that the decoder already held when a later packet was found damaged
    does not clear that damage, and pictures decoded before the damage but shown after it are
    whole. What refers to the time before a key frame (the leading pictures of an open group) is
    shown before it, and so stays tainted.

    Args:
        joined: The stream is entered at any place: nothing is whole before the first key frame.

    Example:
        >>> taint = TaintTracker(joined=False)
        >>> marks = [taint.mark(), taint.mark()]
        >>> taint.damage()
        >>> [taint.judge(mark, is_key=False, is_corrupt=False) for mark in marks]
        [False, True]
    """

    def __init__(self, *, joined: bool) -> None:
        self._number = 0
        self._damages: deque[int] = deque([0] if joined else [], maxlen=_NUM_REMEMBERED)
        self._last_key = -1

    def mark(self) -> PacketMark:
        """The mark of the next packet that goes into the decoder."""
        self._number += 1
        return PacketMark(self._number)

    def damage(self) -> None:
        """The packet that was marked last is damaged, or was lost, or follows something lost."""
        if not self._damages or self._damages[-1] != self._number:
            self._damages.append(self._number)

    def judge(self, mark: PacketMark | None, *, is_key: bool, is_corrupt: bool) -> bool:
        """Whether a picture is tainted; pictures are asked for in the order they are shown.

        Args:
            mark: The mark of its packet; None if the decoder lost it.
            is_key: It refers to no other picture.
            is_corrupt: The decoder itself says that it is not whole.
        """
        number = self._number if mark is None else mark.number
        if is_corrupt and number not in self._damages:
            self._damages.append(number)
        damage = max((d for d in self._damages if d <= number), default=-1)
        if is_key and damage < number and not is_corrupt:
            self._last_key = max(self._last_key, number)
        return damage > self._last_key
