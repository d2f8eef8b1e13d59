"""What all outputs that send messages share."""

import os
from typing import Any

from vidcache.errors import SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing
from vidcache.video.sinks.delivery import Delivery, Transport
from vidcache.video.sinks.event_messages import EventMessages
from vidcache.video.sinks.spool import Spool

__all__ = ["MessageSink"]


class MessageSink(Closing):
    """Sends the events and discontinuities of results; no frame ever waits for it.

    Nothing that happens to the other side ends a run: messages wait until it is back.

    Args:
        name: What the sink is called where its losses are told.
        messages: What is told.
        transport: What carries it.
        spool: Folder in which messages wait while the other side is away; None for memory only.
        spool_bytes: How much room they take there at most.
        retry_seconds: About how long to wait after a first failure, and at most.
        close_seconds: How long closing tries to get rid of what is left.

    Raises:
        ConfigError: A number that makes no sense.
        SinkError: The spool cannot be used.
    """

    def __init__(
        self,
        name: str,
        messages: EventMessages,
        transport: Transport,
        *,
        spool: str | os.PathLike[str] | None,
        spool_bytes: int,
        retry_seconds: tuple[float, float],
        close_seconds: float,
    ) -> None:
        self.name = name
        self._messages = messages
        self._delivery = Delivery(
            transport,
            spool=Spool(spool, max_bytes=spool_bytes) if spool is not None else None,
            retry_seconds=retry_seconds,
            close_seconds=close_seconds,
        )
        self._opened = False
        self._finished = False

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._finished

    @property
    def num_dropped(self) -> int:
        """Messages that were lost because too many waited, or refused."""
        return self._delivery.num_dropped

    def open(self, header: dict[str, Any]) -> None:
        """Begin. The other side may be away. See `Sink.open`."""
        self._messages.begin(header)
        self._delivery.start()
        self._opened = True

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Send the events of one frame, if it has any. See `Sink.write`."""
        self._check_open()
        for message in self._messages.of_result(result):
            self._delivery.put(message)

    def announce(self, discontinuity: Discontinuity) -> None:
        """Send that a camera was lost. See `Sink.announce`."""
        self._check_open()
        self._delivery.put(self._messages.of_gap(discontinuity))

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Send the ends of what goes on, and what waits, if that is quick. See `Sink.close`."""
        if self._finished:
            return
        self._finished = True
        if self._opened:
            for message in self._messages.of_end(end):
                self._delivery.put(message)
            self._delivery.close()

    def _check_open(self) -> None:
        if not self._opened or self._finished:
            raise SinkError(f"the output {self.name} is not open: call open(header) before write")
