"""Opening a video of any kind."""

import os
from collections.abc import Mapping
from typing import Literal, get_args

from vidcache.errors import ConfigError
from vidcache.video.backoff import ReconnectPolicy
from vidcache.video.feed import Buffering, ReaderFeed
from vidcache.video.handover import Handover, WhenFull
from vidcache.video.locations import Location, locate
from vidcache.video.reading import Reader, ReadOptions
from vidcache.video.source import Source
from vidcache.video.supervisor import Supervision, Supervisor

__all__ = ["open_source"]


def open_source(
    uri: str | int | os.PathLike[str],
    *,
    backend: Literal["auto", "pyav", "opencv"] = "auto",
    max_size: int | None = None,
    buffer_frames: int | None = None,
    when_full: Literal["auto", "block", "latest", "oldest"] = "auto",
    max_latency: float | Literal["auto"] | None = None,
    open_timeout: float = 10.0,
    read_timeout: float = 10.0,
    camera_size: tuple[int, int] | None = None,
    camera_rate: float | None = None,
    libav_options: Mapping[str, str] | None = None,
    reconnect: ReconnectPolicy | None = None,
    stall_seconds: float = 5.0,
    settle_seconds: float = 5.0,
) -> Source:
    """Open a video and decode its first picture.

    With a ``reconnect`` policy a live source is supervised: it is returned at once, may be down
    at the start, and goes on by itself after each failure. A file takes no notice of it.

    Args:
        uri: A file; a camera number or ``/dev/videoN``; ``rtsp://…`` (opened over TCP);
            ``http(s)://…`` (a file, MJPEG or HLS); or ``lavfi:GRAPH``, a synthetic camera such as
            ``lavfi:testsrc2=size=640x360:rate=25``, which is live if the graph ends in
            ``,realtime``.
        backend: ``auto`` reads cameras with OpenCV and all else with PyAV.
        max_size: Longest side of the frames in pixels; larger ones are shrunk while decoding.
        buffer_frames: Decoded frames that may wait; by default 8, and 2 for a live source.
        when_full: What happens at a live source when another one comes: ``oldest`` drops the frame
            that has waited longest, ``latest`` the one that came, ``block`` makes the decoder wait;
            ``auto`` is ``oldest``, and ``block`` for HLS, whose seconds come at once. A file always
            waits, and loses nothing.
        max_latency: Age in seconds at which a frame of a live source is dropped instead of being
            handed out. It counts against the frame that came quickest. ``auto`` is 3 s, and any age
            for HLS and where ``block`` is asked for.
        open_timeout: Seconds that a network source may take to open.
        read_timeout: Seconds that it may then take for the next packet.
        camera_size: Width and height to ask a camera for; it gives the nearest it can.
        camera_rate: Frames a second to ask a camera for.
        libav_options: Options handed to libav as they are (PyAV only).
        reconnect: How a live source that fails is taken up again; None ends it with an error.
        stall_seconds: Time without a picture after which a supervised source counts as stalled.
        settle_seconds: How long blank and repeated pictures after a reconnect are flagged
            ``tainted`` at most.

    Raises:
        SourceError: It cannot be opened, or has not one picture. A supervised source says so from
            `Source.poll`, and only if waiting mends nothing.
        ConfigError: An option that makes no sense.
        MissingExtraError: The backend is not installed.

    Example:
        >>> with open_source("lavfi:testsrc2=size=64x48:rate=10:duration=1") as source:
        ...     [frame.pts_seconds for frame in source][:3]
        [0.0, 0.1, 0.2]
    """
    location = locate(uri)
    _check(
        backend=backend,
        max_size=max_size,
        buffer_frames=buffer_frames,
        when_full=when_full,
        max_latency=float(max_latency) if isinstance(max_latency, int) else max_latency,
        open_timeout=float(open_timeout),
        read_timeout=float(read_timeout),
        stall_seconds=float(stall_seconds),
    )
    if max_latency == "auto" and when_full == "block":
        max_latency = None
    options = ReadOptions(
        max_size,
        open_timeout,
        read_timeout,
        camera_size,
        camera_rate,
        dict(libav_options or {}),
        max_latency,
    )
    handover = Handover()
    buffering = Buffering(buffer_frames, when_full, options)
    if reconnect is not None and location.may_be_live:
        supervision = Supervision(reconnect, stall_seconds, settle_seconds)
        feed = Supervisor(
            location,
            lambda: _make_reader(location, backend, options),
            handover,
            buffering,
            options,
            supervision,
        )
        feed.start()
        return Source(location, feed, handover)
    feed = ReaderFeed(location, _make_reader(location, backend, options), handover, buffering)
    source = Source(location, feed, handover)
    feed.start()
    try:
        handover.wait_for_first()
    except BaseException:
        source.close()
        raise
    return source


def _check(**options: float | str | None) -> None:
    """Refuse options that make no sense.

    Raises:
        ConfigError: One of them.
    """
    known = {
        "backend": ("auto", "pyav", "opencv"),
        "when_full": ("auto", *get_args(WhenFull)),
        "max_latency": ("auto",),
    }
    for name, value in options.items():
        if isinstance(value, str) and value not in known[name]:
            names = ", ".join(map(repr, known[name]))
            raise ConfigError(f"{name}={value!r}: expected one of {names}")
        if name in ("max_size", "buffer_frames") and isinstance(value, int) and value < 1:
            raise ConfigError(f"{name}={value}: expected at least 1")
        if isinstance(value, float) and not value > 0:
            raise ConfigError(f"{name}={value}: expected seconds, more than 0")


def _make_reader(location: Location, backend: str, options: ReadOptions) -> Reader:
    if backend == "auto":
        backend = "opencv" if location.kind == "camera" else "pyav"
    if backend == "opencv":
        from vidcache.video.opencv_reader import OpencvReader

        return OpencvReader(location, options)
    from vidcache.video.pyav_reader import PyavReader

    return PyavReader(location, options)
