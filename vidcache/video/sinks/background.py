"""A sink on a thread of its own, behind a bounded queue."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vidcache.errors import InputError, SinkError, VidcacheError
from vidcache.frames import Discontinuity, Event, Frame, FrameResult, LabelChange
from vidcache.video.closing import Closing
from vidcache.video.sinks.sink import Sink

__all__ = ["BackgroundSink"]

# Events of results that were left out wait for one that fits in; so many of them at most.
_MOST_KEPT_EVENTS = 1000

_Item = tuple[Frame, FrameResult] | Discontinuity


@runtime_checkable
class _Timed(Protocol):
    @property
    def stage_times(self) -> Mapping[str, tuple[float, int]]: ...


class BackgroundSink(Closing):
    """Does the work of another sink on a thread of its own.

    The results of a file wait for their turn, and `write` waits while too many do: nothing is
    lost. Those of a live source (``live`` in the header) never wait for an output: what does not
    fit into the queue is left out and counted. Even then no event is lost: actions that began or
    ended go with the next result that fits, and a lost camera's announcement always fits.

    Args:
        sink: The sink, as new. It is opened on the calling thread, so that a path that cannot be
            written shows at once, and written and closed on its own.
        buffer_items: How many results may wait.
        with_pictures: Whether the sink needs the pictures. If not, black ones of no weight take
            their place, and a long queue costs next to no memory.
        close_seconds: How long `close` waits at most for an output that has stopped taking
            anything, after a live source.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from vidcache.video import JsonlSink, read_jsonl
        >>> path = Path(tempfile.mkdtemp()) / "camera.jsonl"
        >>> with BackgroundSink(JsonlSink(path), with_pictures=False) as sink:
        ...     sink.open({"source": "camera", "live": True})
        ...     frame = Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0)
        ...     sink.write(frame, FrameResult(0, 0.0, "walk", ()))
        ...     sink.close({"frames": 1})
        >>> len(read_jsonl(path).frames), sink.num_dropped
        (1, 0)
    """

    def __init__(
        self,
        sink: Sink,
        *,
        buffer_items: int = 8,
        with_pictures: bool = True,
        close_seconds: float = 10.0,
    ) -> None:
        if buffer_items < 1:
            raise InputError(f"buffer_items={buffer_items}: expected at least 1")
        self._sink = sink
        self._capacity = buffer_items
        self._with_pictures = with_pictures
        self._close_seconds = close_seconds
        self._items: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._kept_events = deque[Event | Discontinuity | LabelChange](maxlen=_MOST_KEPT_EVENTS)
        self._live = False
        self._closing = False
        self._end: dict[str, Any] | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._failed = False
        self._num_dropped = 0
        self._busy = (0.0, 0)

    @property
    def name(self) -> str:
        """What the sink is called where its time and its losses are told."""
        kind = type(self._sink).__name__.removesuffix("Sink").lower()
        return getattr(self._sink, "name", kind)

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._closing or (self._failed and self._error is None)

    @property
    def num_dropped(self) -> int:
        """Results of a live source that were left out because the output was too slow."""
        return self._num_dropped + getattr(self._sink, "num_dropped", 0)

    @property
    def stage_times(self) -> Mapping[str, tuple[float, int]]:
        """Seconds and frames so far of each stage of the work on the other thread."""
        if isinstance(self._sink, _Timed):
            return self._sink.stage_times
        return {f"{self.name} (background)": self._busy} if self._busy[1] else {}

    def open(self, header: dict[str, Any]) -> None:
        """Open the sink and begin. See `Sink.open`."""
        self._sink.open(header)
        self._live = bool(header.get("live"))
        self._thread = threading.Thread(
            target=self._work, name=f"vidcache-sink {self.name}", daemon=True
        )
        self._thread.start()

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Take one result; of a file it waits while too many do. See `Sink.write`."""
        self._check_open()
        if not self._with_pictures:
            shape = frame.image_rgb.shape
            frame = replace(frame, image_rgb=np.broadcast_to(np.zeros(1, np.uint8), shape))
        with self._changed:
            if not self._live:
                self._changed.wait_for(lambda: len(self._items) < self._capacity or self._failed)
            elif len(self._items) >= self._capacity:
                self._num_dropped += 1
                self._kept_events.extend(result.events)
                return
            if self._kept_events:
                result = replace(result, events=(*self._kept_events, *result.events))
                self._kept_events.clear()
            self._items.append((frame, result))
            self._changed.notify_all()
        self._raise_error()

    def announce(self, discontinuity: Discontinuity) -> None:
        """Take note of a lost camera, in its order. See `Sink.announce`."""
        self._check_open()
        with self._changed:
            self._items.append(discontinuity)
            self._changed.notify_all()

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Finish what is waiting and close the sink. See `Sink.close`.

        Raises:
            SinkError: Something could not be written, or is still waiting after ``close_seconds``
                because the output takes no more.
        """
        if self._closing:
            return
        with self._changed:
            self._closing = True
            self._end = end
            if end is not None and self._kept_events:
                self._end = {**end, "events": [*self._kept_events, *end.get("events", ())]}
            self._changed.notify_all()
        if self._thread is None:
            self._sink.close(end)
        else:
            self._thread.join(self._close_seconds if self._live else None)
            if self._thread.is_alive():
                self._give_up()
        self._raise_error()

    def _give_up(self) -> None:
        with self._changed:
            left = len(self._items)
            self._items.clear()
            self._failed = True
        self._num_dropped += left
        raise SinkError(
            f"the output {self.name} took nothing for {self._close_seconds:g} s: "
            f"its last {left + 1} results are lost"
        )

    def _check_open(self) -> None:
        if self._thread is None or self._closing:
            raise SinkError(f"the output {self.name} is not open: call open(header) before write")
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        """Body of the thread. After an error nobody is kept waiting, and the sink is closed."""
        try:
            while (item := self._next_item()) is not None:
                start = time.perf_counter()
                if isinstance(item, Discontinuity):
                    self._sink.announce(item)
                    continue
                self._sink.write(*item)
                seconds, num_frames = self._busy
                self._busy = (seconds + time.perf_counter() - start, num_frames + 1)
            self._sink.close(self._end)
        except Exception as error:
            self._fail(error)

    def _next_item(self) -> _Item | None:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closing)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, VidcacheError):
            known = SinkError(f"the output {self.name} failed: {error!r}")
            known.__cause__ = error
            error = known
        try:
            self._sink.close()
        except Exception as second:
            error.__context__ = second
        with self._changed:
            self._error = error
            self._failed = True
            self._items.clear()
            self._changed.notify_all()
