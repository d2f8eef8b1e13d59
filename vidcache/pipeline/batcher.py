"""Gathers what several sources have ready, and waits for none of them too long."""

import threading
import time
from collections.abc import Sequence
from typing import Protocol, TypeVar

__all__ = ["Batcher", "Gathered"]


class Gathered(Protocol):
    """What the batcher asks of a source."""

    @property
    def pending(self) -> object | None:
        """What it has ready."""
        ...

    @property
    def is_due(self) -> bool:
        """Whether it has nothing ready but will soon: a camera that is down is not due."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        ...

    def poll(self) -> None:
        """Makes something ready, if it is there."""
        ...


_Member = TypeVar("_Member", bound=Gathered)


class Batcher:
    """Waits until every source that is due has something, or one of them has waited long enough.

    One thread so waits for any number of sources, woken by their decoders.

    Args:
        longest_wait: Seconds that a source with something ready waits for the others.
    """

    def __init__(self, longest_wait: float) -> None:
        self._longest_wait = longest_wait
        self._woken = threading.Event()

    def wake(self) -> None:
        """Says that a source may have something new. Any thread may call it."""
        self._woken.set()

    def gather(self, members: Sequence[_Member]) -> list[_Member]:
        """Waits for the next batch.

        Args:
            members: The sources, at least one.

        Returns:
            Those that have something ready. None of them, if one of the members is over, or if
            `wake` told of something else, such as a source that wants to join.
        """
        deadline: float | None = None
        was_woken = False
        while True:
            self._woken.clear()
            if whole := self.gather_now(members):
                return whole
            ready = _ready(members)
            if not ready:
                if was_woken or any(member.is_over for member in members):
                    return []
                was_woken = self._woken.wait()
                continue
            now = time.perf_counter()
            deadline = now + self._longest_wait if deadline is None else deadline
            if now >= deadline:
                return ready
            self._woken.wait(deadline - now)

    def gather_now(self, members: Sequence[_Member]) -> list[_Member]:
        """The next batch, if no source would have to be waited for; else none of them.

        A batch without sources that are due would only come sooner, not go faster.

        Args:
            members: The sources.
        """
        for member in members:
            member.poll()
        return [] if any(member.is_due for member in members) else _ready(members)


def _ready(members: Sequence[_Member]) -> list[_Member]:
    return [member for member in members if member.pending is not None]
