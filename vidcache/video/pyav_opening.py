# pyright: basic
"""Opening a source with PyAV: which options, which stream, live or not, and how long it is."""

import re
import time
from fractions import Fraction
from typing import TYPE_CHECKING

from vidcache.errors import SourceError
from vidcache.video.decoder_log import TALKATIVE
from vidcache.video.failures import explain_failure
from vidcache.video.locations import Location
from vidcache.video.reading import ReadOptions

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = [
    "comes_in_bursts",
    "is_live",
    "is_timed",
    "open_container",
    "open_stream",
    "to_seconds",
    "video_seconds",
]

# Demuxers that libav offers for text and raw bytes: anything can be "played" through them.
_NOT_VIDEO = frozenset({"tty", "bin", "xbin", "adf", "idf", "data"})


def open_container(location: Location, options: ReadOptions) -> "InputContainer":
    """Open a source, with time-outs wherever it is not on this machine.

    Raises:
        SourceError: It cannot be opened.
    """
    import av
    import av.error

    libav_options = dict(options.libav_options)
    file_format: str | None = None
    timeout: tuple[float, float] | None = None
    if location.kind == "lavfi":
        file_format = "lavfi"
    elif location.kind == "camera":
        file_format = "v4l2"
        if options.camera_size is not None:
            libav_options.setdefault("video_size", "{}x{}".format(*options.camera_size))
        if options.camera_rate is not None:
            libav_options.setdefault("framerate", str(options.camera_rate))
    elif location.kind in ("network", "web"):
        timeout = (options.open_timeout, options.read_timeout)
    if location.address.startswith(("rtsp:", "rtsps:")):
        libav_options.setdefault("rtsp_transport", "tcp")
        # To guess the frame rate libav looks at 20 pictures: two seconds of a slow camera, lost
        # again at each reconnect.
        libav_options.setdefault("fpsprobesize", "3")
    begin = time.monotonic()
    try:
        return av.open(
            location.address, "r", format=file_format, options=libav_options, timeout=timeout
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        waited = time.monotonic() - begin
        # libav's own error holds the address, and so the password, and would show in a traceback.
        raise explain_failure(error, location, options.open_timeout, waited=waited) from None


def open_stream(container: "InputContainer", location: Location) -> "VideoStream":
    """Choose the video stream and make its decoder ready.

    Raises:
        SourceError: There is no video stream.
    """
    from av.stream import Disposition

    if container.format.name in _NOT_VIDEO:
        raise SourceError(
            f"'{location.shown}' is not a video (it looks like text or raw data)", retry="slowly"
        )
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic and stream.codec_context
    ]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
        raise SourceError(
            f"'{location.shown}' has no video stream that can be read (it holds: "
            f"{', '.join(kinds)})",
            retry="never" if location.kind == "lavfi" else "slowly",
        )
    best = container.streams.best("video")
    stream = next((stream for stream in streams if stream is best), streams[0])
    # Threads of the decoder's own would log damage where nobody can tell whose it is and at which
    # packet, and what they do to damaged pictures depends on their timing.
    stream.codec_context.thread_count = 1
    stream.codec_context.copy_opaque = True
    # HEVC decoders notice hardly any flipped bit, except where the encoder wrote checksums.
    stream.codec_context.options = {"err_detect": "crccheck"}
    if stream.codec_context.name == "h264":
        stream.codec_context.options = TALKATIVE
    return stream


def is_live(location: Location, container: "InputContainer") -> bool:
    """Whether the source goes on in real time, whether it is read or not."""
    if location.kind == "web":
        if "mpjpeg" in container.format.name:
            return True
        unbounded = container.format.name == "hls" or container.size <= 0
        return container.duration is None and unbounded
    return location.is_live is True


def comes_in_bursts(container: "InputContainer") -> bool:
    """Whether a live stream's seconds come all at once, in files."""
    return container.format.name in ("hls", "dash")


def is_timed(container: "InputContainer") -> bool:
    """Whether its pictures say when they are shown; those of MJPEG over HTTP do not.

    libav makes times up for them, 25 a second, whatever the camera's pace.
    """
    return "mpjpeg" not in container.format.name


def video_seconds(container: "InputContainer", stream: "VideoStream") -> float | None:
    """Length of the pictures alone, which sound may outlast; None where nothing says it."""
    own = to_seconds(stream.duration, stream.time_base)
    if own is not None:
        return own
    # Matroska keeps it as a tag of the track.
    parts = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
    if parts:
        return int(parts[1]) * 3600 + int(parts[2]) * 60 + float(parts[3])
    alone = len(container.streams) == 1 and container.duration is not None
    return container.duration / 1e6 if alone and container.duration else None


def to_seconds(stamp: int | None, time_base: Fraction | None) -> float | None:
    """A timestamp in seconds; None if there is none."""
    return None if stamp is None or time_base is None else float(stamp * time_base)
