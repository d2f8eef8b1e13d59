"""Keeps a live source going: watches it, and takes it up again when it fails."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from vidcache.errors import SourceError, VidcacheError
from vidcache.video.backoff import Backoff, ReconnectPolicy
from vidcache.video.connection import Connection
from vidcache.video.continuity import Continuity
from vidcache.video.feed import Buffering
from vidcache.video.handover import Handover
from vidcache.video.locations import Location
from vidcache.video.reading import Reader, ReadOptions, StreamInfo, TimedFrame
from vidcache.video.source_status import SourceState, SourceStatus

__all__ = ["Supervision", "Supervisor"]

# A reader's own time-out says more than being given up, so it is left this much time for it.
_MARGIN_SECONDS = 1.0


@dataclass(frozen=True)
class Supervision:
    """How a live source is watched.

    Attributes:
        policy: How it is taken up again.
        stall_seconds: Time without a picture after which it counts as stalled.
        settle_seconds: How long its pictures are doubted at most after a gap.
    """

    policy: ReconnectPolicy
    stall_seconds: float
    settle_seconds: float


class Supervisor:
    """Fills a handover from one connection after another.

    A connection is over when its reader ends or fails, or when it has given nothing for longer
    than the time-outs allow. Then the supervisor waits, a little longer after each failure, and
    makes a new one. A reader that hangs is left behind, but never more than one at a time.

    It ends by itself only where waiting mends nothing: a graph that is wrong or has come to its
    end, a URL that no library knows, a package that is missing, a web address that turned out to
    be a file, or as many failures in a row as are allowed.

    Args:
        location: What is watched.
        make_reader: Makes a reader for each connection.
        handover: Where frames go.
        buffering: How the handover is set up.
        options: The time-outs in force.
        supervision: How it is watched.
    """

    def __init__(
        self,
        location: Location,
        make_reader: Callable[[], Reader],
        handover: Handover,
        buffering: Buffering,
        options: ReadOptions,
        supervision: Supervision,
    ) -> None:
        self._location = location
        self._make_reader = make_reader
        self._handover = handover
        self._buffering = buffering
        self._options = options
        self._supervision = supervision
        self._backoff = Backoff(supervision.policy)
        self._continuity = Continuity(supervision.settle_seconds)
        self._changed = threading.Condition()
        self._connection: Connection | None = None
        self._abandoned: Connection | None = None
        self._info: StreamInfo | None = None
        self._status = SourceStatus(SourceState.CONNECTING, time.time(), num_attempts=1)
        self._thread = threading.Thread(
            target=self._run, name=f"vidcache-supervise {location.shown}", daemon=True
        )

    @property
    def info(self) -> StreamInfo | None:
        """What the first connection told about the stream; None before its first picture."""
        return self._info

    @property
    def truncated(self) -> bool:
        """True once a web address that turned out to be a file has ended early."""
        connection = self._connection
        return connection is not None and not self._is_live and connection.reader.truncated

    @property
    def status(self) -> SourceStatus:
        """How it is doing."""
        return self._status

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, and return at once."""
        self._handover.close()
        with self._changed:
            self._changed.notify_all()

    def join(self, timeout: float) -> None:
        """Wait for it and its reader to end, at most so many seconds."""
        deadline = time.monotonic() + timeout
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)
        if self._connection is not None:
            self._connection.join(max(0.0, deadline - time.monotonic()))

    @property
    def _is_live(self) -> bool:
        return self._info is None or self._info.is_live

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._keep_going()
        except VidcacheError as known:
            error = known
        except Exception as unknown:
            error = SourceError(
                f"watching '{self._location.shown}' failed: {type(unknown).__name__}: {unknown}"
            )
            error.__cause__ = unknown
        detail = self._status.detail if error is None else _reason(error)
        self._set(SourceState.ENDED, detail=detail, retry_seconds=None)
        self._handover.finish(error)

    def _keep_going(self) -> None:
        """Make connections until the source is not wanted any more, or is beyond help."""
        while not self._handover.closed:
            connection = self._connect()
            problem = self._follow(connection)
            if self._handover.closed or self._has_ended(connection, problem):
                return
            lived = connection.last_sign - connection.began if connection.num_frames else 0.0
            if lived >= self._supervision.policy.reset_seconds:
                self._backoff.succeeded()
            self._wait(problem)

    def _connect(self) -> Connection:
        attempts = self._status.num_attempts if self._connection is None else None
        self._set(
            SourceState.CONNECTING,
            num_attempts=attempts or self._status.num_attempts + 1,
            retry_seconds=None,
        )
        with self._changed:
            self._continuity.begin_connection()
        connection = Connection(
            self._make_reader(),
            self._location.shown,
            self._handover,
            self._changed,
            adopt=self._adopt,
            count_skipped=self._count_skipped,
        )
        self._connection = connection
        connection.start()
        return connection

    def _follow(self, connection: Connection) -> BaseException | None:
        """Wait until a connection is over, and say what ended it; None at the stream's end."""
        stall_seconds = self._supervision.stall_seconds
        with self._changed:
            while not connection.finished and not self._handover.closed:
                silent = 0.0 if connection.delivering else time.monotonic() - connection.last_sign
                patience = self._patience(connection)
                if silent >= patience and self._may_abandon():
                    connection.revoke()
                    self._abandoned = connection
                    return SourceError(
                        f"'{self._location.shown}' gave no picture for {silent:.0f} s",
                        reason=f"no picture for {silent:.0f} s",
                    )
                stalled = connection.num_frames > 0 and silent >= stall_seconds
                if stalled and self._status.state is SourceState.LIVE:
                    self._set(SourceState.STALLED, detail=f"no picture for {silent:.1f} s")
                limit = patience if stalled or not connection.num_frames else stall_seconds
                # A reader that may not be left yet is looked at again now and then.
                self._changed.wait(max(limit - silent, 0.05 if silent < patience else 1.0))
            return connection.error

    def _patience(self, connection: Connection) -> float:
        """Seconds of silence after which a connection is given up."""
        if self._location.kind == "lavfi":
            # A graph may show a picture an hour; it does not hang.
            return threading.TIMEOUT_MAX
        read = self._options.read_timeout + _MARGIN_SECONDS
        if connection.num_frames:
            return read
        # To open a stream is to connect and then to look at it, each with the same time-out.
        return 2 * self._options.open_timeout + read

    def _may_abandon(self) -> bool:
        return self._abandoned is None or self._abandoned.finished

    def _has_ended(self, connection: Connection, problem: BaseException | None) -> bool:
        """Whether the source came to its own end.

        Raises:
            VidcacheError: What waiting does not mend.
        """
        if problem is None:
            return self._location.kind == "lavfi" or not self._is_live
        if not isinstance(problem, SourceError) or problem.retry == "never" or not self._is_live:
            raise problem
        return False

    def _wait(self, problem: BaseException | None) -> None:
        """Tell that the source was lost, and wait before the next attempt.

        Raises:
            SourceError: It has failed as often as it may.
        """
        reason = "the camera ended the stream" if problem is None else _reason(problem)
        refused = isinstance(problem, SourceError) and problem.retry == "slowly"
        delay = self._backoff.refused() if refused else self._backoff.failed()
        exhausted = self._backoff.exhausted
        self._set(SourceState.BACKOFF, detail=reason, retry_seconds=delay)
        with self._changed:
            lost = self._continuity.lose(reason)
        if lost is not None:
            self._handover.announce(lost)
        if exhausted:
            raise SourceError(
                f"gave up '{self._location.shown}' after {self._backoff.num_failures} failures in "
                f"a row, the last one: {reason}",
                reason=reason,
            ) from problem
        with self._changed:
            self._changed.wait_for(lambda: self._handover.closed, delay)

    def _adopt(self, timed: TimedFrame) -> TimedFrame:
        """Take a frame of the connection into the stream; called on the reader's thread."""
        first = self._info is None
        if first and self._connection is not None:
            self._info = self._connection.reader.info
            assert self._info is not None, "a reader sets it before its first frame"
            self._buffering.configure(self._handover, self._info)
        if self._status.state is not SourceState.LIVE:
            came_back = self._status.state is SourceState.CONNECTING and not first
            self._set(
                SourceState.LIVE,
                num_attempts=0,
                num_reconnects=self._status.num_reconnects + came_back,
            )
            # The watch for silence begins anew.
            self._changed.notify_all()
        return replace(timed, frame=self._continuity.adopt(timed.frame))

    def _count_skipped(self, num_frames: int) -> None:
        self._continuity.count_skipped(num_frames)
        self._handover.count_skipped(num_frames)

    def _set(
        self,
        state: SourceState,
        *,
        detail: str | None = None,
        num_attempts: int | None = None,
        num_reconnects: int | None = None,
        retry_seconds: float | None = None,
    ) -> None:
        """Change the status; what is not given stays, but for the wait, which is one state's."""
        old = self._status
        self._status = SourceStatus(
            state,
            old.since if state is old.state else time.time(),
            old.detail if detail is None else detail,
            old.num_reconnects if num_reconnects is None else num_reconnects,
            old.num_attempts if num_attempts is None else num_attempts,
            retry_seconds,
        )


def _reason(error: BaseException) -> str:
    return error.reason if isinstance(error, SourceError) else str(error)
