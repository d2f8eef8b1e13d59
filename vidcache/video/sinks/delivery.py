"""Sends messages in order, from a thread of its own, to somebody who may be away."""

import logging
import threading
import time
from collections import deque
from typing import Any, Protocol

from vidcache.video.backoff import Backoff, ReconnectPolicy
from vidcache.video.sinks.spool import Spool

__all__ = ["Delivery", "Transport", "UndeliveredError", "UnwantedError"]

_log = logging.getLogger(__name__)


class UndeliveredError(Exception):
    """A message did not arrive and may be sent again.

    Args:
        reason: Why, without credentials.
        retry_seconds: How long the other side wants to be left alone, if it said so.
    """

    def __init__(self, reason: str, retry_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_seconds = retry_seconds


class UnwantedError(Exception):
    """The other side took a message and refused it: sending it again is of no use."""


class Transport(Protocol):
    """Carries one message at a time."""

    @property
    def shown(self) -> str:
        """Where messages go, without credentials."""
        ...

    def connect(self, delivery: "Delivery") -> None:
        """Begin. It does not wait for the other side, and may later call `Delivery.hurry`.

        Called on the thread that opens the output; everything else on that of the delivery.
        """
        ...

    def send(self, message: dict[str, Any]) -> None:
        """Deliver one message, or raise.

        Raises:
            UndeliveredError: It did not arrive.
            UnwantedError: It was refused for good.
        """
        ...

    def disconnect(self) -> None:
        """End, soon."""
        ...


class Delivery:
    """Takes messages at once and delivers them in their order, for as long as that may take.

    A message that did not arrive is sent again after a while, twice as long after each failure.
    Meanwhile messages wait in memory or, if there is a spool, on disk; those that a former run of
    the program left there go first. When there are too many the oldest are lost and counted.

    Args:
        transport: What carries them.
        spool: Where they wait while the other side is away; None for memory only.
        max_waiting: How many wait in memory at most.
        retry_seconds: About how long to wait after a first failure, and at most.
        close_seconds: How long `close` tries to get rid of what is left.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        spool: Spool | None = None,
        max_waiting: int = 1000,
        retry_seconds: tuple[float, float] = (1.0, 60.0),
        close_seconds: float = 5.0,
    ) -> None:
        self._transport = transport
        self._spool = spool
        self._max_waiting = max_waiting
        first, longest = retry_seconds
        self._backoff = Backoff(ReconnectPolicy(first_delay=first, max_delay=longest))
        self._close_seconds = close_seconds
        self._waiting: deque[dict[str, Any]] = deque()
        self._in_flight: dict[str, Any] | None = None
        self._changed = threading.Condition()
        # Taken before the other where both are.
        self._spool_lock = threading.Lock()
        self._spool_failing = False
        self._closing = False
        self._abandoned = False
        self._hurried = False
        self._failing = False
        self._num_dropped = 0
        self._thread = threading.Thread(
            target=self._work, name=f"vidcache-delivery {transport.shown}", daemon=True
        )

    @property
    def num_dropped(self) -> int:
        """Messages that were lost or refused."""
        return self._num_dropped + (self._spool.num_dropped if self._spool is not None else 0)

    def start(self) -> None:
        """Begin to deliver."""
        self._transport.connect(self)
        self._thread.start()

    def put(self, message: dict[str, Any]) -> None:
        """Take one message. It never waits."""
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                self._waiting.popleft()
                self._num_dropped += 1
            self._waiting.append(message)
            self._changed.notify_all()

    def hurry(self) -> None:
        """The other side is back: try again now rather than after the wait."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def close(self) -> None:
        """Deliver what is left if that is quick; leave it in the spool if not, or lose it."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(self._close_seconds)
        with self._changed:
            self._abandoned = True
            self._take_back()
        self._put_aside()
        left = len(self._waiting)
        self._num_dropped += left
        if left:
            _log.warning("%s: %d messages were not delivered", self._transport.shown, left)
        if self._spool is not None:
            with self._spool_lock:
                self._spool.close()
                left = len(self._spool)
            if left:
                _log.warning("%s: %d messages wait for the next run", self._transport.shown, left)

    def _work(self) -> None:
        """Body of the thread."""
        try:
            while (message := self._next()) is not None:
                if not self._try(message):
                    return
        finally:
            self._transport.disconnect()

    def _try(self, message: dict[str, Any]) -> bool:
        """Send one message; False if there is no use in going on."""
        try:
            self._transport.send(message)
        except UnwantedError as error:
            self._num_dropped += 1
            _log.warning("%s: a message was refused: %s", self._transport.shown, error)
        except Exception as error:
            return self._wait_after(error)
        with self._spool_lock, self._changed:
            if self._abandoned:
                return False
            if self._in_flight is None and self._spool is not None:
                self._spool.remove_first()
            self._in_flight = None
        if self._failing:
            self._failing = False
            self._backoff.succeeded()
            _log.warning("%s: messages arrive again", self._transport.shown)
        return True

    def _next(self) -> dict[str, Any] | None:
        """The oldest message, waiting for one; None at the end."""
        # A slow receiver must not cost messages while there is room on disk.
        if len(self._waiting) > self._max_waiting // 2:
            self._put_aside()
        if self._spool is not None:
            with self._spool_lock:
                oldest = None if self._abandoned else self._spool.first()
            if oldest is not None:
                return oldest
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if not self._waiting or self._abandoned:
                return None
            self._in_flight = self._waiting.popleft()
            return self._in_flight

    def _wait_after(self, error: Exception) -> bool:
        """Put aside what waits until it is time to try again; False if the end comes first."""
        with self._changed:
            if self._abandoned:
                # What was on its way when it was closed has been accounted for.
                return False
        if not self._failing:
            self._failing = True
            _log.warning("%s: %s; messages wait", self._transport.shown, error)
        seconds = self._backoff.failed()
        if isinstance(error, UndeliveredError):
            seconds = max(seconds, error.retry_seconds)
        until = time.monotonic() + seconds
        with self._changed:
            self._take_back()
        while True:
            self._put_aside()
            with self._changed:
                left = until - time.monotonic()
                if self._closing or self._hurried or left <= 0:
                    self._hurried = False
                    return not self._closing
                self._changed.wait(left)

    def _take_back(self) -> None:
        """What is on its way counts as waiting again."""
        if self._in_flight is not None:
            self._waiting.appendleft(self._in_flight)
            self._in_flight = None

    def _put_aside(self) -> None:
        """Move what waits in memory to the spool, if there is one.

        Nobody who puts in a message waits for the disk meanwhile.
        """
        if self._spool is None:
            return
        with self._spool_lock:
            with self._changed:
                batch = deque(self._waiting)
                self._waiting.clear()
            try:
                while batch:
                    self._spool.append(batch[0])
                    batch.popleft()
                self._spool_failing = False
            except OSError as error:
                if not self._spool_failing:
                    _log.warning(
                        "%s: cannot keep messages on disk: %s",
                        self._transport.shown,
                        error.strerror,
                    )
                self._spool_failing = True
                with self._changed:
                    self._waiting.extendleft(reversed(batch))
