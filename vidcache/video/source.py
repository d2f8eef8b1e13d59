"""An opened video: frames decoded on a thread of their own, handed out one by one."""

import weakref
from collections.abc import Callable
from dataclasses import replace

from vidcache.errors import SourceError
from vidcache.frames import Discontinuity, Frame
from vidcache.video.closing import Closing
from vidcache.video.feed import Feed
from vidcache.video.handover import Handover
from vidcache.video.locations import Location
from vidcache.video.reading import StreamInfo
from vidcache.video.source_status import SourceStatus

__all__ = ["Source"]

_CLOSE_SECONDS = 2.0


class Source(Closing):
    """An opened video, an iterator of its frames and a context manager.

    Made by `open_source`. Decoding goes on in the background while a frame is worked on. A file
    is read without loss; a live source never makes its reader late: of the frames that come while
    the buffer is full some are dropped, and counted. Frames are numbered as they come from the
    decoder, so a gap in `Frame.index` shows where frames were dropped.

    Iterating gives frames; `poll` gives also what happened to the source, and need not wait.
    """

    def __init__(self, location: Location, feed: Feed, handover: Handover) -> None:
        self._location = location
        self._feed = feed
        self._handover = handover
        self._first: tuple[int, float] | None = None
        # A source that is forgotten instead of closed must not leave its threads waiting.
        self._finalizer = weakref.finalize(self, feed.stop)

    def __iter__(self) -> "Source":
        return self

    def __next__(self) -> Frame:
        """The next frame, waiting for it if need be.

        Raises:
            StopIteration: The video has ended, or the source was closed.
            SourceError: It could not be read on.
        """
        while (item := self.poll(None)) is not None:
            if isinstance(item, Frame):
                return item
        raise StopIteration

    def poll(self, timeout: float | None = None) -> Frame | Discontinuity | None:
        """The next frame, or news of the source, in order.

        Args:
            timeout: Seconds to wait for it at most; 0 does not wait, None waits until it comes.

        Returns:
            A frame; or a discontinuity that stands for itself: a ``disconnect``, after which no
            frames come until further notice. None if nothing came in time, and at once when the
            source has `ended`.

        Raises:
            SourceError: The source could not be read on. It has ended then.
        """
        item = self._handover.get(timeout)
        if item is None:
            return None
        if self._first is None:
            if isinstance(item, Discontinuity):
                return replace(item, frame=0, pts_seconds=0.0)
            self._first = (item.index, item.pts_seconds)
        index, pts_seconds = self._first
        # What a camera showed before anybody looked is not part of the video.
        return item if index == 0 else _shift(item, -index, -pts_seconds)

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        """Have a function called whenever `poll` may have something new to say.

        One thread can so wait for many sources: each calls the listener when a frame or news has
        come, when it has ended and when it was closed; and at once if there is something already.

        Args:
            listener: Called from any thread, without a lock held. It must neither wait nor raise,
                such as one that sets an event. None takes it away.
        """
        self._handover.set_listener(listener)

    def close(self) -> None:
        """Stop decoding and let everything go. Never hangs; closing twice is fine.

        A decoder that waits for the network at that moment ends when its time-out has passed.
        """
        self._feed.stop()
        self._feed.join(_CLOSE_SECONDS)

    @property
    def status(self) -> SourceStatus:
        """How the source is doing at this moment."""
        return self._feed.status

    @property
    def known(self) -> bool:
        """Whether a picture has come, so that `info` and what comes from it can be told."""
        return self._feed.info is not None

    @property
    def info(self) -> StreamInfo:
        """Everything that is known about the stream.

        Raises:
            SourceError: No picture has come yet; `known` tells.
        """
        info = self._feed.info
        if info is None:
            raise SourceError(f"'{self.uri}' has given no picture yet: wait for its first frame")
        return info

    @property
    def uri(self) -> str:
        """What was opened, with credentials hidden."""
        return self._location.shown

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first frame, upright. A later frame may differ."""
        return self.info.size

    @property
    def frame_rate(self) -> float:
        """Average frames a second, as the container or the camera says."""
        return self.info.frame_rate

    @property
    def is_live(self) -> bool:
        """True if the source goes on in real time, whether it is read or not.

        Before its first picture the kind of address tells; the web is taken for live until then.
        """
        info = self._feed.info
        return self._location.is_live is not False if info is None else info.is_live

    @property
    def num_frames_estimate(self) -> int | None:
        """Frames in all by the container, which may be wrong; None if unknown."""
        return self.info.num_frames_estimate

    def expected_frames(self, limit: int | None) -> int | None:
        """How many frames will come if no more than ``limit`` are wanted; None if nobody knows.

        Args:
            limit: How many are wanted at most; None for all.
        """
        estimate = self.num_frames_estimate if self.known else None
        return min(estimate, limit) if estimate and limit else estimate or limit

    @property
    def duration_seconds(self) -> float | None:
        """Length by the container; None if unknown or live."""
        return self.info.duration_seconds

    @property
    def num_seen(self) -> int:
        """Frames that came from the first one taken on; once it ended, taken and dropped ones."""
        return self._handover.num_seen

    @property
    def num_dropped(self) -> int:
        """Frames of a live source that were dropped so far."""
        return sum(self.dropped_by_cause.values())

    @property
    def dropped_by_cause(self) -> dict[str, int]:
        """Frames dropped so far, by cause.

        ``full``: the buffer was full. ``late``: older than ``max_latency``. ``skipped``: not even
        decoded, to catch up with what the network or a slow machine had held back.
        """
        return self._handover.dropped_by_cause

    @property
    def ended(self) -> bool:
        """True once everything was taken and nothing more comes."""
        return self._handover.ended

    @property
    def truncated(self) -> bool:
        """True once the video is known to have ended before its end."""
        return self._feed.truncated

    def __repr__(self) -> str:
        info = self._feed.info
        if info is None:
            return f"Source({self.uri!r}, {self.status.state.value})"
        live = ", live" if info.is_live else ""
        width, height = info.size
        return f"Source({self.uri!r}, {width}x{height}, {info.frame_rate:.4g} frames/s{live})"


def _shift(item: Frame | Discontinuity, num_frames: int, seconds: float) -> Frame | Discontinuity:
    """The item at another place of the video."""
    pts_seconds = item.pts_seconds + seconds
    if isinstance(item, Discontinuity):
        return replace(item, frame=item.frame + num_frames, pts_seconds=pts_seconds)
    gaps = tuple(
        replace(gap, frame=gap.frame + num_frames, pts_seconds=gap.pts_seconds + seconds)
        for gap in item.gaps
    )
    return replace(item, index=item.index + num_frames, pts_seconds=pts_seconds, gaps=gaps)
